//! Units that live and die together.

use std::time::Duration;

/// Who is restarted when a member of a group ends and is to be started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strategy {
    /// That member.
    #[default]
    OneForOne,
    /// Every member that runs or is to run.
    OneForAll,
    /// That member, and those that were added after it.
    RestForOne,
}

/// What follows when a member is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Escalation {
    /// It has failed; the others go on.
    #[default]
    Isolate,
    /// The whole group is stopped. Everything is, if a significant unit is among those and no retry
    /// is to bring them back.
    StopGroup,
    /// Everything is stopped, and the process ends with the unit's exit code.
    Shutdown,
}

/// A group of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name; the same characters as a unit's.
    pub name: String,
    /// Who is restarted.
    pub strategy: Strategy,
    /// What follows when a member, or the group, is given up.
    pub escalation: Escalation,
    /// Restarts within [`window`](Self::window) at most that members of a group that is not
    /// one_for_one may cause together; one more gives the group up. `None`: no limit. Default 5.
    pub max_restarts: Option<u32>,
    /// Default 10 minutes.
    pub window: Duration,
}

impl Group {
    /// Whether the end of one member concerns others.
    pub(super) fn restarts_together(&self) -> bool {
        self.strategy != Strategy::OneForOne
    }

    /// The defaults for a group: OTP's, where a group that gives up is stopped as a whole, unless
    /// it is one_for_one.
    pub fn new(name: impl Into<String>, strategy: Strategy) -> Self {
        Self {
            name: name.into(),
            strategy,
            escalation: match strategy {
                Strategy::OneForOne => Escalation::Isolate,
                Strategy::OneForAll | Strategy::RestForOne => Escalation::StopGroup,
            },
            max_restarts: Some(5),
            window: Duration::from_secs(600),
        }
    }
}
