//! What follows from where all stand: who starts now, whose turn to end it is.

use super::{EndCause, Phase, Supervisor, UnitNotice};
use crate::Time;
use crate::unit::{Next, Stage, Unit, UnitId};

impl Supervisor {
    /// Does what has become possible. To be called after everything that may have changed a state.
    pub(super) fn settle(&mut self, now: Time) {
        self.close_rounds(now);
        self.start_waiting(now);
        if let Some((unit, exit)) = self.never_starts() {
            self.begin_shutdown(now, EndCause::NeverStarted { unit, exit });
        }
        self.give_turns(now);
        self.end_if_empty();
    }

    /// Members that restart together wait for each other to be gone.
    fn close_rounds(&mut self, now: Time) {
        let due = |round: Option<Time>| round.is_some_and(|at| at <= now);
        let teams = self.teams.iter().filter(|(_, team)| due(team.round));
        let names: Vec<_> = teams.map(|(name, _)| name.clone()).collect();
        for name in names {
            if self.round_is_blocked(&name) {
                continue;
            }
            if let Some(team) = self.teams.get_mut(&name) {
                team.round = None;
            }
            for unit in self.units.values_mut() {
                if unit.spec.group.as_ref() == Some(&name)
                    && matches!(unit.stage, Stage::Backoff { due: None, .. })
                {
                    unit.wait(now);
                }
            }
        }
    }

    /// Whether a member that is to restart with its group still runs.
    pub(super) fn round_is_blocked(&self, group: &str) -> bool {
        self.members(group).any(|unit| {
            let ending = unit.life().and_then(|life| life.ending.as_ref());
            ending.is_some_and(|ending| matches!(ending.next, Next::Group))
        })
    }

    pub(super) fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Unit> {
        let units = self.units.values();
        units.filter(move |unit| unit.spec.group.as_deref() == Some(group))
    }

    fn start_waiting(&mut self, now: Time) {
        let waits = |unit: &&Unit| matches!(unit.stage, Stage::Waiting { .. });
        let waiting: Vec<UnitId> = self.units.values().filter(waits).map(|it| it.id).collect();
        for id in waiting {
            let Some(unit) = self.units.get(&id) else {
                continue;
            };
            let missing: Vec<_> = self.missing(unit).cloned().collect();
            let Some(unit) = self.units.get_mut(&id) else {
                continue;
            };
            if missing.is_empty() {
                unit.launch(now, &mut self.out);
            } else if let Stage::Waiting { told: told @ false } = &mut unit.stage {
                *told = true;
                unit.say(UnitNotice::Waiting(missing), &mut self.out);
            }
        }
    }

    /// Units whose end was ordered begin their ladder when those that start after them are gone;
    /// in a shutdown at the latest when it just fits.
    fn give_turns(&mut self, now: Time) {
        let mut turns = self.units.values().filter(|it| it.waits_for_its_turn());
        if turns.next().is_none() {
            return;
        }
        let shutdown = match &self.phase {
            Phase::Stopping(shutdown) => Some(shutdown),
            Phase::Idle | Phase::Running { .. } => None,
        };
        // Outside a shutdown no deadline ends the wait for one that cannot be killed.
        let needed = self.still_needed(shutdown.is_some());
        for unit in self.units.values_mut().rev() {
            let late = shutdown.is_some_and(|it| it.latest_turn(unit) <= now);
            if unit.waits_for_its_turn() && (late || !needed.contains(&unit.id)) {
                unit.descend(now, &mut self.out);
            }
        }
    }
}
