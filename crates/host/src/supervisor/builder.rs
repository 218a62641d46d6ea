//! What a supervisor is to be like.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use greenroom_supervision::Supervisor as Machine;
use greenroom_supervision::supervisor::{Group, SupervisorPolicy};
use greenroom_supervision::unit::{UnitId, UnitSpec};

use super::slot::Slot;
use super::{Supervisor, UnitError};
use crate::clock;
use crate::unit::Unit;

/// Describes a supervisor.
#[derive(Debug, Default)]
pub struct SupervisorBuilder {
    policy: SupervisorPolicy,
    groups: Vec<Group>,
    units: Vec<Unit>,
}

impl SupervisorBuilder {
    /// From the order to stop everything until everything is killed. Default 30 s.
    #[must_use]
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.policy.shutdown_timeout = limit;
        self
    }

    /// Adds a group of units that live and die together.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// Adds a unit. The order matters to groups with the strategy rest_for_one; units may be named
    /// as dependencies before they are added.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.units.push(unit);
        self
    }

    /// Checks everything and makes the supervisor. Nothing is started yet: call
    /// [`Supervisor::start`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time and IO enabled.
    pub fn build(self) -> Result<Supervisor, UnitError> {
        let Self {
            mut policy,
            groups,
            units,
        } = self;
        policy.check()?;
        if policy.seed == 0 {
            // Hosts that were started at the same time need not restart in step.
            policy.seed = RandomState::new().hash_one(std::process::id());
        }
        let mut machine = Machine::new(policy);
        for group in groups {
            machine.add_group(group)?;
        }
        let slots = add(&mut machine, units)?;
        Ok(Supervisor::run(machine, slots))
    }
}

/// First the names, then who starts after whom: so that units can be named before they are added.
fn add(machine: &mut Machine, units: Vec<Unit>) -> Result<BTreeMap<UnitId, Slot>, UnitError> {
    let now = clock::now();
    let mut slots = BTreeMap::new();
    for unit in units {
        unit.check_kind()?;
        let alone = UnitSpec {
            after: Vec::new(),
            ..unit.spec()
        };
        slots.insert(machine.add(now, alone)?, Slot::new(unit));
    }
    for (id, slot) in &slots {
        machine.update(now, *id, slot.unit.spec())?;
    }
    Ok(slots)
}
