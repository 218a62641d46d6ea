//! One run's way down the ladder.

use std::time::Duration;

use crate::Time;
use crate::allowance::Allowance;
use crate::deadline::Deadline;
use crate::stop::{KILL_WAIT, StopAction, StopLadder};

/// How often people are told of one that cannot be killed.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct Descent {
    begun: Time,
    rung: Rung,
    allowance: Allowance,
    /// Whether it was killed before its ladder was over, because that was wanted.
    at_once: bool,
}

#[derive(Clone, Debug)]
enum Rung {
    /// Nothing runs yet that could be told anything.
    Held { kill: bool },
    /// This step was taken.
    Step { index: usize, until: Deadline },
    /// Nothing is left to be done but to tell people.
    Killed {
        at: Time,
        overdue: Deadline,
        told: bool,
    },
}

/// What is to be done at a rung's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Do this.
    Act(StopAction),
    /// It was killed so long ago and is still there.
    Overdue { since_kill: Duration },
}

impl Descent {
    /// Waits until there is something that can be told to end.
    pub(super) fn held(now: Time) -> Self {
        Self {
            begun: now,
            rung: Rung::Held { kill: false },
            allowance: Allowance::new(Duration::ZERO),
            at_once: false,
        }
    }

    /// When its first step was taken, or would have been.
    pub(crate) fn begun(&self) -> Time {
        self.begun
    }

    /// Whether a kill was the first thing done or came before its time.
    pub(super) fn killed_at_once(&self) -> bool {
        self.at_once && matches!(self.rung, Rung::Killed { .. })
    }

    /// How long it had before it was killed, if it was.
    pub(super) fn killed_after(&self) -> Option<Duration> {
        match self.rung {
            Rung::Killed { at, .. } => Some(at - self.begun),
            _ => None,
        }
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(self.rung, Rung::Held { .. })
    }

    /// Whether people were told that it cannot be killed.
    pub(super) fn is_unkillable(&self) -> bool {
        matches!(self.rung, Rung::Killed { told: true, .. })
    }

    /// What was last done.
    pub(super) fn step(&self, ladder: &StopLadder) -> Option<StopAction> {
        match self.rung {
            Rung::Held { .. } => None,
            Rung::Step { index, .. } => ladder.steps.get(index).map(|step| step.action.clone()),
            Rung::Killed { .. } => Some(StopAction::Kill),
        }
    }

    /// It runs: the first step, or the kill that was wanted meanwhile.
    pub(super) fn begin(&mut self, now: Time, ladder: &StopLadder) -> StopAction {
        let kill = matches!(self.rung, Rung::Held { kill: true });
        self.begun = now;
        if kill || ladder.steps.is_empty() {
            self.at_once = true;
            return self.kill(now);
        }
        self.take_step(now, ladder, 0)
    }

    /// The kill, if it has not come yet. `wanted`: by a person, not because time was up.
    pub(super) fn kill_now(&mut self, now: Time, wanted: bool) -> Option<StopAction> {
        match &mut self.rung {
            Rung::Held { kill } => {
                *kill = true;
                None
            }
            Rung::Step { .. } => {
                self.at_once = wanted;
                Some(self.kill(now))
            }
            Rung::Killed { .. } => None,
        }
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        match &self.rung {
            Rung::Held { .. } => None,
            Rung::Step { until, .. } => Some(until.at()),
            Rung::Killed { overdue, .. } => Some(overdue.at()),
        }
    }

    /// What follows when [`timeout`](Self::timeout) has come.
    pub(super) fn expire(&mut self, now: Time, ladder: &StopLadder) -> Option<Turn> {
        if self.timeout().is_none_or(|at| at > now) {
            return None;
        }
        match &mut self.rung {
            Rung::Held { .. } => None,
            Rung::Step { index, .. } => {
                let next = *index + 1;
                Some(Turn::Act(self.take_step(now, ladder, next)))
            }
            Rung::Killed { at, overdue, told } => {
                let since_kill = now - *at;
                *told = true;
                *overdue = Deadline::new(now + TELL_EVERY);
                Some(Turn::Overdue { since_kill })
            }
        }
    }

    /// At least `extra` more from now on for the current step.
    pub(super) fn extend(&mut self, now: Time, extra: Duration, max: Duration) {
        if let Rung::Step { until, .. } = &mut self.rung {
            let wanted = (now + extra) - until.at();
            until.postpone(self.allowance.extend(wanted, max));
        }
    }

    pub(super) fn postpone(&mut self, lateness: Duration, now: Time, ladder: &StopLadder) {
        match &mut self.rung {
            Rung::Held { .. } => {}
            Rung::Step { index, until } => {
                let wait = ladder.steps.get(*index).map_or(KILL_WAIT, |step| step.wait);
                until.postpone(lateness);
                until.spare(now + grace(wait));
            }
            Rung::Killed { overdue, .. } => {
                overdue.postpone(lateness);
                overdue.spare(now + grace(KILL_WAIT));
            }
        }
    }

    fn take_step(&mut self, now: Time, ladder: &StopLadder, index: usize) -> StopAction {
        let Some(step) = ladder.steps.get(index) else {
            return self.kill(now);
        };
        self.rung = Rung::Step {
            index,
            until: Deadline::new(now + step.wait),
        };
        step.action.clone()
    }

    fn kill(&mut self, now: Time) -> StopAction {
        self.rung = Rung::Killed {
            at: now,
            overdue: Deadline::new(now + KILL_WAIT),
            told: false,
        };
        StopAction::Kill
    }
}

/// What a deadline leaves, once, to facts that waited while the host was frozen.
pub(super) fn grace(limit: Duration) -> Duration {
    limit.min(Duration::from_secs(1))
}
