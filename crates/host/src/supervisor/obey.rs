//! Commands of a supervisor's handles.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::stop::KILL_WAIT;
use greenroom_supervision::supervisor::{EndCause, Ending};
use greenroom_supervision::unit::{UnitId, UnitState};
use tokio::sync::{mpsc, oneshot};

use super::UnitError;
use super::command::{Command, Reply, Waited};
use super::nearest::nearest;
use super::slot::{Running, Slot};
use super::task::Task;
use super::waiting::{Answer, Goal};
use crate::clock;
use crate::pool::Pool;
use crate::unit::run::{Order, Write};
use crate::unit::{Body, Unit};

impl Task {
    /// Answers that nobody waits for any more go nowhere.
    pub(super) fn obey(&mut self, command: Command) {
        let now = clock::now();
        match command {
            Command::Start(reply) => self.start_all(reply),
            Command::Stop(by, reply) => {
                self.machine.stop(now, by.clone());
                self.await_end(by, reply);
            }
            Command::Kill(by, reply) => {
                self.machine.kill(now, by.clone());
                self.await_end(by, reply);
            }
            Command::Names(reply) => {
                let slots = self.slots.values();
                drop(reply.send(slots.map(|slot| slot.name.to_string()).collect()));
            }
            Command::Describe(None, reply) => {
                let units: Vec<UnitId> = self.slots.keys().copied().collect();
                drop(reply.send(Ok(self.drafts(&units))));
            }
            Command::Describe(Some(name), reply) => {
                drop(reply.send(self.find(&name).map(|unit| self.drafts(&[unit]))));
            }
            Command::Health(reply) => drop(reply.send(self.health())),
            Command::Add(unit, reply) => drop(reply.send(self.add(*unit))),
            Command::Remove(name, reply) => drop(reply.send(self.remove(&name))),
            Command::Replace(unit, reply) => drop(reply.send(self.replace(*unit))),
            Command::StartUnit(name, reply) => {
                let started = self
                    .find(&name)
                    .and_then(|unit| Ok((unit, self.machine.start_unit(now, unit)?)));
                self.await_start(started.map(|(unit, ())| unit), reply);
            }
            Command::RestartUnit(name, by, reply) => {
                let restarted = self
                    .find(&name)
                    .and_then(|unit| Ok((unit, self.machine.restart_unit(now, unit, by)?)));
                self.await_start(restarted.map(|(unit, ())| unit), reply);
            }
            Command::StopUnit(name, by, reply) => match self.find(&name) {
                Ok(unit) => {
                    self.machine.stop_unit(now, unit, by);
                    let limit = self.stop_limit(unit);
                    self.wait_for(Goal::Stopped, vec![unit], limit, Answer::One(reply));
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Signal(name, signal, reply) => drop(reply.send(self.signal(&name, signal))),
            Command::Stdin(name, reply) => drop(reply.send(self.stdin(&name))),
            Command::Pool(name, reply) => drop(reply.send(self.pool(&name))),
        }
    }

    // ---- all units

    fn start_all(&mut self, reply: Reply<Waited>) {
        self.machine.start(clock::now());
        if !self.machine.is_idle() {
            self.ended.send_replace(None);
        }
        let units: Vec<UnitId> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.unit.spec.autostart)
            .map(|(unit, _)| *unit)
            .collect();
        let limit = self.start_limit();
        self.wait_for(Goal::AllStarted, units, limit, Answer::All(reply));
    }

    /// As long as the longest chain of units that start one after another may take.
    fn start_limit(&self) -> Duration {
        let mut known = HashMap::new();
        let limits = self.slots.values().map(|slot| self.chain(slot, &mut known));
        limits.max().unwrap_or_default()
    }

    /// The machine refuses circles, so this ends.
    fn chain<'a>(&'a self, slot: &'a Slot, known: &mut HashMap<&'a str, Duration>) -> Duration {
        if let Some(limit) = known.get(&*slot.name) {
            return *limit;
        }
        let after = slot.unit.spec.after.iter();
        let before = after
            .filter_map(|dependency| self.slots.get(&self.machine.find(&dependency.unit)?))
            .map(|slot| self.chain(slot, known))
            .max();
        let policy = &slot.unit.spec.policy;
        let limit = before
            .unwrap_or_default()
            .saturating_add(policy.start_timeout)
            .saturating_add(policy.max_extension);
        known.insert(&slot.name, limit);
        limit
    }

    /// What has not begun or has ended already has ended now.
    fn await_end(&mut self, by: String, reply: Reply<Ending>) {
        if !self.machine.is_idle() {
            self.end_waiters.retain(|reply| !reply.is_closed());
            return self.end_waiters.push(reply);
        }
        let ended = self.ended.borrow().clone();
        let ending = ended.unwrap_or_else(|| Ending {
            cause: EndCause::Requested { by },
            abandoned: Vec::new(),
        });
        self.end_waiters.push(reply);
        self.all_ended(&ending);
    }

