//! Probes: one look at a time, each at once answered or given up, then a pause.

use std::time::Duration;

use crate::Time;
use crate::deadline::Deadline;
use crate::unit::{Check, OnFailure};

/// How much longer than a probe's own timeout its answer may take.
pub(super) const ANSWER_SLACK: Duration = Duration::from_secs(1);
/// Failures between two notices once the threshold is reached.
const NOTICE_EVERY: u32 = 10;

/// A look that is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    stand: Stand,
    /// Looks that have failed without an answer: it may still come, before those of later looks.
    owed: u32,
}

#[derive(Clone, Copy, Debug)]
enum Stand {
    /// Nobody looks any more.
    Idle,
    /// The next one is due then.
    Due(Time),
    /// One is under way; no answer by then is a failure.
    Out(Deadline),
}

impl Look {
    pub(super) fn due(at: Time) -> Self {
        Self {
            stand: Stand::Due(at),
            owed: 0,
        }
    }

    pub(super) fn at(self) -> Option<Time> {
        match self.stand {
            Stand::Idle => None,
            Stand::Due(at) => Some(at),
            Stand::Out(deadline) => Some(deadline.at()),
        }
    }

    pub(super) fn begin(&mut self, now: Time, timeout: Duration) {
        self.stand = Stand::Out(Deadline::new(now + timeout + ANSWER_SLACK));
    }

    pub(super) fn is_out(self) -> bool {
        matches!(self.stand, Stand::Out(_))
    }

    /// An answer has come: whether it is that of the look under way.
    pub(super) fn accepts_answer(&mut self) -> bool {
        match self.owed.checked_sub(1) {
            Some(owed) => {
                self.owed = owed;
                false
            }
            None => self.is_out(),
        }
    }

    /// No answer came in time.
    pub(super) fn give_up(&mut self) {
        self.owed = self.owed.saturating_add(1);
    }

    /// The one under way is over; the next is due then.
    pub(super) fn rest_until(&mut self, at: Time) {
        self.stand = Stand::Due(at);
    }

    pub(super) fn stop(&mut self) {
        self.stand = Stand::Idle;
    }

    /// Leaves an answer that the host was too late to hear some time to be heard.
    pub(super) fn postpone(&mut self, lateness: Duration, now: Time, grace: Duration) {
        if let Stand::Out(deadline) = &mut self.stand {
            deadline.postpone(lateness);
            deadline.spare(now + grace);
        }
    }
}

/// One check of a unit that is ready.
#[derive(Clone, Debug)]
pub(super) struct Checking {
    pub(super) look: Look,
    /// In a row.
    pub(super) failures: u32,
    /// What went wrong the last time.
    pub(super) message: String,
    told: bool,
}

/// What one answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Nothing,
    Recovered,
    /// Worth a notice.
    Failing,
    /// Worth a notice, and the end of the unit.
    Fatal,
}

impl Checking {
    pub(super) fn new(now: Time, check: &Check) -> Self {
        Self {
            look: Look::due(now + check.period),
            failures: 0,
            message: String::new(),
            told: false,
        }
    }

    /// Judges the answer of the look that is under way.
    pub(super) fn answer(
        &mut self,
        now: Time,
        check: &Check,
        result: Result<(), String>,
    ) -> Finding {
        self.look.rest_until(now + check.period);
        let Err(message) = result else {
            self.failures = 0;
            self.message.clear();
            return if std::mem::take(&mut self.told) {
                Finding::Recovered
            } else {
                Finding::Nothing
            };
        };
        self.failures = self.failures.saturating_add(1);
        self.message = message;
        match (self.failures.checked_sub(check.threshold), check.on_failure) {
            (None, _) => Finding::Nothing,
            (Some(_), OnFailure::Restart) => Finding::Fatal,
            (Some(beyond), OnFailure::Warn) if beyond % NOTICE_EVERY == 0 => {
                self.told = true;
                Finding::Failing
            }
            (Some(_), OnFailure::Warn) => Finding::Nothing,
        }
    }
}
