//! A run is brought to its end.

use super::descent::{Descent, Turn};
use super::ending::{Halt, Next, Why};
use super::life::Life;
use super::record::{Stage, Unit};
use crate::Time;
use crate::stop::StopAction;
use crate::supervisor::{Action, Outbox, UnitNotice};
use crate::unit::UnitKind;

impl Unit {
    /// Whether its end was ordered and its ladder has not begun.
    pub(crate) fn waits_for_its_turn(&self) -> bool {
        self.life()
            .is_some_and(|life| life.ending.is_some() && life.descent().is_none())
    }

    /// Has it end when it is its turn, and stay so. What does not run stops at once; what has ended
    /// by itself, or is to stay stopped already, is left alone.
    pub(crate) fn stop_in_turn(&mut self, now: Time, by: &str, halt: &Halt, out: &mut Outbox) {
        match &mut self.stage {
            Stage::Waiting { .. } | Stage::Backoff { .. } => {
                self.rest(halt.clone(), None, now, out);
            }
            Stage::Running(life) => match &mut life.ending {
                Some(ending) if matches!(ending.next, Next::Stay(_)) => {}
                Some(ending) => ending.next = Next::Stay(halt.clone()),
                None => {
                    let by = by.to_owned();
                    self.order(Why::Request { by }, Next::Stay(halt.clone()), now);
                }
            },
            Stage::Stopped { .. } | Stage::Completed { .. } | Stage::Failed { .. } => {}
        }
    }

    /// Begins the ladder of a run whose end was ordered. One that does not run yet is killed: nothing
    /// else can be done to it, and whoever is still starting it gives up.
    pub(crate) fn descend(&mut self, now: Time, out: &mut Outbox) {
        let runs = self.life().is_some_and(|life| life.spawned.is_some());
        let (descent, step) = if runs {
            Descent::begin(now, &self.spec.policy.stop)
        } else {
            Descent::kill_at_once(now, true)
        };
        if self.leave_life(descent, now, out) {
            self.take(step, out);
        }
    }

    /// Kills a run whose end was ordered. `wanted`: by a person, not because time was up.
    pub(crate) fn kill(&mut self, now: Time, wanted: bool, out: &mut Outbox) {
        let (descent, step) = Descent::kill_at_once(now, wanted);
        if self.leave_life(descent, now, out) {
            return self.take(step, out);
        }
        let descent = self.life_mut().and_then(Life::descent_mut);
        if let Some(step) = descent.and_then(|descent| descent.kill_now(now, wanted)) {
            self.take(step, out);
        }
    }

    /// From now on nothing is waited for but its end. False if that is so already, or was not ordered.
    fn leave_life(&mut self, descent: Descent, now: Time, out: &mut Outbox) -> bool {
        if !self.waits_for_its_turn() {
            return false;
        }
        let Some(life) = self.life_mut() else {
            return false;
        };
        life.leave(life.state(), now);
        life.stop_watching();
        let run = life.run;
        if let Some(ending) = &mut life.ending {
            ending.descent = Some(descent);
        }
        out.forget_looks(run);
        self.since = now;
        true
    }

    /// What its ladder wants by now. True if the run is to be let go of.
    pub(crate) fn expire_ladder(&mut self, now: Time, out: &mut Outbox) -> bool {
        let ladder = &self.spec.policy.stop;
        let Stage::Running(life) = &mut self.stage else {
            return false;
        };
        let turn = life.descent_mut().and_then(|it| it.expire(now, ladder));
        match turn {
            None => false,
            Some(Turn::Act(step)) => {
                self.take(step, out);
                false
            }
            Some(Turn::Overdue { .. }) if self.spec.kind == UnitKind::Task => true,
            Some(Turn::Overdue { since_kill }) => {
                self.say(UnitNotice::Unkillable { since_kill }, out);
                false
            }
        }
    }

    /// Takes a step of its ladder.
    fn take(&self, step: StopAction, out: &mut Outbox) {
        let Some(life) = self.life() else {
            return;
        };
        let why = life.ending.as_ref().map(|ending| ending.why.describe());
        let notice = UnitNotice::Stopping {
            step: step.clone(),
            why: why.unwrap_or_default(),
        };
        self.say(notice, out);
        let run = life.run;
        out.act(Action::Stop { run, step });
    }

    /// Whether what it needs must not be stopped before it is gone.
    pub(crate) fn holds_others(&self, patient: bool) -> bool {
        let Some(life) = self.life() else {
            return false;
        };
        let unkillable = life.descent().is_some_and(Descent::is_unkillable);
        life.ending.is_some() && (patient || !unkillable)
    }

    /// What was last done to end it.
    pub(crate) fn last_step(&self) -> Option<StopAction> {
        let descent = self.life()?.descent()?;
        descent.step(&self.spec.policy.stop)
    }
}
