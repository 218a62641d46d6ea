//! Runs cases side by side.

use std::panic::resume_unwind;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::case::CaseResult;

/// How a catalogue is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The bound of each single wait. Default 5 s.
    pub timeout: Duration,
    /// How many cases run at a time, at least 1. Default 4.
    pub parallel: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            parallel: 4,
        }
    }
}

/// Runs `cases`, at most so many at a time, and tells each result as it is there. Returns all of them
/// in the order of `cases`.
pub(crate) async fn run_side_by_side<F>(
    cases: impl IntoIterator<Item = F>,
    parallel: usize,
    mut tell: impl FnMut(&CaseResult),
) -> Vec<CaseResult>
where
    F: Future<Output = CaseResult> + Send + 'static,
{
    let mut waiting = cases.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < parallel.max(1)
            && let Some((index, case)) = waiting.next()
        {
            running.spawn(async move { (index, case.await) });
        }
        match running.join_next().await {
            None => break,
            Some(Ok((index, result))) => {
                tell(&result);
                done.push((index, result));
            }
            // A case is our own code: a panic in it is a defect of the kit.
            Some(Err(defect)) => resume_unwind(defect.into_panic()),
        }
    }
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
