//! What a supervisor's machine wants done.

use super::notice::{Ending, Notice};
use crate::stop::StopAction;
use crate::unit::Run;

/// One thing for the driver to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Start the unit, with its command built anew. Answer with `handle_spawned` or
    /// `handle_spawn_failed`, later with `handle_exit`; also when it is to be stopped meanwhile:
    /// its ladder waits for that answer.
    Start(Run),
    /// Do this to it.
    Stop {
        /// To whom.
        run: Run,
        /// What.
        step: StopAction,
    },
    /// Look at it once, for at most the probe's own timeout. Answer each look once with
    /// `handle_probe`, late rather than never: a look that was not answered in time has failed, and
    /// the next answer is taken for its own, not for that of a later look.
    Probe {
        /// Whom.
        run: Run,
        /// Which look.
        probe: ProbeId,
    },
    /// Measure the resident bytes of its process group. Answer with `handle_memory`.
    SampleMemory(Run),
    /// It will not end: forget it. Nothing that it does counts any more. Its start may not even have
    /// been answered: what comes of that is the driver's to kill.
    Abandon(Run),
    /// Tell people.
    Tell(Notice),
    /// Everything has ended.
    Ended(Ending),
}

/// Which look at a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeId {
    /// The one that says whether it is ready.
    Readiness,
    /// One of its checks, by position.
    Check(usize),
}
