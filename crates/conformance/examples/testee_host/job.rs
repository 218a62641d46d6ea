//! The life of one job: launched, its output taken, its outcome said.

use greenroom::{JobError, JobHandle, Pool};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::order::Asked;
use crate::say;

/// So many bytes of an output are shown; the rest is counted.
const SHOWN: usize = 1_000;

/// What may be wanted of a job that was launched.
#[derive(Clone, Copy)]
pub(crate) enum Wish {
    /// Take its output from now on.
    Take,
    /// Stop it.
    Cancel,
}

/// What came of a job's output so far.
#[derive(Default)]
struct Output {
    head: Vec<u8>,
    bytes: usize,
}

/// Runs it to its end, and says how it ended.
pub(crate) async fn run(pool: Pool, asked: Asked, mut wishes: mpsc::Receiver<Wish>) {
    let mut held = asked.hold;
    let mut launch = std::pin::pin!(pool.launch(asked.to_job()));
    let launched = loop {
        tokio::select! {
            launched = &mut launch => break Some(launched),
            wish = wishes.recv() => match wish {
                Some(Wish::Cancel) => break None,
                Some(Wish::Take) => held = false,
                // The pool closes: the launch fails.
                None => break Some(launch.await),
            },
        }
    };
    let mut line = match launched {
        None => json!({"outcome": "cancelled"}),
        Some(Err(error)) => json!({"outcome": "lost", "reason": error.to_string()}),
        Some(Ok(job)) => follow(job, held, wishes).await,
    };
    line["key"] = asked.key.into();
    say(&line);
}

/// Takes its output, unless it is held back, and returns its outcome.
async fn follow(mut job: JobHandle, mut held: bool, mut wishes: mpsc::Receiver<Wish>) -> Value {
    let mut output = Output::default();
    loop {
        tokio::select! {
            piece = job.chunk(), if !held => match piece {
                Some(piece) => output.add(&piece),
                None => return outcome(job.finished().await, &output),
            },
            Some(wish) = wishes.recv() => match wish {
                Wish::Take => held = false,
                Wish::Cancel => job.cancel(),
            },
            // Nobody can wish for anything any more.
            else => held = false,
        }
    }
}

impl Output {
    fn add(&mut self, piece: &[u8]) {
        let room = SHOWN - self.head.len();
        self.head.extend(piece.iter().take(room));
        self.bytes += piece.len();
    }
}

fn outcome(end: Result<(), JobError>, output: &Output) -> Value {
    match end {
        Ok(()) => json!({
            "outcome": "ok",
            "output": String::from_utf8_lossy(&output.head),
            "bytes": output.bytes,
        }),
        Err(JobError::Failed {
            kind,
            message,
            retryable,
        }) => json!({
            "outcome": "failed",
            "kind": kind.0,
            "message": message,
            "retryable": retryable,
        }),
        Err(JobError::Cancelled | JobError::DeadlineExceeded { .. }) => {
            json!({"outcome": "cancelled"})
        }
        Err(error) => json!({"outcome": "lost", "reason": error.to_string()}),
    }
}
