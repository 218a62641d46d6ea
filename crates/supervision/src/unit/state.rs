//! Where a unit stands.

use std::fmt;

/// A unit's number, given when it is added and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(pub u64);

/// One start of a unit: facts about earlier ones say nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// Which unit.
    pub unit: UnitId,
    /// How many starts there were before, from 0.
    pub generation: u64,
}

/// What a unit is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKind {
    /// A process of its own.
    Daemon,
    /// An async function in this process.
    Task,
    /// A pool of workers.
    Pool,
}

/// The states of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitState {
    /// It was not started yet, or was stopped: on request, with everything, or with its group.
    Stopped,
    /// It is to run as soon as the units it comes after have got far enough.
    Waiting,
    /// The order to start it was given; nothing runs yet.
    Starting,
    /// It runs and is not ready yet.
    Started,
    /// It runs and is ready.
    Ready,
    /// It was told to end, or killed, and is not gone yet.
    Stopping,
    /// It has ended and will be started again after a delay.
    Backoff,
    /// It has ended, and all is well with that.
    Completed,
    /// It has ended and is not started again, unless its policy retries much later.
    Failed,
}

impl UnitState {
    /// Whether something of it runs, or may run at any moment.
    pub fn is_running(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Started | Self::Ready | Self::Stopping
        )
    }
}

impl fmt::Display for UnitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Completed => "completed",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for UnitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Daemon => "daemon",
            Self::Task => "task",
            Self::Pool => "pool",
        })
    }
}
