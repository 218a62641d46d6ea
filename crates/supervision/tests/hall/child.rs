//! A simulated run, as a script.

use std::time::Duration;

use greenroom_supervision::SpawnFailure;
use greenroom_supervision::unit::Exit;

use super::{SIGTERM, code, signal};

/// How one run of a simulated unit behaves.
#[derive(Clone, Debug)]
pub struct Child {
    /// When its start is answered, and how; never, if there is none.
    pub spawn: Option<Duration>,
    pub refused: Option<SpawnFailure>,
    /// It ends by itself after so long.
    pub lives: Option<(Duration, Exit)>,
    /// How long after a signal, or anything but a kill, it is gone, and how.
    pub yields: Option<(Duration, Exit)>,
    /// How long after a kill it is gone.
    pub dies: Option<Duration>,
    pub says_ready: Option<Duration>,
    /// What a look at it says; no answer if there is none.
    pub looks: Option<Result<(), String>>,
    /// It prints a line so often.
    pub prints: Option<Duration>,
}

impl Child {
    /// Runs until it is told to end, and ends at once then.
    pub fn steady() -> Self {
        Self {
            spawn: Some(Duration::ZERO),
            refused: None,
            lives: None,
            yields: Some((Duration::ZERO, signal(SIGTERM))),
            dies: Some(Duration::ZERO),
            says_ready: None,
            looks: Some(Ok(())),
            prints: None,
        }
    }

    pub fn ends(after: Duration, exit: Exit) -> Self {
        Self {
            lives: Some((after, exit)),
            ..Self::steady()
        }
    }

    pub fn leaves_within(wait: Duration) -> Self {
        Self {
            yields: Some((wait, code(0))),
            ..Self::steady()
        }
    }

    /// Only a kill ends it.
    pub fn stubborn() -> Self {
        Self {
            yields: None,
            ..Self::steady()
        }
    }

    pub fn unkillable() -> Self {
        Self {
            dies: None,
            ..Self::stubborn()
        }
    }
}
