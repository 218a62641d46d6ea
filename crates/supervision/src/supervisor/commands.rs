//! What people want of units.

use super::team::Team;
use super::{Phase, SpecError, Supervisor};
use crate::Time;
use crate::text::harmless;
use crate::unit::{Halt, Next, Stage, Unit, UnitId, Why};

/// The longest that a person may say of themselves, in bytes.
const LONGEST_BY: usize = 256;

pub(super) fn words(by: String) -> String {
    if by.len() <= LONGEST_BY && !by.chars().any(char::is_control) {
        by
    } else {
        harmless(&by, LONGEST_BY)
    }
}

impl Supervisor {
    /// Starts every unit that is to start by itself, each as soon as what it comes after is there.
    /// After a stop this starts everything anew, with empty windows and backoffs, but for units that
    /// were started by name since. While everything runs, or is being stopped, it does nothing.
    pub fn start(&mut self, now: Time) {
        self.catch_up(now);
        match self.phase {
            Phase::Idle | Phase::Running { everything: false } => {}
            Phase::Running { everything: true } | Phase::Stopping(_) => return,
        }
        self.phase = Phase::Running { everything: true };
        for unit in self.units.values_mut() {
            if unit.spec.autostart && !unit.begun {
                unit.forgive();
                unit.wait(now);
            }
        }
        for team in self.teams.values_mut() {
            team.window.clear();
        }
        self.settle(now);
    }

    /// Starts one unit, with its window and backoff, and its group's window, empty. One that runs
    /// is left alone; one that is being stopped starts again when it is gone, and one that restarts
    /// with its group starts with it, which then waits only until all are gone. What it comes after
    /// is not started with it: it waits. One that was given up and is to be tried again brings back
    /// those that were stopped because of it, as its retry would have done.
    pub fn start_unit(&mut self, now: Time, unit: UnitId) -> Result<(), SpecError> {
        self.catch_up(now);
        let unit = self.startable(unit)?;
        let id = unit.id;
        if unit.life().is_none_or(|life| life.ending.is_some()) {
            self.start_anew(now, id);
            self.settle(now);
        }
        Ok(())
    }

    /// Stops one unit, and no other. It stays stopped until it is started again. One that has ended
    /// by itself only loses its retry.
    pub fn stop_unit(&mut self, now: Time, unit: UnitId, by: String) {
        self.catch_up(now);
        let by = words(by);
        let stopping = matches!(self.phase, Phase::Stopping(_));
        let Some(unit) = self.units.get_mut(&unit) else {
            return;
        };
        if let Stage::Failed {
            retry, called_off, ..
        } = &mut unit.stage
        {
            *retry = None;
            *called_off = true;
        }
        let halt = Halt::Requested { by: by.clone() };
        unit.stop_in_turn(now, &by, &halt, &mut self.out);
        if let Some(held @ Halt::GroupGaveUp { .. }) = unit.halt_mut() {
            // It does not come back with its group.
            *held = halt;
        }
        if !stopping {
            unit.descend(now, &mut self.out);
        }
        self.settle(now);
    }

    /// Stops one unit and starts it again, with its window and backoff, and its group's window,
    /// empty; starts one that does not run, as [`start_unit`](Self::start_unit) does. Its end is no
    /// failure and concerns no other member of its group; one that restarts with its group anyway
    /// does so.
    pub fn restart_unit(&mut self, now: Time, unit: UnitId, by: String) -> Result<(), SpecError> {
        self.catch_up(now);
        let by = words(by);
        let unit = self.startable(unit)?;
        let id = unit.id;
        unit.order(Why::Request { by }, Next::Start, now);
        let joins = self.start_anew(now, id);
        if !joins && let Some(unit) = self.units.get_mut(&id) {
            unit.descend(now, &mut self.out);
        }
        self.settle(now);
        Ok(())
    }

    /// Starts one that does not run, or is to end, with its counts empty. Returns whether it starts
    /// with its group.
    fn start_anew(&mut self, now: Time, id: UnitId) -> bool {
        let Some(unit) = self.units.get_mut(&id) else {
            return false;
        };
        let mut joins = false;
        match &mut unit.stage {
            Stage::Running(life) => match life.ending.as_mut().map(|ending| &mut ending.next) {
                Some(Next::Group) => joins = true,
                Some(next) => *next = Next::Start,
                None => {}
            },
            Stage::Backoff { due: None, .. } => joins = true,
            Stage::Waiting { .. } => {}
            Stage::Failed { retry: Some(_), .. } => {
                unit.wait(now);
                self.bring_back(now, id);
            }
            _ => unit.wait(now),
        }
        self.forgive(id);
        if joins && let Some(team) = self.team_of_mut(id) {
            // Its delay is over.
            team.round = team.round.map(|round| round.min(now));
        }
        joins
    }

    fn startable(&mut self, id: UnitId) -> Result<&mut Unit, SpecError> {
        if matches!(self.phase, Phase::Stopping(_)) {
            return Err(SpecError::ShuttingDown);
        }
        let unit = self.units.get_mut(&id);
        let unit = unit.ok_or(SpecError::UnknownUnit { unit: id })?;
        if matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Running { everything: false };
        }
        Ok(unit)
    }

    /// Only time and a person empty the windows.
    fn forgive(&mut self, id: UnitId) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        unit.forgive();
        if let Some(team) = self.team_of_mut(id) {
            team.window.clear();
        }
    }

    fn team_of_mut(&mut self, id: UnitId) -> Option<&mut Team> {
        let group = self.units.get(&id)?.spec.group.as_ref()?;
        self.teams.get_mut(group)
    }
}