    fn health(&self) -> Vec<(String, String)> {
        let now = clock::now();
        let snapshots = self
            .slots
            .keys()
            .filter_map(|unit| self.machine.snapshot(now, *unit));
        snapshots
            .filter(|snapshot| !snapshot.healthy)
            .map(|snapshot| {
                let failing = snapshot
                    .failing_checks
                    .iter()
                    .map(|(check, failures, message)| {
                        format!("; check {check} has failed {failures} times: {message}")
                    });
                let why = std::iter::once(snapshot.why).chain(failing).collect();
                (snapshot.name, why)
            })
            .collect()
    }

    // ---- one unit

    pub(super) fn find(&self, name: &str) -> Result<UnitId, UnitError> {
        self.machine.find(name).ok_or_else(|| UnitError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.slots.values().map(|slot| &*slot.name)),
        })
    }

    fn add(&mut self, unit: Unit) -> Result<(), UnitError> {
        unit.check_kind()?;
        let id = self.machine.add(clock::now(), unit.spec())?;
        self.slots.insert(id, Slot::new(unit));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), UnitError> {
        let unit = self.find(name)?;
        self.machine.remove(unit)?;
        self.slots.remove(&unit);
        Ok(())
    }

    fn replace(&mut self, unit: Unit) -> Result<(), UnitError> {
        unit.check_kind()?;
        let id = self.find(unit.name())?;
        self.machine.update(clock::now(), id, unit.spec())?;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.unit = Arc::new(unit);
        }
        Ok(())
    }

    fn await_start(
        &mut self,
        started: Result<UnitId, UnitError>,
        reply: Reply<Result<Waited, UnitError>>,
    ) {
        match started {
            Ok(unit) => {
                self.ended.send_replace(None);
                // A unit that is restarted is stopped first.
                let limit = self.stop_limit(unit) + self.one_start_limit(unit);
                self.wait_for(Goal::Started, vec![unit], limit, Answer::One(reply));
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn one_start_limit(&self, unit: UnitId) -> Duration {
        self.slots.get(&unit).map_or(Duration::ZERO, |slot| {
            let policy = &slot.unit.spec.policy;
            policy.start_timeout.saturating_add(policy.max_extension)
        })
    }

    fn stop_limit(&self, unit: UnitId) -> Duration {
        let Some(slot) = self.slots.get(&unit) else {
            return Duration::ZERO;
        };
        let policy = &slot.unit.spec.policy;
        let steps = policy.stop.total().saturating_add(policy.max_extension);
        // The second is the machine's: it lets go after the kill has had its time.
        steps.saturating_add(KILL_WAIT * 2)
    }

    // ---- ways to a run, for handles to wait on

    fn signal(
        &self,
        name: &str,
        signal: i32,
    ) -> Result<oneshot::Receiver<io::Result<()>>, UnitError> {
        let slot = self.slot(name)?;
        match &slot.unit.body {
            Body::Daemon(_) => self.ask_run(slot, |answer| Order::Signal(signal, answer)),
            _ => Err(slot.unit.wrong_kind("a signal", "daemons")),
        }
    }

    fn stdin(&self, name: &str) -> Result<mpsc::Sender<Write>, UnitError> {
        let slot = self.slot(name)?;
        match &slot.unit.body {
            Body::Daemon(_) if slot.unit.has_stdin() => Ok(self.running(slot)?.writes.clone()),
            Body::Daemon(_) => Err(UnitError::NoStdin {
                unit: name.to_owned(),
            }),
            _ => Err(slot.unit.wrong_kind("standard input", "daemons")),
        }
    }

    fn pool(&self, name: &str) -> Result<oneshot::Receiver<Pool>, UnitError> {
        let slot = self.slot(name)?;
        match &slot.unit.body {
            Body::Pool(_) => self.ask_run(slot, Order::Pool),
            _ => Err(slot.unit.wrong_kind("a pool's handle", "pools")),
        }
    }

    fn slot(&self, name: &str) -> Result<&Slot, UnitError> {
        let unit = self.find(name)?;
        // Each unit of the machine has a slot.
        self.slots.get(&unit).ok_or(UnitError::HostEnded)
    }

    fn running<'a>(&self, slot: &'a Slot) -> Result<&'a Running, UnitError> {
        slot.running.as_ref().ok_or_else(|| UnitError::NotRunning {
            unit: slot.name.to_string(),
            state: self
                .machine
                .find(&slot.name)
                .map_or(UnitState::Stopped, |unit| self.state_of(unit)),
        })
    }

    fn ask_run<T>(
        &self,
        slot: &Slot,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<oneshot::Receiver<T>, UnitError> {
        let (reply, answer) = oneshot::channel();
        self.running(slot)?.order(order(reply));
        Ok(answer)
    }
}
