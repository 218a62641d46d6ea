//! What people are told.

use std::sync::Arc;
use std::time::Duration;

use crate::stop::StopAction;
use crate::unit::{Dependency, UnitExit, UnitId, UnitState};

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
    /// A group has restarted too often.
    GroupGaveUp {
        /// Which.
        group: String,
        /// The unit whose end was one too many.
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
    /// It was stopped on request.
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
    /// A group that may not fail has.
    GroupGaveUp {
        /// Which.
        group: String,
        /// The end that was one too many.
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
    /// 128 and its signal's number, 127 if it could not be started, 1 for anything else.
    pub fn exit_code(&self) -> i32 {
        use crate::exit::{ExitReason, ExitStatus};
        let exit = match &self.cause {
            EndCause::Requested { .. } => return 0,
            EndCause::Significant(exit) | EndCause::GroupGaveUp { exit, .. } => exit,
        };
        match (&exit.reason, exit.status) {
            (ExitReason::Clean, _) => 0,
            (ExitReason::Code { code }, _) => *code,
            (ExitReason::Signal { signal, .. }, _) => 128 + signal,
            (ExitReason::SpawnFailed(_), _) => 127,
            (_, Some(ExitStatus::Code(code))) if code != 0 => code,
            _ => 1,
        }
    }
}
