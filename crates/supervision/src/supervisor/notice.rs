//! What people are told.

use std::sync::Arc;
use std::time::Duration;

use crate::exit::{ExitReason, ExitStatus};
use crate::stop::StopAction;
use crate::unit::{Dependency, UnitExit, UnitId, UnitState};

/// What the system kills with when memory runs out.
const SIGKILL: i32 = 9;

/// One turn of things.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Something about one unit.
    Unit {
        /// Which.
        unit: UnitId,
        /// Its name.
        name: String,
        /// What.
        notice: UnitNotice,
    },
    /// A group is given up: one of its members has failed, for whatever reason, or the group has
    /// restarted too often, and its escalation is to stop the group or everything. Under
    /// [`Isolate`](super::Escalation::Isolate) only the member is given up, and this is not told.
    GroupGaveUp {
        /// Which.
        group: String,
        /// The member that has failed.
        culprit: String,
    },
    /// Everything is being stopped.
    ShuttingDown {
        /// Why.
        cause: EndCause,
        /// How long it may take until everything is killed.
        limit: Duration,
    },
    /// Who still keeps the shutdown waiting; once a second.
    Blocked(Vec<Blocker>),
}

/// Something about one unit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum UnitNotice {
    /// It waits for these units.
    Waiting(Vec<Dependency>),
    /// It is being started.
    Starting {
        /// How many starts there were before.
        generation: u64,
    },
    /// It runs.
    Started {
        /// Its process, if it has one.
        pid: Option<u32>,
    },
    /// It is ready.
    Ready {
        /// How long that took since the order to start it.
        after: Duration,
    },
    /// A step of its ladder is taken.
    Stopping {
        /// What is done.
        step: StopAction,
        /// Why it is to end.
        why: String,
    },
    /// One run is over.
    Exited(Arc<UnitExit>),
    /// It will be started again.
    RestartScheduled {
        /// After so long.
        delay: Duration,
        /// Restarts in the window, this one included.
        restarts_in_window: u32,
        /// Restarts since it was added, this one included.
        restarts: u64,
    },
    /// It is restarted because of another member of its group.
    RestartedWith {
        /// Who ended.
        culprit: String,
    },
    /// It ended, and all is well with that.
    Completed,
    /// It is not started again.
    Failed {
        /// Why not.
        why: String,
        /// When it is tried again all the same, if ever.
        retry_after: Option<Duration>,
    },
    /// A check has failed.
    CheckFailed {
        /// Its name.
        check: String,
        /// How often in a row.
        failures: u32,
        /// How often counts.
        threshold: u32,
        /// What went wrong.
        message: String,
    },
    /// A check succeeds again.
    CheckRecovered {
        /// Its name.
        check: String,
    },
    /// It has printed nothing for so long.
    Silent(Duration),
    /// Its process group uses much memory.
    MemoryHigh {
        /// Resident bytes.
        bytes: u64,
    },
    /// It was killed and is still there.
    Unkillable {
        /// For how long.
        since_kill: Duration,
    },
    /// It stays stopped: on request, with everything, or with its group.
    Stopped,
}

/// One that a shutdown waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: UnitState,
    /// What was last done to end it; `None` if it waits for its dependents.
    pub step: Option<StopAction>,
    /// How long it has been stopping.
    pub age: Duration,
}

/// Why everything ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Somebody wanted it.
    Requested {
        /// Who, or by which means.
        by: String,
    },
    /// A significant unit has ended and is not started again.
    Significant(Arc<UnitExit>),
    /// A group that may not fail has, or one that was given up took a significant unit with it.
    GroupGaveUp {
        /// Which.
        group: String,
        /// The end because of which.
        exit: Arc<UnitExit>,
    },
    /// A significant unit cannot start any more: what it starts after has failed and is not started
    /// again.
    NeverStarted {
        /// The significant unit.
        unit: String,
        /// How the one that it waited for ended.
        exit: Arc<UnitExit>,
    },
}

/// How everything ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub cause: EndCause,
    /// The units that were still there when the time was over.
    pub abandoned: Vec<String>,
}

impl Ending {
    /// The exit code for the whole process: 0 after a request, otherwise that of the unit: its code,
    /// 128 and its signal's number, 137 if the system was out of memory, 127 if it could not be
    /// started, 1 for anything else. If a significant unit could not start any more it is that of the
    /// unit it waited for, and never 0.
    pub fn exit_code(&self) -> i32 {
        match &self.cause {
            EndCause::Requested { .. } => 0,
            EndCause::Significant(exit) | EndCause::GroupGaveUp { exit, .. } => code_of(exit),
            EndCause::NeverStarted { exit, .. } => match code_of(exit) {
                0 => 1,
                code => code,
            },
        }
    }
}

fn code_of(exit: &UnitExit) -> i32 {
    match (&exit.reason, exit.status) {
        (ExitReason::Clean, _) => 0,
        (ExitReason::Code { code }, _) => *code,
        (ExitReason::Signal { signal, .. }, _) => 128 + signal,
        (ExitReason::OutOfMemory, _) => 128 + SIGKILL,
        (ExitReason::SpawnFailed(_), _) => 127,
        (_, Some(ExitStatus::Code(code))) if code != 0 => code,
        _ => 1,
    }
}
