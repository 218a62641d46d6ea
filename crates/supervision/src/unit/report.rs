//! How one run of a unit ended.

use std::time::Duration;

use super::{Run, UnitState};
use crate::exit::{ExitReason, ExitStatus};
use crate::restart::ExitClass;
use crate::text::Span;

/// What a driver saw of an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A process ended like this.
    Process(ExitStatus),
    /// A task returned, or a pool has closed.
    Returned,
    /// A task returned an error, or a pool could not start: its words.
    Failed(String),
    /// A task panicked with these words.
    Panicked(String),
}

/// Everything that is known of one run once it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitExit {
    /// Which run.
    pub run: Run,
    /// The unit's name.
    pub name: String,
    /// Its process, if it had one.
    pub pid: Option<u32>,
    /// Why it is gone. Whoever ended it for cause has said why, even if it was let go of then.
    pub reason: ExitReason,
    /// How long it had to end when it was let go of, because it did not; `None` if it has ended.
    pub abandoned: Option<Duration>,
    /// What the system said.
    pub status: Option<ExitStatus>,
    /// What that means for a restart. A run that was ended on request is a success.
    pub class: ExitClass,
    /// Each state of the run, and for how long.
    pub journey: Vec<(UnitState, Duration)>,
    /// The most memory that was measured, in bytes; 0 if it was never measured.
    pub peak_memory: u64,
}

impl UnitExit {
    /// Why it is gone, and that it may not be gone at all.
    pub(crate) fn describe(&self) -> String {
        match (self.abandoned, &self.reason) {
            (None, reason) | (_, reason @ ExitReason::Abandoned { .. }) => reason.to_string(),
            (Some(after), reason) => {
                let after = Span(after);
                format!("{reason}; it did not end within {after} and was abandoned")
            }
        }
    }
}
