//! What the runs of units tell, and what is read before the clock is.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use greenroom_supervision::unit::{Exit, Run};
use tokio::task::JoinError;

use super::task::{FACTS, Task};
use crate::clock;
use crate::unit::run::{Fact, Order, Over, Remains};

/// A wake-up that comes so much later than it was due shows that this process did not run for a
/// while: units have had no chance to be heard.
const LATE: Duration = Duration::from_millis(20);
/// How long the runs may take to read what is there after that.
const CATCH_UP: Duration = Duration::from_millis(200);

impl Task {
    pub(super) fn take_facts(&mut self) {
        // No more than can be waiting: units that never stop talking do not keep others out.
        for _ in 0..FACTS {
            let Ok((run, fact)) = self.facts.try_recv() else {
                return;
            };
            self.fact(run, fact);
        }
    }

    /// What has happened already comes before what time says. After a time in which this process did
    /// not run, each unit is read first: what it has said meanwhile counts.
    pub(super) async fn catch_up(&mut self) {
        let late = self.due().is_some_and(|due| clock::now() - due > LATE);
        if late {
            // The runtime looks at its descriptors, so that the runs can see what is there.
            tokio::task::yield_now().await;
            let runs = self.slots.values().filter_map(|slot| slot.running.as_ref());
            let mut behind: BTreeSet<Run> = runs
                .map(|running| {
                    running.order(Order::CatchUp);
                    running.run
                })
                .collect();
            let limit = tokio::time::Instant::now() + CATCH_UP;
            while !behind.is_empty() {
                let Ok(Some((run, fact))) = tokio::time::timeout_at(limit, self.facts.recv()).await
                else {
                    break;
                };
                if matches!(fact, Fact::CaughtUp) {
                    behind.remove(&run);
                }
                self.fact(run, fact);
            }
        }
        self.take_facts();
    }

    /// Whoever asks learns the latest.
    pub(super) fn take_what_is_over(&mut self) {
        while let Some(over) = self.runs.try_join_next_with_id() {
            self.take_facts();
            self.over(over);
        }
        self.perform();
    }

    pub(super) fn fact(&mut self, run: Run, fact: Fact) {
        let now = clock::now();
        match fact {
            Fact::Spawned(pid) => {
                let slot = self.slots.get_mut(&run.unit);
                if let Some(running) = slot.and_then(|slot| slot.running.as_mut())
                    && running.run == run
                {
                    running.started = Some(SystemTime::now());
                }
                self.machine.handle_spawned(now, run, pid);
            }
            Fact::Ready => self.machine.handle_ready(now, run),
            Fact::Output => self.machine.handle_output(now, run),
            Fact::Probed(probe, result) => self.machine.handle_probe(now, run, probe, result),
            Fact::Watchdog => self.machine.handle_watchdog(now, run),
            Fact::WatchdogTrigger => self.machine.handle_watchdog_trigger(now, run),
            Fact::WatchdogInterval(interval) => {
                self.machine.handle_watchdog_interval(now, run, interval);
            }
            Fact::Extension(extra) => self.machine.handle_extension(now, run, extra),
            Fact::Memory(bytes) => self.machine.handle_memory(now, run, bytes),
            Fact::CaughtUp => {}
        }
    }

    pub(super) fn over(&mut self, over: Result<(tokio::task::Id, Over), JoinError>) {
        let (task, over) = match over {
            Ok((task, over)) => (task, over),
            Err(error) => (error.id(), Over::failed(&error)),
        };
        let Some(run) = self.run_of.remove(&task) else {
            return;
        };
        let Over {
            end,
            lines,
            remains,
            sweeping,
        } = over;
        // One that was abandoned has no place any more.
        if let Some(slot) = self.slots.get_mut(&run.unit)
            && slot.running(run).is_some()
        {
            slot.running = None;
            if let Some(lines) = lines {
                slot.lines = lines;
            }
            slot.remains = Some(remains);
            slot.sweeping = sweeping;
        }
        let now = clock::now();
        match end {
            Ok(exit) => self.machine.handle_exit(now, run, exit),
            Err(failure) => self.machine.handle_spawn_failed(now, run, failure),
        }
    }
}

impl Over {
    /// Of a run whose task panicked: code of the host's own that runs in it, such as a `tracing`
    /// subscriber. Its process was ended where it was dropped.
    fn failed(error: &JoinError) -> Self {
        Self {
            end: Ok(Exit::Failed(format!(
                "its task in the host failed: {error}"
            ))),
            lines: None,
            remains: Remains::default(),
            sweeping: None,
        }
    }
}
