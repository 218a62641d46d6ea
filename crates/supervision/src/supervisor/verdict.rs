//! A run is over: what becomes of the unit, and of the others.

use super::give_up::Refused;
use super::{EndCause, Phase, Strategy, Supervisor, UnitNotice};
use crate::Time;
use crate::restart::{ExitClass, Restart};
use crate::text::Span;
use crate::unit::{Next, Over, Seen, Stage, UnitExit, UnitId, Why};

impl Supervisor {
    /// A run is over.
    pub(super) fn over(&mut self, now: Time, id: UnitId, seen: Seen) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        let abandoned = matches!(seen, Seen::Abandoned);
        let Some(over) = unit.finish(now, seen, &mut self.out) else {
            return;
        };
        if let Phase::Stopping(shutdown) = &mut self.phase
            && abandoned
        {
            shutdown.abandoned.push(unit.spec.name.clone());
        }
        match &over.next {
            Next::Stay(halt) => {
                let last = Some(over.exit.clone());
                unit.rest(halt.clone(), last, now, &mut self.out);
            }
            Next::Start => unit.wait(now),
            Next::ComeBack { culprit } => unit.come_back(culprit, now),
            Next::Group => {
                let why = format!("{}; restarts with its group", over.exit.describe());
                unit.enter(Stage::Backoff { due: None, why }, now);
            }
            Next::Policy => self.judge(now, id, &over),
        }
    }

    fn judge(&mut self, now: Time, id: UnitId, over: &Over) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        let reason = over.exit.describe();
        match (over.exit.class, unit.spec.policy.restart.restart) {
            (ExitClass::Success, Restart::Never | Restart::OnFailure) => {
                unit.enter(Stage::Completed { why: reason }, now);
                unit.say(UnitNotice::Completed, &mut self.out);
                if unit.spec.significant {
                    self.begin_shutdown(now, EndCause::Significant(over.exit.clone()));
                }
            }
            (ExitClass::Fatal, _) => {
                let why = format!("{reason}; another start can only fail again");
                self.fail(now, id, &over.exit, Refused { why, retry: None });
            }
            (ExitClass::Failure, Restart::Never) => {
                let why = format!("{reason}; it is never restarted");
                self.fail(now, id, &over.exit, Refused { why, retry: None });
            }
            (ExitClass::Failure, _) | (ExitClass::Success, Restart::Always) => {
                match self.room(now, id, &over.exit) {
                    Ok(()) => self.restart(now, id, over),
                    Err(refused) => self.fail(now, id, &over.exit, refused),
                }
            }
        }
    }

    /// Whether both the unit and its group may restart once more.
    fn room(&self, now: Time, id: UnitId, exit: &UnitExit) -> Result<(), Refused> {
        let Some(unit) = self.units.get(&id) else {
            return Ok(());
        };
        let policy = &unit.spec.policy.restart;
        let refused = |who: &str, restarts: u32, window| Refused {
            why: format!(
                "{who}restarted {restarts} times within {}, the last end: {}",
                Span(window),
                exit.describe()
            ),
            retry: policy.retry_after,
        };
        if !unit
            .window
            .has_room(now, policy.max_restarts, policy.window)
        {
            let restarts = unit.window.count(now, policy.window);
            return Err(refused("", restarts, policy.window));
        }
        match self.team_of(unit) {
            Some(team) if !team.has_room(now) => {
                let window = team.group.window;
                let who = format!("its group {} has ", team.group.name);
                let restarts = team.window.count(now, window);
                Err(refused(&who, restarts, window))
            }
            _ => Ok(()),
        }
    }

    fn restart(&mut self, now: Time, id: UnitId, over: &Over) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        let policy = &unit.spec.policy.restart;
        unit.failures = unit.failures.saturating_add(1);
        let delay = policy.backoff.delay(unit.failures, &mut self.jitter);
        unit.window.admit(now, policy.window);
        unit.restarts += 1;
        let restarts_in_window = unit.window.count(now, policy.window);
        let limit = policy.max_restarts;
        let limit = limit.map_or_else(String::new, |limit| format!(" of {limit}"));
        let reason = over.exit.describe();
        let why = format!("{reason}; restart {restarts_in_window}{limit}");
        let name = unit.spec.name.clone();
        let notice = UnitNotice::RestartScheduled {
            delay,
            restarts_in_window,
            restarts: unit.restarts,
        };
        unit.say(notice, &mut self.out);
        let due = now + delay;
        let group = unit.spec.group.clone();
        let team = group.and_then(|group| self.teams.get_mut(&group));
        match team.filter(|team| team.group.restarts_together()) {
            None => unit.enter(
                Stage::Backoff {
                    due: Some(due),
                    why,
                },
                now,
            ),
            Some(team) => {
                unit.enter(Stage::Backoff { due: None, why }, now);
                team.begin_round(now, due);
                let (group, strategy) = (team.group.name.clone(), team.group.strategy);
                self.gather(now, &group, strategy, id, &name);
            }
        }
    }

    /// Ends the other members that restart with the culprit.
    fn gather(&mut self, now: Time, group: &str, strategy: Strategy, culprit: UnitId, name: &str) {
        for unit in self.units.values_mut().rev() {
            let affected = unit.spec.group.as_deref() == Some(group)
                && unit.id != culprit
                && (strategy == Strategy::OneForAll || unit.id > culprit);
            if !affected {
                continue;
            }
            let why = || format!("{name} of its group ended; restarts with it");
            match &mut unit.stage {
                Stage::Waiting { .. } | Stage::Backoff { due: Some(_), .. } => {
                    let why = why();
                    unit.enter(Stage::Backoff { due: None, why }, now);
                }
                Stage::Running(life) => match life.ending.as_mut().map(|it| &mut it.next) {
                    None => {
                        let culprit = name.to_owned();
                        unit.order(Why::Group { culprit }, Next::Group, now);
                    }
                    Some(next @ (Next::Policy | Next::Start | Next::ComeBack { .. })) => {
                        *next = Next::Group;
                    }
                    Some(Next::Group | Next::Stay(_)) => continue,
                },
                _ => continue,
            }
            if unit.life().is_some() {
                // A restart that is pending is counted already, and a first start is none.
                unit.restarts += 1;
            }
            let culprit = name.to_owned();
            unit.say(UnitNotice::RestartedWith { culprit }, &mut self.out);
        }
    }
}
