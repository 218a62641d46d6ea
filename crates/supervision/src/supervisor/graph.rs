//! Who starts after whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Supervisor;
use crate::unit::{Condition, Dependency, Halt, Stage, Unit, UnitExit, UnitId, UnitState};

impl Supervisor {
    /// What a unit still waits for.
    pub(super) fn missing<'a>(&'a self, unit: &'a Unit) -> impl Iterator<Item = &'a Dependency> {
        unit.spec.after.iter().filter(|dependency| {
            let needed = self.names.get(&dependency.unit);
            let needed = needed.and_then(|id| self.units.get(id));
            !needed.is_some_and(|unit| holds(dependency.condition, unit))
        })
    }

    /// A significant unit that waits and will never start, with the end that keeps it from that.
    pub(super) fn never_starts(&self) -> Option<(String, Arc<UnitExit>)> {
        let waits = |unit: &&Unit| matches!(unit.stage, Stage::Waiting { .. });
        let waiting = self.units.values().filter(waits);
        let mut significant = waiting.filter(|unit| unit.spec.significant);
        significant.find_map(|unit| Some((unit.spec.name.clone(), self.obstacle(unit)?)))
    }

    /// The end of one that a unit waits for, over others or not, and that is not started again.
    fn obstacle(&self, unit: &Unit) -> Option<Arc<UnitExit>> {
        let mut met = BTreeSet::new();
        let mut ahead = vec![unit];
        while let Some(unit) = ahead.pop() {
            for dependency in self.missing(unit) {
                let needed = self.names.get(&dependency.unit);
                let Some(needed) = needed.and_then(|id| self.units.get(id)) else {
                    continue;
                };
                let end = match &needed.stage {
                    Stage::Stopped {
                        halt: Halt::GroupGaveUp { culprit, .. },
                        ..
                    } => self.units.get(culprit).and_then(Unit::final_failure),
                    _ => needed.final_failure(),
                };
                if end.is_some() {
                    return end.cloned();
                }
                if matches!(needed.stage, Stage::Waiting { .. }) && met.insert(needed.id) {
                    ahead.push(needed);
                }
            }
        }
        None
    }

    /// Everything that units whose end is ordered, and that still run, start after: it has to
    /// wait for them.
    pub(super) fn still_needed(&self, patient: bool) -> BTreeSet<UnitId> {
        let holding = self
            .units
            .values()
            .filter(|unit| unit.holds_others(patient));
        let mut ahead: Vec<&Unit> = holding.collect();
        let mut needed = BTreeSet::new();
        while let Some(unit) = ahead.pop() {
            for dependency in &unit.spec.after {
                let found = self.names.get(&dependency.unit);
                if let Some(unit) = found.and_then(|id| self.units.get(id))
                    && needed.insert(unit.id)
                {
                    ahead.push(unit);
                }
            }
        }
        needed
    }

    /// The circle that `name` would close by starting after these, if it would.
    pub(super) fn circle(&self, name: &str, after: &[Dependency]) -> Option<Vec<String>> {
        // Who led to each unit that can be reached.
        let mut led: BTreeMap<&str, &str> = BTreeMap::new();
        let mut ahead: Vec<(&str, &str)> = Vec::new();
        ahead.extend(after.iter().map(|it| (name, it.unit.as_str())));
        while let Some((from, to)) = ahead.pop() {
            if to == name {
                return Some(path(name, from, &led));
            }
            if led.contains_key(to) {
                continue;
            }
            led.insert(to, from);
            if let Some(unit) = self.names.get(to).and_then(|id| self.units.get(id)) {
                ahead.extend(unit.spec.after.iter().map(|it| (to, it.unit.as_str())));
            }
        }
        None
    }
}

/// From `name` over those that led to `last`, and back to it.
fn path(name: &str, last: &str, led: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut units = vec![name.to_owned()];
    let mut at = last;
    while at != name {
        units.push(at.to_owned());
        at = led.get(at).copied().unwrap_or(name);
    }
    units.push(name.to_owned());
    units.reverse();
    units
}

/// Whether a unit has got so far. One that is to end can no longer be leant on.
fn holds(condition: Condition, unit: &Unit) -> bool {
    use UnitState::{Completed, Ready, Started};
    let state = unit.state();
    let stays = !unit.waits_for_its_turn();
    match condition {
        Condition::Started => state == Completed || matches!(state, Started | Ready) && stays,
        Condition::Ready => state == Completed || state == Ready && stays,
        Condition::Completed => {
            state == Completed || matches!(unit.stage, Stage::Failed { retry: None, .. })
        }
        Condition::CompletedSuccessfully => state == Completed,
    }
}
