//! Signs of life: what a run prints, and its watchdog.

use std::time::Duration;

use super::descent::grace;
use crate::Time;
use crate::deadline::Deadline;

/// Something that must happen again and again, each time within a span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    within: Duration,
    last: Time,
    deadline: Option<Deadline>,
}

impl Sign {
    pub(super) fn new(now: Time, within: Duration) -> Self {
        Self {
            within,
            last: now,
            deadline: Some(Deadline::new(now + within)),
        }
    }

    /// It has happened.
    pub(super) fn seen(&mut self, now: Time) {
        *self = Self::new(now, self.within);
    }

    /// For how long it has not happened, once that is too long; said once.
    pub(super) fn take_overdue(&mut self, now: Time) -> Option<Duration> {
        self.deadline.take_if(|deadline| deadline.at() <= now)?;
        Some(now - self.last)
    }

    /// For how long it has not happened, if that is too long.
    pub(super) fn overdue(&self, now: Time) -> Option<Duration> {
        self.deadline.is_none().then(|| now - self.last)
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        self.deadline.map(Deadline::at)
    }

    pub(super) fn postpone(&mut self, lateness: Duration, now: Time) {
        self.last = self.last + lateness;
        if let Some(deadline) = &mut self.deadline {
            deadline.postpone(lateness);
            deadline.spare(now + grace(self.within));
        }
    }
}
