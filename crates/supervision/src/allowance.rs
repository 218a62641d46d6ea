//! How far a worker may extend one of its limits.

use std::time::Duration;

/// What a worker has added to one of its limits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    extended: Duration,
}

impl Allowance {
    /// The limit with what was added.
    pub(crate) fn extended(self, limit: Duration) -> Duration {
        limit.saturating_add(self.extended)
    }

    /// How much of `extra` may be added.
    pub(crate) fn extend(&mut self, extra: Duration, max: Duration) -> Duration {
        let granted = extra.min(max.saturating_sub(self.extended));
        self.extended += granted;
        granted
    }
}
