//! One job's life: the handler, what it may be stopped by, and the callbacks after it.

use std::rc::Rc;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::job::Callback;
use crate::watched::{Lag, Watched};
use crate::{Failure, Handler, JobContext};

/// How a job ended.
pub(crate) enum Outcome {
    /// With the last piece of output, which fits in a frame.
    Ok(Bytes),
    Failed(Failure),
    Cancelled,
}

/// Runs the job to its end. The handler's panics are part of the outcome.
pub(crate) async fn perform<H: Handler>(
    handler: Rc<H>,
    job: JobContext,
    callbacks: Receiver<Callback>,
    lag: Lag,
) -> (u64, Outcome) {
    let outcome = handle(&*handler, &job, &lag).await;
    run_callbacks(&job, &callbacks).await;
    (job.state.number(), outcome)
}

async fn handle<H: Handler>(handler: &H, job: &JobContext, lag: &Lag) -> Outcome {
    let work = async {
        let output = handler.handle(job.clone()).await?;
        send_all_but_the_last_frame(job, output).await
    };
    let mut work = Watched::new(work, lag);
    tokio::select! {
        biased;
        result = &mut work => match result {
            Ok(Ok(rest)) => Outcome::Ok(rest),
            Ok(Err(_)) if job.state.cancel.get().is_some() => Outcome::Cancelled,
            Ok(Err(failure)) => Outcome::Failed(failure.of_a_handler()),
            Err(panic) => Outcome::Failed(panic.into()),
        },
        () = job.state.told_to_drop() => {
            work.abandon();
            Outcome::Cancelled
        }
    }
}

/// What does not fit in the job's last message goes before it, under the window. The handler has
/// ended, so nobody but this is there to notice a cancel.
async fn send_all_but_the_last_frame(
    job: &JobContext,
    mut output: Bytes,
) -> Result<Bytes, Failure> {
    let excess = output.len().saturating_sub(job.link.frame_data());
    if excess > 0 {
        let first = output.split_to(excess);
        tokio::select! {
            sent = job.output(first) => sent?,
            reason = job.state.cancel.wait() => {
                return Err(Failure::new(format!("cancelled while its output was sent: {reason}")));
            }
        }
    }
    Ok(output)
}

/// If the job ended in a shutdown: all callbacks at the same time, and then those that they have
/// registered. A panic of one is logged by the hook and ends only that one.
async fn run_callbacks(job: &JobContext, callbacks: &Receiver<Callback>) {
    let Some(reason) = job.link.shutdown.get() else {
        return;
    };
    let mut running = JoinSet::new();
    loop {
        for callback in callbacks.try_iter() {
            running.spawn_local(async move { callback(reason).await });
        }
        if running.join_next().await.is_none() {
            return;
        }
    }
}
