//! One job, from its launch to its end.

use greenroom::{Job, LaunchError, Pool, Refusal};
use tokio::sync::watch;
use tokio::time::Instant;

use super::outcome::{Failure, Ran};

/// What came of a job that was to be run.
pub(super) enum Performed {
    Ran(Ran),
    /// The run was ended before a worker had it.
    NotRun,
    /// No worker can be started, for this or any other job.
    NoWorkers(Refusal),
}

/// Runs a job. While it waits for a worker it can be `halted`; then it finishes.
pub(super) async fn perform(pool: Pool, job: Job, mut halted: watch::Receiver<bool>) -> Performed {
    let launched = tokio::select! {
        // One that has a worker already is not given up.
        biased;
        launched = pool.launch(job) => launched,
        _ = halted.wait_for(|halted| *halted) => return Performed::NotRun,
    };
    let handle = match launched {
        Ok(handle) => handle,
        Err(LaunchError::Refused(Refusal::Closed)) => return Performed::NotRun,
        Err(LaunchError::Refused(refusal @ Refusal::Unavailable { .. })) => {
            return Performed::NoWorkers(refusal);
        }
        Err(error) => return Performed::Ran(Ran::not_at_all(error.into())),
    };
    let (worker, queued) = (handle.worker(), handle.queued_for());
    let begin = Instant::now();
    let result = handle.output().await.map_err(Failure::from);
    Performed::Ran(Ran {
        worker,
        queued,
        took: begin.elapsed(),
        result,
    })
}
