//! How far a worker may extend one of its limits.

use std::time::Duration;

/// A limit, and what a worker has added to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) total: Duration,
    extended: Duration,
}

impl Allowance {
    pub(crate) fn new(total: Duration) -> Self {
        Self {
            total,
            extended: Duration::ZERO,
        }
    }

    /// How much of `extra` may be added.
    pub(crate) fn extend(&mut self, extra: Duration, max: Duration) -> Duration {
        let granted = extra.min(max.saturating_sub(self.extended));
        self.extended += granted;
        self.total = self.total.saturating_add(granted);
        granted
    }
}
