//! Many units under one plan: who starts when, who is started again, who stops first.
//!
//! Facts change one unit's record (`unit/`). Then `plan` does what has become possible for all. An
//! end goes to `verdict`, which says what becomes of the unit and of its group.

mod action;
mod commands;
mod facts;
mod give_up;
mod graph;
mod group;
mod notice;
mod outbox;
mod plan;
mod registry;
mod shutdown;
mod snapshot;
mod spec_error;
mod team;
mod time;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backoff::Jitter;
use crate::policy_error::{PolicyError, check_span};
use crate::time::Time;
use crate::unit::{Unit, UnitId};

use shutdown::Shutdown;
use team::Team;

pub use action::{Action, ProbeId};
pub use group::{Escalation, Group, Strategy};
pub use notice::{Blocker, EndCause, Ending, Notice, UnitNotice};
pub(crate) use outbox::Outbox;
pub use snapshot::UnitSnapshot;
pub use spec_error::SpecError;

/// Exits that are remembered of each unit.
pub const EXITS: usize = 10;

/// The limits of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorPolicy {
    /// From the order to stop everything until everything is killed. At least half of it is there
    /// for units to end in their order: a ladder that takes longer than the other half begins then
    /// at the latest, and is cut short by the kill. 1 ms to 366 days, default 30 s.
    pub shutdown_timeout: Duration,
    /// What makes the delays of several supervisors differ. Default: drawn by the host.
    pub seed: u64,
}

impl Default for SupervisorPolicy {
    fn default() -> Self {
        Self {
            shutdown_timeout: Duration::from_secs(30),
            seed: 0,
        }
    }
}

impl SupervisorPolicy {
    /// Refuses a shutdown timeout that no timer should be set to.
    pub fn check(&self) -> Result<(), PolicyError> {
        check_span("shutdown_timeout", self.shutdown_timeout)
    }
}

/// The machine.
#[derive(Debug)]
pub struct Supervisor {
    policy: SupervisorPolicy,
    phase: Phase,
    units: BTreeMap<UnitId, Unit>,
    names: BTreeMap<String, UnitId>,
    teams: BTreeMap<String, Team>,
    next_unit: u64,
    jitter: Jitter,
    /// The latest time that was told.
    seen: Time,
    out: Outbox,
}

/// Where the whole stands.
#[derive(Debug)]
enum Phase {
    /// Nothing runs.
    Idle,
    /// Units start when they can.
    Running {
        /// Whether all were started, or only those that were named.
        everything: bool,
    },
    Stopping(Shutdown),
}

impl Supervisor {
    /// A supervisor without units, which does not run. The policy is not checked: see
    /// [`SupervisorPolicy::check`].
    pub fn new(policy: SupervisorPolicy) -> Self {
        Self {
            jitter: Jitter::new(policy.seed),
            policy,
            phase: Phase::Idle,
            units: BTreeMap::new(),
            names: BTreeMap::new(),
            teams: BTreeMap::new(),
            next_unit: 0,
            seen: Time::ZERO,
            out: Outbox::default(),
        }
    }

    /// The unit of this name.
    pub fn find(&self, name: &str) -> Option<UnitId> {
        self.names.get(name).copied()
    }

    /// All units in the order in which they were added.
    pub fn units(&self) -> Vec<UnitId> {
        self.units.keys().copied().collect()
    }

    /// Whether everything was stopped for good or has not begun: nothing runs.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.pop()
    }

    fn team_of(&self, unit: &Unit) -> Option<&Team> {
        self.teams.get(unit.spec.group.as_ref()?)
    }
}
