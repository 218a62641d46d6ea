//! A run of an async function.

use std::error::Error;
use std::sync::Arc;

use greenroom_supervision::harmless;
use greenroom_supervision::stop::StopAction;
use greenroom_supervision::unit::Exit;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::looks::Looks;
use super::{Fact, Link, Live, Order, Over, Start};
use crate::unit::{BoxError, Task};

/// What is kept of the words of a task that has failed.
const WORDS: usize = 4 << 10;

pub(super) async fn live(start: Start, task: &Task) -> Over {
    let mark = start.mark();
    let Start {
        run,
        unit,
        lines,
        facts,
        mut orders,
        ..
    } = start;
    let link = Link { run, facts };
    let mut looks = Looks::new(Arc::clone(&unit), mark);
    let token = CancellationToken::new();
    let mut running = {
        let function = Arc::clone(&task.start);
        let token = token.clone();
        // Called within, so that a panic of the call itself is the task's as well.
        let future = async move { function(token).await };
        AbortOnDropHandle::new(tokio::spawn(future))
    };
    link.tell(Fact::Spawned(None)).await;
    loop {
        tokio::select! {
            returned = &mut running => return Over::silent(Ok(exit(returned)), lines, orders),
            order = orders.recv() => match order {
                Some(Order::Stop(StopAction::Kill)) => running.abort(),
                Some(Order::Stop(_)) => token.cancel(),
                Some(Order::Probe(which)) => looks.probe(which),
                Some(Order::CatchUp) => link.tell(Fact::CaughtUp).await,
                // Who asks may have gone.
                Some(Order::Describe(reply)) => drop(reply.send(Live::of(&lines))),
                // There is nothing to measure, to signal or to hand out: dropping it says so.
                Some(Order::SampleMemory | Order::Signal(..) | Order::Pool(_)) => {}
                None => std::future::pending().await,
            },
            fact = looks.next() => link.tell(fact).await,
        }
    }
}

fn exit(returned: Result<Result<(), BoxError>, JoinError>) -> Exit {
    match returned {
        Ok(Ok(())) => Exit::Returned,
        Ok(Err(error)) => Exit::Failed(harmless(&chain(error.as_ref()), WORDS)),
        Err(error) if error.is_panic() => {
            let message = panic_message(error.into_panic().as_ref());
            Exit::Panicked(harmless(&message, WORDS))
        }
        Err(_) => Exit::Failed("it was aborted".into()),
    }
}

/// An error and what it came from.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(": ");
        words.push_str(&error.to_string());
        source = error.source();
    }
    words
}

/// The words of a panic, if it has any.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it said nothing".into())
}
