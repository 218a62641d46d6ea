//! How the task serves those who wait, and those who ask how units stand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use greenroom_supervision::unit::{Condition, UnitId, UnitState};
use tokio::sync::oneshot;

use super::command::Waited;
use super::draft::{Asked, Draft};
use super::task::Task;
use super::waiting::{Answer, Goal, Waiter};
use crate::clock;
use crate::unit::run::{Live, Order};

impl Task {
    pub(super) fn wait_for(
        &mut self,
        goal: Goal,
        units: Vec<UnitId>,
        limit: Duration,
        reply: Answer,
    ) {
        let waiter = Waiter {
            goal,
            pending: BTreeMap::new(),
            deadline: clock::now() + limit,
            reply,
            units,
        };
        // All are looked at once, then when something of them changes.
        self.changed.extend(waiter.units.iter().copied());
        self.waiters.push(waiter);
    }

    /// Call it when the actions are done: what a unit passes through on the way does not count.
    pub(super) fn look_at_waiters(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if self.waiters.is_empty() {
            return;
        }
        let now = clock::now();
        let states: Vec<(UnitId, UnitState)> = changed
            .into_iter()
            .map(|unit| (unit, self.state_of(unit)))
            .collect();
        for mut waiter in std::mem::take(&mut self.waiters) {
            for (unit, state) in &states {
                if waiter.units.contains(unit) {
                    waiter.note(*unit, *state);
                }
            }
            if waiter.reply.is_closed() {
                continue;
            }
            if let Some(waited) = self.conclude(&waiter, now >= waiter.deadline) {
                waiter.reply.send(waited);
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    fn conclude(&self, waiter: &Waiter, too_late: bool) -> Option<Waited> {
        if waiter.pending.is_empty() {
            return Some(Ok(self.drafts(&waiter.units)));
        }
        let stuck =
            || waiter.only_waits() && waiter.pending.keys().all(|unit| self.waits_in_vain(*unit));
        if too_late || waiter.has_missed() || stuck() {
            let pending: Vec<UnitId> = waiter.pending.keys().copied().collect();
            return Some(Err(self.drafts(&pending)));
        }
        None
    }

    /// Whether one that waits can only be helped by a person: somebody that it waits for, perhaps by
    /// way of others, has failed or is stopped.
    fn waits_in_vain(&self, unit: UnitId) -> bool {
        let mut seen = BTreeSet::new();
        let mut look_at = vec![unit];
        while let Some(unit) = look_at.pop() {
            let Some(slot) = self.slots.get(&unit).filter(|_| seen.insert(unit)) else {
                continue;
            };
            for dependency in &slot.unit.spec.after {
                let Some(other) = self.machine.find(&dependency.unit) else {
                    continue;
                };
                match (self.state_of(other), dependency.condition) {
                    (UnitState::Failed, Condition::Completed) => {}
                    (UnitState::Failed | UnitState::Stopped, _) => return true,
                    (UnitState::Waiting, _) => look_at.push(other),
                    _ => {}
                }
            }
        }
        false
    }

    pub(super) fn state_of(&self, unit: UnitId) -> UnitState {
        let snapshot = self.machine.snapshot(clock::now(), unit);
        // One that was removed does not run.
        snapshot.map_or(UnitState::Stopped, |snapshot| snapshot.state)
    }

    pub(super) fn drafts(&self, units: &[UnitId]) -> Vec<Draft> {
        let drafts = units.iter().filter_map(|unit| self.draft(*unit));
        drafts.collect()
    }

    fn draft(&self, unit: UnitId) -> Option<Draft> {
        let slot = self.slots.get(&unit)?;
        let at = clock::now();
        let live = match &slot.running {
            Some(running) => {
                let (reply, answer) = oneshot::channel();
                running.order(Order::Describe(reply));
                Asked::Run(answer)
            }
            None => Asked::Here(Live::of(&slot.lines)),
        };
        Some(Draft {
            at,
            snapshot: self.machine.snapshot(at, unit)?,
            reports: slot.reports.iter().cloned().collect(),
            started: slot.running.as_ref().and_then(|running| running.started),
            live,
        })
    }
}
