//! Why something cannot be as described.

use crate::policy_error::PolicyError;
use crate::unit::{UnitId, UnitState};

/// Why a unit or group cannot be as described, or a command does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A limit cannot work.
    #[error("unit {unit}: {source}")]
    Policy {
        /// Which unit or group.
        unit: String,
        /// Which limit.
        source: PolicyError,
    },
    /// The name cannot be one.
    #[error("{name:?} cannot be a name: use 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.'")]
    BadName {
        /// What was given.
        name: String,
    },
    /// The name is taken.
    #[error("there is a unit or group named {name} already: give it another name")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// There is no such group.
    #[error("unit {unit} is to belong to the group {group}, which does not exist")]
    UnknownGroup {
        /// The unit.
        unit: String,
        /// What was given.
        group: String,
    },
    /// There is no group of this name.
    #[error("there is no group named {group}: it may have been removed")]
    NoGroup {
        /// What was given.
        group: String,
    },
    /// A group still has members.
    #[error(
        "group {group} cannot be removed: {} belong to it; move or remove them first",
        .members.join(", ")
    )]
    Populated {
        /// The group.
        group: String,
        /// Its members.
        members: Vec<String>,
    },
    /// There is no such unit.
    #[error("unit {unit} is to start after {after}, which does not exist")]
    UnknownDependency {
        /// The unit.
        unit: String,
        /// What was given.
        after: String,
    },
    /// Units wait for each other in a circle.
    #[error("units wait for each other in a circle: {}", .units.join(" -> "))]
    Cycle {
        /// The circle; its first unit is also its last.
        units: Vec<String>,
    },
    /// Others still start after it.
    #[error("unit {unit} cannot be removed: {} start after it", .dependents.join(", "))]
    Needed {
        /// The unit.
        unit: String,
        /// Who needs it.
        dependents: Vec<String>,
    },
    /// It runs.
    #[error("unit {unit} is {state}: stop it first")]
    Running {
        /// The unit.
        unit: String,
        /// Where it stands.
        state: UnitState,
    },
    /// A unit's name is what it is.
    #[error("unit {unit} cannot be renamed to {name}: remove it and add another")]
    Renamed {
        /// The unit.
        unit: String,
        /// What was given.
        name: String,
    },
    /// There is no unit of this number (any more).
    #[error("there is no unit number {}: it may have been removed", .unit.0)]
    UnknownUnit {
        /// The number.
        unit: UnitId,
    },
    /// Everything is being stopped.
    #[error("everything is being stopped: no unit can be started now")]
    ShuttingDown,
}
