//! What has happened to units. Facts about old runs are ignored.

use std::time::Duration;

use super::{Outbox, ProbeId, Supervisor};
use crate::Time;
use crate::exit::SpawnFailure;
use crate::unit::{Exit, Run, Seen, Unit};

impl Supervisor {
    /// It runs. `pid` is its process, if it has one.
    pub fn handle_spawned(&mut self, now: Time, run: Run, pid: Option<u32>) {
        self.fact(now, run, |unit, out| unit.spawned(now, pid, out));
        self.settle(now);
    }

    /// It could not be started.
    pub fn handle_spawn_failed(&mut self, now: Time, run: Run, failure: SpawnFailure) {
        self.catch_up(now);
        let life = self.units.get(&run.unit).and_then(Unit::life);
        if life.is_some_and(|life| life.run == run && life.spawned.is_none()) {
            self.over(now, run.unit, Seen::SpawnFailed(failure));
            self.settle(now);
        }
    }

    /// It has said that it is ready. Counts only where readiness is [`Told`](crate::unit::Readiness::Told).
    pub fn handle_ready(&mut self, now: Time, run: Run) {
        self.fact(now, run, |unit, out| unit.said_ready(now, out));
        self.settle(now);
    }

    /// It has printed something at this time or since. Needs telling only of units whose silence
    /// means something.
    pub fn handle_output(&mut self, now: Time, run: Run) {
        self.fact(now, run, |unit, _| unit.printed(now));
    }

    /// A probe has ended. Counts only while it is under way.
    pub fn handle_probe(
        &mut self,
        now: Time,
        run: Run,
        probe: ProbeId,
        result: Result<(), String>,
    ) {
        self.fact(now, run, |unit, out| unit.probed(now, probe, result, out));
        self.settle(now);
    }

    /// It has given its sign of life.
    pub fn handle_watchdog(&mut self, now: Time, run: Run) {
        self.fact(now, run, |unit, _| unit.gave_sign(now));
    }

    /// It has asked to be ended for cause (`WATCHDOG=trigger`), whether it has a watchdog or not.
    pub fn handle_watchdog_trigger(&mut self, now: Time, run: Run) {
        self.fact(now, run, |unit, out| unit.triggered_watchdog(now, out));
        self.settle(now);
    }

    /// It wants its signs of life expected at another interval during this run; zero means none.
    pub fn handle_watchdog_interval(&mut self, now: Time, run: Run, interval: Duration) {
        self.fact(now, run, |unit, _| unit.wants_watchdog(now, interval));
    }

    /// It needs at least so much longer to start or to stop, counted from now.
    pub fn handle_extension(&mut self, now: Time, run: Run, extra: Duration) {
        self.fact(now, run, |unit, _| unit.wants_longer(now, extra));
    }

    /// Its process group was measured.
    pub fn handle_memory(&mut self, now: Time, run: Run, bytes: u64) {
        self.fact(now, run, |unit, out| unit.measured(now, bytes, out));
        self.settle(now);
    }

    /// It is gone, with everything in its process group.
    pub fn handle_exit(&mut self, now: Time, run: Run, exit: Exit) {
        self.catch_up(now);
        let life = self.units.get(&run.unit).and_then(Unit::life);
        if life.is_some_and(|life| life.run == run) {
            self.over(now, run.unit, Seen::Exit(exit));
            self.settle(now);
        }
    }

    fn fact(&mut self, now: Time, run: Run, happen: impl FnOnce(&mut Unit, &mut Outbox)) {
        self.catch_up(now);
        if let Some(unit) = self.units.get_mut(&run.unit)
            && unit.life().is_some_and(|life| life.run == run)
        {
            happen(unit, &mut self.out);
        }
    }
}
