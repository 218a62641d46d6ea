//! A unit is given up: who goes with it, and who comes back with its retry.

use std::sync::Arc;
use std::time::Duration;

use super::{EndCause, Escalation, Notice, Supervisor, UnitNotice};
use crate::Time;
use crate::unit::{Halt, Next, Stage, UnitExit, UnitId};

/// Why a restart was refused.
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) retry: Option<Duration>,
}

impl Supervisor {
    /// It is given up, and what follows from that for its group and for everything.
    pub(super) fn fail(&mut self, now: Time, id: UnitId, exit: &Arc<UnitExit>, refused: Refused) {
        let Some(unit) = self.units.get(&id) else {
            return;
        };
        let significant = unit.spec.significant;
        let group = self.team_of(unit).map(|team| team.group.clone());
        let escalation = group
            .as_ref()
            .map_or(Escalation::Isolate, |it| it.escalation);
        let Refused { why, mut retry } = refused;
        if significant || escalation == Escalation::Shutdown {
            // Nothing will be there any more to retry it.
            retry = None;
        }
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        let retry_at = retry.map(|retry| now + retry);
        let stage = Stage::Failed {
            why: why.clone(),
            retry: retry_at,
            called_off: false,
        };
        unit.enter(stage, now);
        let culprit = unit.spec.name.clone();
        let notice = UnitNotice::Failed {
            why,
            retry_after: retry,
        };
        unit.say(notice, &mut self.out);
        if let Some(group) = &group
            && escalation != Escalation::Isolate
        {
            self.out.tell(Notice::GroupGaveUp {
                group: group.name.clone(),
                culprit: culprit.clone(),
            });
        }
        match (significant, escalation, group) {
            (true, _, _) => self.begin_shutdown(now, EndCause::Significant(exit.clone())),
            (false, Escalation::StopGroup | Escalation::Shutdown, Some(group)) => {
                let ends_all = escalation == Escalation::Shutdown
                    || retry.is_none() && self.would_lose_significant(&group.name, id);
                if escalation == Escalation::StopGroup {
                    self.stop_group(now, &group.name, id, &culprit, retry_at);
                }
                if ends_all {
                    let (group, exit) = (group.name, exit.clone());
                    self.begin_shutdown(now, EndCause::GroupGaveUp { group, exit });
                }
            }
            _ => {}
        }
    }

    /// Whether a significant member runs, is to run, or would still come back with another's retry.
    fn would_lose_significant(&self, group: &str, culprit: UnitId) -> bool {
        let will_be_retried = |id: &UnitId| {
            let unit = self.units.get(id);
            unit.is_some_and(|unit| matches!(unit.stage, Stage::Failed { retry: Some(_), .. }))
        };
        self.members(group).any(|unit| {
            let lost = match &unit.stage {
                Stage::Waiting { .. } | Stage::Backoff { .. } => true,
                Stage::Running(life) => match life.ending.as_ref().map(|ending| &ending.next) {
                    Some(Next::Stay(halt)) => !halt.is_wanted(),
                    _ => true,
                },
                Stage::Stopped {
                    halt: Halt::GroupGaveUp { culprit, .. },
                    ..
                } => will_be_retried(culprit),
                _ => false,
            };
            unit.spec.significant && unit.id != culprit && lost
        })
    }

    /// A member was given up, and the group with it. Whoever of it was to be retried is so no longer,
    /// or, if this member is, not before it.
    fn stop_group(
        &mut self,
        now: Time,
        group: &str,
        culprit: UnitId,
        name: &str,
        retry_at: Option<Time>,
    ) {
        if let Some(team) = self.teams.get_mut(group) {
            team.round = None;
        }
        let why = format!("its group {group} gave up, because {name} has failed");
        let halt = Halt::GroupGaveUp {
            culprit,
            why: why.clone(),
        };
        for unit in self.units.values_mut() {
            if unit.spec.group.as_deref() != Some(group) || unit.id == culprit {
                continue;
            }
            if let Stage::Failed { retry, .. } = &mut unit.stage {
                *retry = retry.and_then(|at| Some(at.max(retry_at?)));
            }
            unit.stop_in_turn(now, &why, &halt, &mut self.out);
        }
    }

    /// The time after which a unit that was given up is tried again has come, with its own counts
    /// empty.
    pub(super) fn retry(&mut self, now: Time, id: UnitId) {
        if let Some(unit) = self.units.get_mut(&id) {
            unit.forgive();
            unit.restarts += 1;
            unit.wait(now);
        }
        self.bring_back(now, id);
    }

    /// Those that were stopped because of a unit come back with it, as far as their own windows
    /// allow.
    pub(super) fn bring_back(&mut self, now: Time, id: UnitId) {
        let Some(name) = self.units.get(&id).map(|unit| unit.spec.name.clone()) else {
            return;
        };
        for unit in self.units.values_mut() {
            let Some(Halt::GroupGaveUp { culprit, .. }) = unit.halt_mut() else {
                continue;
            };
            if *culprit != id {
                continue;
            }
            let culprit = name.clone();
            match unit.life_mut().and_then(|life| life.ending.as_mut()) {
                Some(ending) => ending.next = Next::ComeBack { culprit },
                None => unit.come_back(&culprit, now),
            }
        }
    }
}
