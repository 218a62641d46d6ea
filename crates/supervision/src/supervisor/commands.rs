//! What people want of units.

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
    /// After a stop this starts everything anew, with empty windows and backoffs. While everything
    /// runs, or is being stopped, it does nothing.
    pub fn start(&mut self, now: Time) {
        self.catch_up(now);
        match self.phase {
            Phase::Idle | Phase::Running { everything: false } => {}
            Phase::Running { everything: true } | Phase::Stopping(_) => return,
        }
        let begun = matches!(self.phase, Phase::Running { .. });
        self.phase = Phase::Running { everything: true };
        for unit in self.units.values_mut() {
            let untouched = matches!(unit.stage, Stage::Stopped(Halt::NotStarted));
            if unit.spec.autostart && !unit.runs() && (untouched || !begun) {
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
    /// is left alone; one that is being stopped starts again when it is gone. What it comes after
    /// is not started with it: it waits.
    pub fn start_unit(&mut self, now: Time, unit: UnitId) -> Result<(), SpecError> {
        self.catch_up(now);
        let unit = self.startable(unit)?;
        match &mut unit.stage {
            Stage::Running(life) => match life.ending.as_mut().map(|ending| &mut ending.next) {
                // It runs, or will with its group.
                None | Some(Next::Group) => return Ok(()),
                Some(next) => *next = Next::Start,
            },
            Stage::Waiting { .. } => {}
            _ => unit.wait(now),
        }
        let id = unit.id;
        self.forgive(id);
        self.settle(now);
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
        if let Stage::Failed { retry, .. } = &mut unit.stage {
            *retry = None;
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
    /// empty; starts one that does not run. Its end is no failure and concerns no other member of
    /// its group.
    pub fn restart_unit(&mut self, now: Time, unit: UnitId, by: String) -> Result<(), SpecError> {
        self.catch_up(now);
        let by = words(by);
        let unit = self.startable(unit)?;
        match &mut unit.stage {
            Stage::Running(life) => match life.ending.as_mut().map(|ending| &mut ending.next) {
                None => unit.order(Why::Request { by }, Next::Start, now),
                // It ends and starts again with the others.
                Some(Next::Group) => return Ok(()),
                Some(next) => *next = Next::Start,
            },
            Stage::Waiting { .. } => {}
            _ => unit.wait(now),
        }
        let id = unit.id;
        self.forgive(id);
        if let Some(unit) = self.units.get_mut(&id) {
            unit.descend(now, &mut self.out);
        }
        self.settle(now);
        Ok(())
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
        let group = unit.spec.group.clone();
        if let Some(team) = group.and_then(|group| self.teams.get_mut(&group)) {
            team.window.clear();
        }
    }
}
