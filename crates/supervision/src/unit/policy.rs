//! What a unit is to be like.

use std::time::Duration;

use super::UnitKind;
use crate::restart::RestartPolicy;
use crate::stop::StopLadder;

/// A unit, as the machine knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitSpec {
    /// Its name: unique, 1 to 64 of the characters a-z, A-Z, 0-9, `-`, `_` and `.`.
    pub name: String,
    /// What it is made of.
    pub kind: UnitKind,
    /// The group it belongs to; `None` is a group of its own kind: one_for_one, where a unit that
    /// is given up concerns nobody else.
    pub group: Option<String>,
    /// What it waits for at each start.
    pub after: Vec<Dependency>,
    /// Whether its end, once it is not started again, ends everything, with its exit code. So does a
    /// group that takes it along when it is given up for good, or the final failure of one that it
    /// waits for.
    pub significant: bool,
    /// Whether it starts with all others. Default of a driver: true.
    pub autostart: bool,
    /// Its limits.
    pub policy: UnitPolicy,
}

/// A unit that must have got somewhere before another starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub unit: String,
    /// How far it must have got.
    pub condition: Condition,
}

/// How far a unit must have got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// It runs, or has completed.
    Started,
    /// It is ready, or has completed.
    #[default]
    Ready,
    /// It has ended, well or not, and is not started again: also not by a retry.
    Completed,
    /// It has ended well and is not started again.
    CompletedSuccessfully,
}

/// The limits of one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitPolicy {
    /// When it is started again.
    pub restart: RestartPolicy,
    /// When it counts as ready.
    pub readiness: Readiness,
    /// From the order to start until it is ready. Default 30 s.
    pub start_timeout: Duration,
    /// By how much it may extend its start in all, and by as much again its stop. Default 60 s.
    pub max_extension: Duration,
    /// Checks while it is ready.
    pub checks: Vec<Check>,
    /// Whether its silence means something.
    pub activity: Option<Activity>,
    /// It must give a sign of life (`WATCHDOG=1`) at least this often once it is ready.
    pub watchdog: Option<Duration>,
    /// Resident bytes of its whole process group from which there is a warning.
    pub memory_warn: Option<u64>,
    /// Resident bytes of its whole process group from which it is killed.
    pub memory_limit: Option<u64>,
    /// How often memory is measured when one of the two is set. Default 5 s.
    pub memory_sample: Duration,
    /// How it is ended.
    pub stop: StopLadder,
}

/// When a unit counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// As soon as it runs.
    #[default]
    Started,
    /// Once it has run for so long.
    Delay(Duration),
    /// When the driver says so: it has notified, printed the line that was waited for, or its pool
    /// is warm.
    Told,
    /// When a probe of the driver succeeds, which is tried this often.
    Probe {
        /// From the end of one try to the next. Shorter than the start timeout.
        period: Duration,
        /// How long one try may take. Shorter than the start timeout.
        timeout: Duration,
    },
}

/// A look at a unit that is ready, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What people call it.
    pub name: String,
    /// From the end of one look to the next. Default 10 s.
    pub period: Duration,
    /// How long one look may take. Default 3 s.
    pub timeout: Duration,
    /// Failures in a row that count. Default 3.
    pub threshold: u32,
    /// What follows then. Default: restart.
    pub on_failure: OnFailure,
}

/// What follows a failed check or a long silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OnFailure {
    /// People are told.
    Warn,
    /// It is ended by its ladder, which counts as a failure.
    #[default]
    Restart,
}

/// What a unit's silence on stdout and stderr means. Counted once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// How long it may print nothing.
    pub timeout: Duration,
    /// What follows then.
    pub on_silence: OnFailure,
}

impl UnitPolicy {
    /// The defaults for a kind of unit.
    pub fn new(kind: UnitKind) -> Self {
        Self {
            restart: RestartPolicy::default(),
            readiness: match kind {
                UnitKind::Daemon | UnitKind::Task => Readiness::Started,
                UnitKind::Pool => Readiness::Told,
            },
            start_timeout: Duration::from_secs(30),
            max_extension: Duration::from_secs(60),
            checks: Vec::new(),
            activity: None,
            watchdog: None,
            memory_warn: None,
            memory_limit: None,
            memory_sample: Duration::from_secs(5),
            stop: match kind {
                UnitKind::Daemon => StopLadder::terminate(),
                UnitKind::Task | UnitKind::Pool => StopLadder::shutdown(),
            },
        }
    }
}

impl Check {
    /// The defaults for a check of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            threshold: 3,
            on_failure: OnFailure::default(),
        }
    }
}
