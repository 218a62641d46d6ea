//! One launch, from the first word to its only end.

use std::time::Duration;

use bytes::Bytes;
use greenroom::{Job, JobError, JobHandle, LaunchError, Pool};
use greenroom_tests::given_up_at_its_first_wait;

use super::task::{Act, Task, Witness};
use crate::ledger::{End, Outcome, Tally};

/// Only a hang exceeds it: the queue's deadline, the jobs' own and the longest freeze are within.
const LIMIT: Duration = Duration::from_secs(60);

/// Books what becomes of a task. False if it was refused.
pub(super) async fn perform(pool: &Pool, task: Task, tally: &mut Tally) -> bool {
    let what = format!("{:?} ({:?}, {})", task.job, task.act, task.wanted);
    let witness = task.witness.clone();
    tally.asked += 1;
    let outcome = match tokio::time::timeout(LIMIT, go(pool, task)).await {
        Err(_) => {
            tally.unanswered(format!("{what} has no end after {LIMIT:?}"));
            return true;
        }
        Ok(outcome) => outcome.and_then(|outcome| match witness {
            Some(witness) => testify(outcome, &witness),
            None => Ok(outcome),
        }),
    };
    match outcome {
        Ok(outcome) => {
            tally.book(&outcome);
            !matches!(outcome, Outcome::Refused)
        }
        Err(fault) => {
            tally.wrong(format!("{what}: {fault}"));
            true
        }
    }
}

async fn go(pool: &Pool, task: Task) -> Result<Outcome, String> {
    let Task {
        job, act, wanted, ..
    } = task;
    if act == Act::Withdraw {
        given_up_at_its_first_wait(pool.launch(job)).await;
        return Ok(Outcome::Withdrawn);
    }
    let mut handle = match launch(pool, job, act).await {
        Ok(handle) => handle,
        Err(LaunchError::Refused(_)) => return Ok(Outcome::Refused),
        Err(error) => return Err(format!("its launch failed: {error}")),
    };
    let result = match act {
        Act::LetGo => return Ok(Outcome::LetGo),
        Act::Cancel | Act::Kill => {
            let begun = handle.chunk().await;
            if begun.as_deref().is_some_and(|chunk| chunk != b"begun") {
                return Err(format!("it began with {begun:?}"));
            }
            if act == Act::Cancel {
                handle.cancel();
            } else {
                handle.kill();
            }
            handle.output().await
        }
        Act::Wait | Act::Reserve => output(handle).await,
        Act::Withdraw => unreachable!("it was withdrawn above"),
    };
    Ok(Outcome::Ended(wanted.judge(&result)?))
}

async fn launch(pool: &Pool, job: Job, act: Act) -> Result<JobHandle, LaunchError> {
    if act == Act::Reserve {
        return pool.reserve().await?.launch(job).await;
    }
    pool.launch(job).await
}

/// As a careful reader: piece by piece, and the end is asked for twice.
async fn output(mut handle: JobHandle) -> Result<Bytes, JobError> {
    let mut all = Vec::new();
    while let Some(piece) = handle.chunk().await {
        all.extend_from_slice(&piece);
    }
    handle.finished().await?;
    handle.finished().await.map(|()| all.into())
}

/// Whether the handler has begun as often as it may have, and as it must have.
fn testify(outcome: Outcome, witness: &Witness) -> Result<Outcome, String> {
    let Witness { file, runs } = witness;
    let begun = match std::fs::read_to_string(file) {
        Ok(text) => text.lines().count() as u64,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        // The stage is short of descriptors itself: nobody can say.
        Err(_) => return Ok(outcome),
    };
    let _ = std::fs::remove_file(file);
    let (least, most) = match &outcome {
        Outcome::Refused => (0, 0),
        Outcome::Ended(End::AsAsked) => (1, *runs),
        Outcome::Ended(End::Lost(_) | End::Starved) => (0, *runs),
        Outcome::LetGo | Outcome::Withdrawn => return Ok(outcome),
    };
    if (least..=most).contains(&begun) {
        return Ok(outcome);
    }
    Err(format!(
        "its handler began {begun} times, which was to be from {least} to {most}"
    ))
}
