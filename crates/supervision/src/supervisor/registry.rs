//! Units and groups are added, changed and removed.

use super::team::Team;
use super::{Group, SpecError, Supervisor};
use crate::Time;
use crate::policy_error::{PolicyError, check_span};
use crate::restart::{Restart, check_limit};
use crate::unit::{Halt, Stage, Unit, UnitId, UnitSpec};

/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

impl Supervisor {
    /// Adds a group. Refuses a name that is taken: units and groups share one space of names.
    pub fn add_group(&mut self, group: Group) -> Result<(), SpecError> {
        self.check_name(&group.name)?;
        check_group(&group)?;
        self.teams.insert(group.name.clone(), Team::new(group));
        Ok(())
    }

    /// Changes a group, whatever its members do. What it says holds from the next end of a member
    /// on: a restart of several that is under way goes on as it began.
    pub fn update_group(&mut self, now: Time, group: Group) -> Result<(), SpecError> {
        self.catch_up(now);
        self.check_known(&group.name)?;
        check_group(&group)?;
        for unit in self.members(&group.name) {
            let refused = |source| policy_error(&unit.spec.name, source);
            check_in_group(&unit.spec, &group).map_err(refused)?;
        }
        if let Some(team) = self.teams.get_mut(&group.name) {
            team.group = group;
        }
        self.settle(now);
        Ok(())
    }

    /// Removes a group that has no members.
    pub fn remove_group(&mut self, name: &str) -> Result<(), SpecError> {
        self.check_known(name)?;
        let members = self.members(name).map(|unit| unit.spec.name.clone());
        let members: Vec<_> = members.collect();
        if !members.is_empty() {
            return Err(SpecError::Populated {
                group: name.to_owned(),
                members,
            });
        }
        self.teams.remove(name);
        Ok(())
    }

    fn check_known(&self, group: &str) -> Result<(), SpecError> {
        if self.teams.contains_key(group) {
            return Ok(());
        }
        Err(SpecError::NoGroup {
            group: group.to_owned(),
        })
    }

    /// Adds a unit. It is not started; units that it starts after must be there already.
    pub fn add(&mut self, now: Time, spec: UnitSpec) -> Result<UnitId, SpecError> {
        self.catch_up(now);
        self.check_name(&spec.name)?;
        self.check_spec(&spec)?;
        let id = UnitId(self.next_unit);
        self.next_unit += 1;
        self.names.insert(spec.name.clone(), id);
        self.units.insert(id, Unit::new(id, spec, now));
        Ok(id)
    }

    /// Changes a unit that does not run. Its name cannot change. Its counts and exits stay. One
    /// that waits, or is to be restarted, goes on with that. One that leaves a group that was given
    /// up stays stopped, whatever becomes of that group.
    pub fn update(&mut self, now: Time, unit: UnitId, spec: UnitSpec) -> Result<(), SpecError> {
        self.catch_up(now);
        let old = self.idle_unit(unit)?;
        if old.spec.name != spec.name {
            return Err(SpecError::Renamed {
                unit: old.spec.name.clone(),
                name: spec.name,
            });
        }
        self.check_spec(&spec)?;
        let round = self.team_of(old).and_then(|team| team.round);
        let Some(unit) = self.units.get_mut(&unit) else {
            return Ok(());
        };
        let leaves = unit.spec.group != spec.group;
        match &mut unit.stage {
            // It no longer waits for its old group, but out its delay.
            Stage::Backoff { due, .. } if leaves => drop(due.get_or_insert(round.unwrap_or(now))),
            Stage::Stopped { halt, .. } if leaves && !halt.is_wanted() => {
                let by = "it was taken out of its group, which had given up".to_owned();
                *halt = Halt::Requested { by };
            }
            Stage::Waiting { told } => *told = false,
            _ => {}
        }
        unit.spec = spec;
        self.settle(now);
        Ok(())
    }

    /// Removes a unit that does not run and that no other starts after.
    pub fn remove(&mut self, unit: UnitId) -> Result<(), SpecError> {
        let name = self.idle_unit(unit)?.spec.name.clone();
        let needs = |other: &&Unit| other.spec.after.iter().any(|it| it.unit == name);
        let dependents = self.units.values().filter(needs);
        let dependents: Vec<_> = dependents.map(|other| other.spec.name.clone()).collect();
        if !dependents.is_empty() {
            return Err(SpecError::Needed {
                unit: name,
                dependents,
            });
        }
        self.names.remove(&name);
        self.units.remove(&unit);
        Ok(())
    }

    fn idle_unit(&self, id: UnitId) -> Result<&Unit, SpecError> {
        let unit = self.units.get(&id);
        let unit = unit.ok_or(SpecError::UnknownUnit { unit: id })?;
        if unit.life().is_some() {
            return Err(SpecError::Running {
                unit: unit.spec.name.clone(),
                state: unit.state(),
            });
        }
        Ok(unit)
    }

    fn check_name(&self, name: &str) -> Result<(), SpecError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name = name.to_owned();
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fits) {
            return Err(SpecError::BadName { name });
        }
        if self.names.contains_key(&name) || self.teams.contains_key(&name) {
            return Err(SpecError::Duplicate { name });
        }
        Ok(())
    }

    fn check_spec(&self, spec: &UnitSpec) -> Result<(), SpecError> {
        let refused = |source| policy_error(&spec.name, source);
        spec.policy.check().map_err(refused)?;
        if let Some(group) = &spec.group {
            let team = self.teams.get(group);
            let team = team.ok_or_else(|| SpecError::UnknownGroup {
                unit: spec.name.clone(),
                group: group.clone(),
            })?;
            check_in_group(spec, &team.group).map_err(refused)?;
        }
        for dependency in &spec.after {
            let known = self.names.contains_key(&dependency.unit);
            if !known && dependency.unit != spec.name {
                return Err(SpecError::UnknownDependency {
                    unit: spec.name.clone(),
                    after: dependency.unit.clone(),
                });
            }
        }
        match self.circle(&spec.name, &spec.after) {
            Some(units) => Err(SpecError::Cycle { units }),
            None => Ok(()),
        }
    }
}

/// A member that crashes must be able to exhaust its own limit, which was checked, or else that
/// of its group; and its retries must not undo the group's.
fn check_in_group(spec: &UnitSpec, group: &Group) -> Result<(), PolicyError> {
    let restart = &spec.policy.restart;
    if !group.restarts_together() {
        return Ok(());
    }
    if let Some(retry_after) = restart.retry_after {
        restart.check_retry(retry_after, group.window)?;
    }
    if restart.restart != Restart::Never && restart.max_restarts.is_none() {
        restart.check_reachable(group.max_restarts, group.window)?;
    }
    Ok(())
}

fn check_group(group: &Group) -> Result<(), SpecError> {
    let refused = |source| policy_error(&group.name, source);
    check_limit(group.max_restarts).map_err(refused)?;
    check_span("window", group.window).map_err(refused)
}

fn policy_error(unit: &str, source: PolicyError) -> SpecError {
    SpecError::Policy {
        unit: unit.to_owned(),
        source,
    }
}
