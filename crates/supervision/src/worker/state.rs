//! Where a worker stands in its life.

use std::fmt;

/// The states of a worker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// The system was asked to start it.
    Starting,
    /// It runs and prepares itself.
    Initializing,
    /// It takes jobs, or has as many as it may.
    Ready,
    /// It was asked to leave, is leaving by itself, or has lost its connection.
    Closing,
    /// It was killed, and the system has not said so yet.
    Killing,
    /// It is gone.
    Exited,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Initializing => "initializing",
            Self::Ready => "ready",
            Self::Closing => "closing",
            Self::Killing => "killing",
            Self::Exited => "exited",
        })
    }
}
