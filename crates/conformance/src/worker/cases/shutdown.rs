//! How a worker leaves that was told to (section 5.3).

mod alone;
mod with_jobs;

use std::time::Duration;

use greenroom_protocol::WorkerMessage;

use super::jobs::judge::{judge, list};
use crate::worker::case::{Stop, WorkerCase};
use crate::worker::session::{Messages, Session};

/// What a worker has to leave in. A handler that does not end is cut off within it.
const GRACE: Duration = Duration::from_millis(1_000);

pub(super) fn cases() -> Vec<WorkerCase> {
    [alone::cases(), with_jobs::cases()].concat()
}

/// The worker must leave in order: `Exiting`, the end of the stream, exit 0. The kit's bound begins
/// now and is longer than any grace. Returns what came before `Exiting`.
async fn leaves(session: &mut Session) -> Result<Messages, Stop> {
    let mut before = session
        .expect_end("GR-5.3-4", "Exiting and the end of the stream")
        .await?;
    let last = before.pop();
    judge(
        matches!(last, Some(WorkerMessage::Exiting(_))),
        "GR-5.3-6",
        "Exiting as the last message",
        list(last.as_slice()),
    )?;
    let exit = session
        .expect_exit("GR-5.3-4", "exit within the grace")
        .await?;
    judge(
        exit.code() == Some(0),
        "GR-5.3-7",
        "exit with 0",
        exit.to_string(),
    )?;
    Ok(before)
}

/// How many acknowledgements these are.
fn acknowledgements(messages: &[WorkerMessage]) -> usize {
    let is_one = |message: &&WorkerMessage| matches!(message, WorkerMessage::ShuttingDown(_));
    messages.iter().filter(is_one).count()
}
