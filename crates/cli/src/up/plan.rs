//! What lies between two configurations.

use std::collections::BTreeSet;

use super::host::ReloadError;
use crate::config::{Config, Described, Entry};
use crate::view::{Change, PlanView};

/// What is to be done to get from one configuration to another.
pub(super) fn plan(old: &Config, new: &Config) -> Result<PlanView, ReloadError> {
    let mut plan = PlanView {
        needs_restart: needs_restart(old, new),
        ..PlanView::default()
    };
    for unit in &old.units {
        if find(new, &unit.name).is_none_or(|other| other.kind() != unit.kind()) {
            plan.removed.push(unit.name.clone());
        }
    }
    for unit in &new.units {
        match find(old, &unit.name).filter(|other| other.kind() == unit.kind()) {
            None => plan.added.push(unit.name.clone()),
            Some(before) => match changed_keys(before, unit) {
                keys if keys.is_empty() => plan.unchanged += 1,
                keys => plan.changed.push(Change {
                    unit: unit.name.clone(),
                    keys,
                }),
            },
        }
    }
    for unit in plan
        .added
        .iter()
        .chain(plan.changed.iter().map(|change| &change.unit))
    {
        let group = find(new, unit).and_then(|unit| unit.value.group.as_ref());
        let known = |group: &String| old.groups.iter().any(|old| old.name == *group);
        if let Some(group) = group.filter(|group| !known(group)) {
            return Err(ReloadError::NewGroup {
                unit: unit.clone(),
                group: group.clone(),
                file: new.path().to_owned(),
            });
        }
    }
    Ok(plan)
}

pub(super) fn find<'a>(config: &'a Config, name: &str) -> Option<&'a Entry<Described>> {
    config.units.iter().find(|unit| unit.name == name)
}

impl Entry<Described> {
    fn kind(&self) -> greenroom::unit::UnitKind {
        self.value.bare.kind()
    }
}

fn changed_keys<T>(old: &Entry<T>, new: &Entry<T>) -> Vec<String> {
    let keys: BTreeSet<_> = old
        .fingerprints
        .keys()
        .chain(new.fingerprints.keys())
        .collect();
    keys.into_iter()
        .filter(|key| old.fingerprints.get(*key) != new.fingerprints.get(*key))
        .cloned()
        .collect()
}

fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let mut needs = Vec::new();
    let mut say = |what: String| {
        needs.push(format!(
            "{what} takes effect with a new start of greenroom up"
        ));
    };
    if old.shutdown_timeout != new.shutdown_timeout {
        say("shutdown_timeout in [supervisor]".into());
    }
    if old.socket != new.socket {
        say("socket in [supervisor]".into());
    }
    for group in &new.groups {
        let before = old.groups.iter().find(|old| old.name == group.name);
        if before.is_none_or(|before| !changed_keys(before, group).is_empty()) {
            say(format!("[group.{}]", group.name));
        }
    }
    for group in &old.groups {
        if !new.groups.iter().any(|new| new.name == group.name) {
            say(format!("the removal of [group.{}]", group.name));
        }
    }
    needs
}
