//! What happens to units, and what they print, in order.

use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::supervisor::Notice;
use tokio::sync::broadcast;

use super::UnitReport;
pub use crate::logs::OutputSource;

/// One turn of things.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SupervisorEvent {
    /// Its place in the supervisor's history, from 0, without gaps.
    pub sequence: u64,
    /// How long after the supervisor was made.
    pub at: Duration,
    /// What has happened.
    pub notice: Notice,
    /// Everything known of a run that has just ended; of no other notice.
    pub report: Option<Arc<UnitReport>>,
}

/// A supervisor's events from the moment of asking on.
#[derive(Debug)]
pub struct SupervisorEvents {
    pub(crate) receiver: broadcast::Receiver<SupervisorEvent>,
}

impl SupervisorEvents {
    /// The next event; `None` once the supervisor is gone. One who is more than 1,024 events behind
    /// misses the oldest: the sequence numbers show it.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<SupervisorEvent> {
        next(&mut self.receiver).await
    }
}

/// A line that a unit has printed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutputLine {
    /// Its place among the unit's lines, from 0, without gaps; lines that were dropped count.
    pub sequence: u64,
    /// How long after the supervisor was made.
    pub at: Duration,
    /// Which unit.
    pub unit: Arc<str>,
    /// Which of its runs.
    pub generation: u64,
    /// Where it was printed.
    pub source: OutputSource,
    /// The line, without its end, at most 64 KiB; from [`OutputLines`], at most its first 8 KiB and
    /// how many bytes were left out. What would command a terminal is still in it.
    pub text: Arc<str>,
}

/// What units print from the moment of asking on.
#[derive(Debug)]
pub struct OutputLines {
    pub(crate) receiver: broadcast::Receiver<OutputLine>,
}

impl OutputLines {
    /// The next line; `None` once the supervisor is gone. One who is more than 4,096 lines behind,
    /// which are 32 MiB at most, misses the oldest: the sequence numbers show it.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<OutputLine> {
        next(&mut self.receiver).await
    }
}

async fn next<T: Clone>(receiver: &mut broadcast::Receiver<T>) -> Option<T> {
    loop {
        match receiver.recv().await {
            Ok(value) => return Some(value),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}
