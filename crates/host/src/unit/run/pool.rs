//! A run of a pool.

use std::sync::Arc;

use greenroom_supervision::SpawnFailure;
use greenroom_supervision::stop::StopAction;
use greenroom_supervision::unit::Exit;

use super::looks::Looks;
use super::{Fact, Link, Live, Order, Over, Start};
use crate::pool::{Pool, PoolBuilder};

pub(super) async fn live(start: Start, builder: &PoolBuilder) -> Over {
    let mark = start.mark();
    let Start {
        run,
        unit,
        lines,
        facts,
        mut orders,
        ..
    } = start;
    let held = match builder.clone().start_in_background() {
        Ok((pool, _)) => Held(pool),
        Err(error) => {
            let failure = SpawnFailure {
                step: "start the pool".into(),
                errno: None,
                message: error.to_string(),
                permanent: true,
            };
            return Over::silent(Err(failure), lines, orders);
        }
    };
    let pool = &held.0;
    let link = Link { run, facts };
    let mut looks = Looks::new(Arc::clone(&unit), mark);
    link.tell(Fact::Spawned(None)).await;
    let mut stopping = false;
    let mut warm = false;
    let mut failed = None;
    loop {
        tokio::select! {
            () = pool.ended() => {
                let exit = failed.map_or(Exit::Returned, Exit::Failed);
                return Over::silent(Ok(exit), lines, orders);
            }
            settled = pool.settled(), if !warm && failed.is_none() && !stopping => match settled {
                Ok(()) => {
                    warm = true;
                    link.tell(Fact::Ready).await;
                }
                // What was begun is cleaned up before the failure is told.
                Err(error) => {
                    failed = Some(error.to_string());
                    pool.end();
                }
            },
            order = orders.recv() => match order {
                Some(Order::Stop(StopAction::Kill)) => pool.kill("its unit is killed"),
                Some(Order::Stop(_)) => {
                    stopping = true;
                    pool.end();
                }
                Some(Order::Probe(which)) => looks.probe(which),
                Some(Order::CatchUp) => link.tell(Fact::CaughtUp).await,
                Some(Order::Describe(reply)) => describe(reply, pool, Live::of(&lines)),
                // Who asks may have gone.
                Some(Order::Pool(reply)) => drop(reply.send(pool.clone())),
                // Its workers are measured by their own limits; signals are for daemons.
                Some(Order::SampleMemory | Order::Signal(..)) => {}
                None => std::future::pending().await,
            },
            fact = looks.next() => link.tell(fact).await,
        }
    }
}

/// A pool that ends with its run, whoever else has a handle to it.
struct Held(Pool);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.kill("its unit has ended");
    }
}

/// The pool's task answers in its own time, and nobody here waits for it.
fn describe(reply: tokio::sync::oneshot::Sender<Live>, pool: &Pool, live: Live) {
    let pids = pool.pids();
    tokio::spawn(async move {
        let groups = pids.await;
        let _ = reply.send(Live { groups, ..live });
    });
}
