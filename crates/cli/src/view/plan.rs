//! What a reload does, or would do.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanView {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) changed: Vec<Change>,
    pub(crate) unchanged: usize,
    /// What the file says that only a new start of the supervisor brings about.
    pub(crate) needs_restart: Vec<String>,
}

/// A unit that stays, but not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) unit: String,
    /// The keys of its table whose values are different.
    pub(crate) keys: Vec<String>,
}

/// A line for each unit that does not stay as it is.
impl fmt::Display for PlanView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in &self.removed {
            writeln!(f, "- {unit}")?;
        }
        for change in &self.changed {
            writeln!(f, "~ {}: {}", change.unit, change.keys.join(", "))?;
        }
        for unit in &self.added {
            writeln!(f, "+ {unit}")?;
        }
        for what in &self.needs_restart {
            writeln!(f, "! {what}")?;
        }
        write!(f, "= {} unchanged", self.unchanged)
    }
}
