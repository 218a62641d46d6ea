//! Whether units fit together, said with the place in the file.

use std::ops::Range;

use greenroom::Supervisor;
use greenroom::supervisor::{SpecError, UnitError};

use super::{Config, ConfigError};
use crate::nearest::nearest;

impl Config {
    /// A supervisor of all units, none of which is started.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time and IO enabled.
    pub(crate) fn supervisor(&self) -> Result<Supervisor, ConfigError> {
        let mut builder = Supervisor::builder().shutdown_timeout(self.shutdown_timeout);
        for group in &self.groups {
            builder = builder.group(group.value.clone());
        }
        for unit in &self.units {
            builder = builder.unit(unit.value.unit());
        }
        builder.build().map_err(|error| self.locate(&error))
    }

    /// The same error, with its place in the file.
    pub(crate) fn locate(&self, error: &UnitError) -> ConfigError {
        let mut message = error.to_string();
        let at = match error {
            UnitError::Spec(SpecError::Policy { unit, source }) => self.place(unit, source.option),
            UnitError::Spec(SpecError::UnknownGroup { unit, group }) => {
                let groups = self.groups.iter().map(|group| group.name.as_str());
                suggest(&mut message, nearest(group, groups));
                self.place(unit, "group")
            }
            UnitError::Spec(SpecError::UnknownDependency { unit, after }) => {
                let units = self.units.iter().map(|unit| unit.name.as_str());
                suggest(
                    &mut message,
                    nearest(after, units.filter(|name| name != unit)),
                );
                self.place(unit, "after")
            }
            UnitError::Spec(SpecError::Cycle { units }) => {
                units.first().and_then(|unit| self.place(unit, "after"))
            }
            UnitError::Spec(SpecError::BadName { name } | SpecError::Duplicate { name }) => {
                self.last_named(name)
            }
            UnitError::WrongKind { unit, option, .. } => self.place(unit, option),
            _ => None,
        };
        self.invalid(at.unwrap_or(0..0), message)
    }

    /// Where a unit's or group's option stands; the table's head if it is not written out.
    fn place(&self, name: &str, option: &str) -> Option<Range<usize>> {
        let units = self
            .units
            .iter()
            .map(|unit| (&unit.name, &unit.at, &unit.places));
        let groups = self
            .groups
            .iter()
            .map(|group| (&group.name, &group.at, &group.places));
        let (_, at, places) = units.chain(groups).find(|(entry, ..)| *entry == name)?;
        let inner = format!("restart.{option}");
        let nested = |key: &str| places.get(key).cloned();
        let written = nested(option).or_else(|| nested(&inner));
        written.or_else(|| Some(at.clone()))
    }

    fn last_named(&self, name: &str) -> Option<Range<usize>> {
        let units = self.units.iter().map(|unit| (&unit.name, &unit.at));
        let groups = self.groups.iter().map(|group| (&group.name, &group.at));
        let named = units.chain(groups).filter(|(entry, _)| *entry == name);
        named.map(|(_, at)| at.clone()).max_by_key(|at| at.start)
    }
}

fn suggest(message: &mut String, nearest: Option<&str>) {
    if let Some(nearest) = nearest {
        *message += &format!(": did you mean {nearest}?");
    }
}
