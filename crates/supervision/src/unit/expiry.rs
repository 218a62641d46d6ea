//! What becomes due while a unit runs.

use std::time::Duration;

use super::life::Readying;
use super::record::{Stage, Unit};
use super::{OnFailure, Readiness};
use crate::Time;
use crate::exit::ExitReason;
use crate::supervisor::{Action, Outbox, ProbeId, UnitNotice};

impl Unit {
    /// What is due by now, harmless things first: they may spare the unit.
    pub(crate) fn expire(&mut self, now: Time, out: &mut Outbox) {
        self.expire_readiness(now, out);
        self.expire_checks(now, out);
        self.expire_sample(now, out);
        self.expire_start(now, out);
        self.expire_silence(now, out);
        self.expire_watchdog(now, out);
    }

    fn expire_readiness(&mut self, now: Time, out: &mut Outbox) {
        let Some((life, policy)) = self.watched() else {
            return;
        };
        let run = life.run;
        match &mut life.readying {
            Some(Readying::Delay(at)) if *at <= now => self.become_ready(now, out),
            Some(Readying::Probe(look)) if look.at().is_some_and(|at| at <= now) => {
                let Readiness::Probe { timeout, .. } = policy.readiness else {
                    return;
                };
                if look.is_out() {
                    look.give_up();
                    self.probed_readiness(now, Err(unanswered(timeout)), out);
                } else {
                    look.begin(now, timeout);
                    let probe = ProbeId::Readiness;
                    out.act(Action::Probe { run, probe });
                }
            }
            _ => {}
        }
    }

    fn expire_checks(&mut self, now: Time, out: &mut Outbox) {
        for index in 0..self.spec.policy.checks.len() {
            let Some((life, policy)) = self.watched() else {
                return;
            };
            let run = life.run;
            let (Some(checking), Some(check)) =
                (life.checks.get_mut(index), policy.checks.get(index))
            else {
                return;
            };
            let timeout = check.timeout;
            if checking.look.at().is_none_or(|at| at > now) {
                continue;
            }
            if checking.look.is_out() {
                checking.look.give_up();
                self.checked(now, index, Err(unanswered(timeout)), out);
            } else {
                checking.look.begin(now, timeout);
                let probe = ProbeId::Check(index);
                out.act(Action::Probe { run, probe });
            }
        }
    }

    fn expire_sample(&mut self, now: Time, out: &mut Outbox) {
        if let Some((life, policy)) = self.watched()
            && life.sample.is_some_and(|at| at <= now)
        {
            out.act(Action::SampleMemory(life.run));
            // In case no sample ever comes.
            life.sample = Some(now.next_on_grid(policy.memory_sample));
        }
    }

    fn expire_start(&mut self, now: Time, out: &mut Outbox) {
        let Stage::Running(life) = &mut self.stage else {
            return;
        };
        if life.start.take_if(|start| start.at() <= now).is_some() {
            let after = life
                .start_allowance
                .extended(self.spec.policy.start_timeout);
            self.fault(ExitReason::StartTimeout { after }, now, out);
        }
    }

    fn expire_silence(&mut self, now: Time, out: &mut Outbox) {
        let Some((life, policy)) = self.watched() else {
            return;
        };
        let (Some(output), Some(activity)) = (&mut life.output, policy.activity) else {
            return;
        };
        if let Some(silent_for) = output.take_overdue(now) {
            self.say(UnitNotice::Silent(silent_for), out);
            if activity.on_silence == OnFailure::Restart {
                self.fault(ExitReason::Silent { silent_for }, now, out);
            }
        }
    }

    fn expire_watchdog(&mut self, now: Time, out: &mut Outbox) {
        if let Some((life, _)) = self.watched()
            && let Some(watchdog) = &mut life.watchdog
            && let Some(silent_for) = watchdog.take_overdue(now)
        {
            self.fault(ExitReason::Watchdog { silent_for }, now, out);
        }
    }
}

fn unanswered(timeout: Duration) -> String {
    format!("no answer within {timeout:?}")
}
