//! What is known of a unit at one moment, in figures and in words.

use std::sync::Arc;

use super::Supervisor;
use crate::Time;
use crate::text::Span;
use crate::unit::{Condition, Dependency, Stage, Unit, UnitExit, UnitId, UnitKind, UnitState};

/// One unit at one moment, as far as the machine knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitSnapshot {
    /// Its number.
    pub unit: UnitId,
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: UnitKind,
    /// Its group.
    pub group: Option<String>,
    /// Where it stands.
    pub state: UnitState,
    /// Why it stands there, in words.
    pub why: String,
    /// Since when.
    pub since: Time,
    /// How many starts there were before the current or last one; `None` before the first.
    pub generation: Option<u64>,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// When the current run was spawned.
    pub started: Option<Time>,
    /// When the current run became ready.
    pub ready: Option<Time>,
    /// Restarts since it was added.
    pub restarts: u64,
    /// Restarts in its window.
    pub restarts_in_window: u32,
    /// When it will be started again.
    pub next_start: Option<Time>,
    /// The last [`EXITS`](super::EXITS) ends, oldest first.
    pub exits: Vec<Arc<UnitExit>>,
    /// Checks that fail at the moment: name, failures in a row, last message.
    pub failing_checks: Vec<(String, u32, String)>,
    /// The most memory that was measured in the current run, in bytes; 0 if it was never measured.
    pub peak_memory: u64,
    /// Whether it is as it should be: ready with no check failing and not silent for too long,
    /// completed, or stopped on request.
    pub healthy: bool,
}

impl Supervisor {
    /// What is known of a unit; `None` if there is none.
    pub fn snapshot(&self, now: Time, unit: UnitId) -> Option<UnitSnapshot> {
        let unit = self.units.get(&unit)?;
        let policy = &unit.spec.policy.restart;
        let life = unit.life();
        let failing_checks = unit.failing_checks();
        let state = unit.state();
        Some(UnitSnapshot {
            unit: unit.id,
            name: unit.spec.name.clone(),
            kind: unit.spec.kind,
            group: unit.spec.group.clone(),
            state,
            why: self.why(now, unit),
            since: unit.since,
            generation: unit.starts.checked_sub(1),
            pid: life.and_then(|life| life.pid),
            started: life.and_then(|life| life.spawned),
            ready: life.and_then(|life| life.ready),
            restarts: unit.restarts,
            restarts_in_window: unit.window.count(now, policy.window),
            next_start: self.next_start(unit),
            exits: unit.exits.iter().cloned().collect(),
            healthy: match &unit.stage {
                Stage::Stopped { halt, .. } => halt.is_wanted(),
                Stage::Completed { .. } => true,
                _ => {
                    let silent = life.is_some_and(|life| life.silent_for(now).is_some());
                    state == UnitState::Ready && failing_checks.is_empty() && !silent
                }
            },
            failing_checks,
            peak_memory: life.map_or(0, |life| life.peak_memory()),
        })
    }

    fn next_start(&self, unit: &Unit) -> Option<Time> {
        match &unit.stage {
            Stage::Backoff { due, .. } => due.or_else(|| self.team_of(unit)?.round),
            Stage::Failed { retry, .. } => *retry,
            _ => None,
        }
    }

    fn why(&self, now: Time, unit: &Unit) -> String {
        match &unit.stage {
            Stage::Stopped { halt, last } => halt.describe(last.as_deref()),
            Stage::Waiting { .. } => {
                let missing = self.missing(unit);
                let parts: Vec<_> = missing.map(|it| self.waits_for(now, it)).collect();
                match parts.is_empty() {
                    true => "is about to start".to_owned(),
                    false => parts.join("; "),
                }
            }
            Stage::Running(life) => life.describe(now, &unit.spec.policy),
            Stage::Backoff { why, due } => match self.next_start(unit) {
                Some(at) if at > now => format!("{why} in {}", Span(at - now)),
                _ if due.is_none() && self.waits_for_its_group(unit) => {
                    format!("{why} as soon as the others of its group are gone")
                }
                _ => format!("{why} is due"),
            },
            Stage::Completed { why } => why.clone(),
            Stage::Failed {
                why, retry: None, ..
            } => why.clone(),
            Stage::Failed {
                why,
                retry: Some(at),
                ..
            } => format!("{why}; tried again in {}", Span(*at - now)),
        }
    }

    fn waits_for_its_group(&self, unit: &Unit) -> bool {
        let group = unit.spec.group.as_ref();
        group.is_some_and(|group| self.round_is_blocked(group))
    }

    /// "waits for db to be ready; db has failed: exited with code 1, and is never restarted".
    fn waits_for(&self, now: Time, dependency: &Dependency) -> String {
        let name = &dependency.unit;
        let wanted = match dependency.condition {
            Condition::Started => "to be started",
            Condition::Ready => "to be ready",
            Condition::Completed => "to complete or fail",
            Condition::CompletedSuccessfully => "to complete",
        };
        let unit = self.names.get(name).and_then(|id| self.units.get(id));
        let obstacle = unit.and_then(|unit| match unit.state() {
            UnitState::Failed => Some(format!("{name} has failed: {}", self.why(now, unit))),
            UnitState::Stopped => Some(format!("{name} is stopped: {}", self.why(now, unit))),
            UnitState::Backoff => Some(format!(
                "{name} is to be restarted: {}",
                self.why(now, unit)
            )),
            _ if unit.life()?.ending.is_some() => Some(format!("{name} {}", self.why(now, unit))),
            _ => None,
        });
        match obstacle {
            Some(obstacle) => format!("waits for {name} {wanted}; {obstacle}"),
            None => format!("waits for {name} {wanted}"),
        }
    }
}
