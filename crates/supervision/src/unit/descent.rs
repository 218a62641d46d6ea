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
    /// With the first step, which is to be taken now.
    pub(super) fn begin(now: Time, ladder: &StopLadder) -> (Self, StopAction) {
        let Some(first) = ladder.steps.first() else {
            return Self::kill_at_once(now, true);
        };
        let rung = Rung::Step {
            index: 0,
            until: Deadline::new(now + first.wait),
        };
        (Self::on(rung, now, false), first.action.clone())
    }

    /// With the kill, which is to be done now. `wanted`: by a person, not because time was up.
    pub(super) fn kill_at_once(now: Time, wanted: bool) -> (Self, StopAction) {
        (Self::on(Rung::killed(now), now, wanted), StopAction::Kill)
    }

    fn on(rung: Rung, now: Time, at_once: bool) -> Self {
        Self {
            begun: now,
            rung,
            allowance: Allowance::default(),
            at_once,
        }
    }

    /// When its first step was taken.
    pub(crate) fn begun(&self) -> Time {
        self.begun
    }

    /// Whether a kill was the first thing done or came before its time.
    pub(super) fn killed_at_once(&self) -> bool {
        self.at_once && matches!(self.rung, Rung::Killed { .. })
    }

    /// How long it had before it was killed, if it was. One whose first step was the kill had the
    /// time since the order.
    pub(super) fn killed_after(&self, ordered: Time) -> Option<Duration> {
        match self.rung {
            Rung::Killed { at, .. } if at == self.begun => Some(at - ordered),
            Rung::Killed { at, .. } => Some(at - self.begun),
            _ => None,
        }
    }

    /// Whether people were told that it cannot be killed.
    pub(super) fn is_unkillable(&self) -> bool {
        matches!(self.rung, Rung::Killed { told: true, .. })
    }

    /// What was last done.
    pub(super) fn step(&self, ladder: &StopLadder) -> Option<StopAction> {
        match self.rung {
            Rung::Step { index, .. } => ladder.steps.get(index).map(|step| step.action.clone()),
            Rung::Killed { .. } => Some(StopAction::Kill),
        }
    }

    /// The kill, if it has not come yet. `wanted`: by a person, not because time was up.
    pub(super) fn kill_now(&mut self, now: Time, wanted: bool) -> Option<StopAction> {
        match self.rung {
            Rung::Step { .. } => {
                self.at_once = wanted;
                Some(self.kill(now))
            }
            Rung::Killed { .. } => None,
        }
    }

    pub(super) fn timeout(&self) -> Time {
        match &self.rung {
            Rung::Step { until, .. } => until.at(),
            Rung::Killed { overdue, .. } => overdue.at(),
        }
    }

    /// What follows when [`timeout`](Self::timeout) has come.
    pub(super) fn expire(&mut self, now: Time, ladder: &StopLadder) -> Option<Turn> {
        if self.timeout() > now {
            return None;
        }
        match &mut self.rung {
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
        self.rung = Rung::killed(now);
        StopAction::Kill
    }
}

impl Rung {
    fn killed(now: Time) -> Self {
        Self::Killed {
            at: now,
            overdue: Deadline::new(now + KILL_WAIT),
            told: false,
        }
    }
}

/// What a deadline leaves, once, to facts that waited while the host was frozen.
pub(super) fn grace(limit: Duration) -> Duration {
    limit.min(Duration::from_secs(1))
}
