//! A point in time that a stall of the host moves.

use std::time::Duration;

use crate::Time;

/// When something must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    at: Time,
    spared: bool,
}

impl Deadline {
    pub(crate) fn new(at: Time) -> Self {
        Self { at, spared: false }
    }

    pub(crate) fn at(self) -> Time {
        self.at
    }

    pub(crate) fn postpone(&mut self, lateness: Duration) {
        self.at = self.at + lateness;
    }

    /// Leaves time until `least`, but only once: on a host that is late at every wake-up a deadline
    /// would otherwise never come.
    pub(crate) fn spare(&mut self, least: Time) {
        if !self.spared && self.at < least {
            self.at = least;
            self.spared = true;
        }
    }
}
