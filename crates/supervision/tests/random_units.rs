//! Whatever happens to units, in whatever order, these hold.
//!
//! A schedule is a list of plain numbers that is read as facts, commands and waits. So every list is
//! a schedule, and a failing one shrinks to a short one. What each action must be is in
//! [`hall::Ledger`].
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::collections::BTreeSet;
use std::time::Duration;

use greenroom_supervision::restart::{Restart, RestartPolicy};
use greenroom_supervision::stop::{KILL_WAIT, StopAction, StopLadder};
use greenroom_supervision::supervisor::{
    Action, Escalation, Group, ProbeId, Strategy, SupervisorPolicy,
};
use greenroom_supervision::unit::{
    Activity, Check, Condition, Exit, OnFailure, Readiness, Run, UnitId, UnitKind, UnitSpec,
    UnitState,
};
use greenroom_supervision::{Supervisor, Time};
use hall::{Ledger, after, code, daemon, ms, secs, signal, spawn_failure, terminate_within};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

const SHUTDOWN: Duration = secs(8);
const STRATEGIES: [Strategy; 3] = [
    Strategy::OneForOne,
    Strategy::OneForAll,
    Strategy::RestForOne,
];
const ESCALATIONS: [Escalation; 3] = [
    Escalation::Isolate,
    Escalation::StopGroup,
    Escalation::Shutdown,
];

fn config(seed: u64) -> Config {
    let given = Config::default();
    Config {
        cases: given.cases.max(20_000),
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(seed),
            fixed => fixed,
        },
        failure_persistence: None,
        ..given
    }
}

fn pick<T: Clone>(from: &[T], by: u16) -> T {
    from[by as usize % from.len()].clone()
}

fn spec(name: &str, by: u16, others: &[&str]) -> UnitSpec {
    let mut spec = daemon(name);
    spec.kind = pick(&[UnitKind::Daemon, UnitKind::Task, UnitKind::Daemon], by);
    spec.autostart = by & 3 != 3;
    spec.significant = by >> 2 & 15 == 15;
    spec.group = match by >> 6 & 3 {
        0 => None,
        group => Some(format!("g{group}")),
    };
    let policy = &mut spec.policy;
    let restarts = [Restart::OnFailure, Restart::Always, Restart::Never];
    policy.restart = RestartPolicy {
        restart: pick(&restarts, by >> 4),
        max_restarts: pick(&[Some(5), Some(1), None], by >> 5),
        retry_after: (by >> 9 & 3 == 3).then_some(secs(600)),
        ..RestartPolicy::default()
    };
    policy.start_timeout = secs(5);
    policy.max_extension = secs(5);
    policy.readiness = pick(
        &[
            Readiness::Started,
            Readiness::Delay(secs(1)),
            Readiness::Told,
            Readiness::Probe {
                period: secs(1),
                timeout: ms(500),
            },
        ],
        by >> 8,
    );
    policy.stop = match by >> 10 & 3 {
        0 => StopLadder { steps: Vec::new() },
        1 => terminate_within(secs(20)),
        _ => terminate_within(secs(1)),
    };
    if by >> 12 & 1 == 1 {
        policy.checks = vec![Check {
            period: secs(1),
            threshold: 2,
            on_failure: pick(&[OnFailure::Restart, OnFailure::Warn], by >> 13),
            ..Check::new("http")
        }];
        policy.watchdog = Some(secs(3));
        policy.memory_limit = Some(1 << 30);
    }
    if by >> 14 & 1 == 1 {
        policy.activity = Some(Activity {
            timeout: secs(4),
            on_silence: pick(&[OnFailure::Restart, OnFailure::Warn], by >> 15),
        });
    }
    let conditions = [
        Condition::Started,
        Condition::Ready,
        Condition::Completed,
        Condition::CompletedSuccessfully,
    ];
    let needed: Vec<_> = others
        .iter()
        .enumerate()
        .filter(|(index, _)| by.rotate_left(3) >> index & 5 == 5)
        .map(|(index, name)| (*name, pick(&conditions, by >> index)))
        .collect();
    after(spec, &needed)
}

/// Drives a machine and holds everything it does against what was promised.
struct Watch {
    now: Time,
    supervisor: Supervisor,
    ledger: Ledger,
    runs: Vec<Run>,
    spawned: BTreeSet<Run>,
    killed: BTreeSet<Run>,
    endings: u32,
    cycles: u32,
}

impl Watch {
    fn new(setup: &[u16]) -> Self {
        let mut watch = Self {
            now: Time::ZERO,
            supervisor: Supervisor::new(SupervisorPolicy {
                shutdown_timeout: SHUTDOWN,
                seed: u64::from(setup[0]),
            }),
            ledger: Ledger::default(),
            runs: Vec::new(),
            spawned: BTreeSet::new(),
            killed: BTreeSet::new(),
            endings: 0,
            cycles: 0,
        };
        for (index, strategy) in STRATEGIES.into_iter().enumerate() {
            let group = Group {
                escalation: pick(&ESCALATIONS, setup[0] >> index),
                max_restarts: pick(&[Some(5), Some(1)], setup[0] >> (index + 4)),
                ..Group::new(format!("g{}", index + 1), strategy)
            };
            watch.supervisor.add_group(group).unwrap();
        }
        let names = ["a", "b", "c", "d", "e"];
        for (index, name) in names.iter().enumerate() {
            watch.add(spec(name, setup[index], &names[..index]));
        }
        watch
    }

    fn add(&mut self, spec: UnitSpec) {
        if let Ok(id) = self.supervisor.add(self.now, spec.clone()) {
            self.ledger.add(id, spec);
        }
        self.settle();
    }

    fn running(&self) -> bool {
        !self.supervisor.is_idle()
    }

    /// Checks each action against all that was seen before it.
    fn settle(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            self.ledger.check(self.now, &action, &self.supervisor);
            match action {
                Action::Start(run) => self.runs.push(run),
                Action::Stop {
                    run,
                    step: StopAction::Kill,
                } => {
                    self.killed.insert(run);
                }
                Action::Stop { run, .. } => {
                    assert!(
                        self.spawned.contains(&run),
                        "nothing runs that could be told"
                    );
                }
                Action::Ended(_) => self.endings += 1,
                _ => {}
            }
        }
        assert!(self.endings <= self.cycles, "ended more often than begun");
    }

    /// What is told of the units fits what was done with them.
    fn look(&self) {
        for id in self.supervisor.units() {
            let unit = self.supervisor.snapshot(self.now, id).unwrap();
            assert!(!unit.why.is_empty());
            assert!(unit.exits.len() <= 10);
            let live = self.ledger.live().iter().any(|run| run.unit == id);
            assert_eq!(unit.state.is_running(), live, "{unit:?}");
            let forgotten = unit.state == UnitState::Backoff && unit.next_start.is_none();
            assert!(!forgotten, "{unit:?}");
        }
    }

    fn command(&mut self, command: impl FnOnce(&mut Supervisor, Time)) {
        let idle = self.supervisor.is_idle();
        command(&mut self.supervisor, self.now);
        // It may have begun and ended at once.
        if idle {
            self.cycles += 1;
        }
        self.settle();
        if idle && self.supervisor.is_idle() && self.endings < self.cycles {
            self.cycles -= 1;
        }
    }

    fn wake(&mut self) {
        self.supervisor.handle_timeout(self.now);
        self.settle();
        let next = self.supervisor.poll_timeout();
        assert!(
            next.is_none_or(|at| at > self.now),
            "busy at {:?}",
            self.now
        );
    }

    /// Wakes it exactly when it wants, for so long.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.supervisor.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = end;
    }

    fn exit(&mut self, run: Run, exit: Exit) {
        self.ledger.gone(run);
        self.supervisor.handle_exit(self.now, run, exit);
        self.settle();
    }

    fn step(&mut self, kind: u8, by: u16) {
        let now = self.now;
        let units = self.supervisor.units();
        let unit = pick(&units, by);
        // Mostly one that lives, sometimes an old one or none at all.
        let live = self.ledger.live();
        let run = match by >> 13 {
            0 if !self.runs.is_empty() => pick(&self.runs, by),
            1 => Run {
                unit: UnitId(u64::from(by)),
                generation: 0,
            },
            _ if live.is_empty() => return self.wait(kind, by),
            _ => pick(&live, by),
        };
        match kind % 32 {
            0 | 1 => self.command(|it, now| it.start(now)),
            2 => self.command(|it, now| it.stop(now, "op".into())),
            3 if by & 3 == 0 => self.command(|it, now| it.kill(now, "op".into())),
            4 => self.command(|it, now| drop(it.start_unit(now, unit))),
            5 => self.command(|it, now| drop(it.restart_unit(now, unit, "op".into()))),
            6 => self.command(|it, now| it.stop_unit(now, unit, "op".into())),
            7 => self.change(unit, by),
            8..=14 => {
                if live.contains(&run) {
                    self.spawned.insert(run);
                }
                self.supervisor.handle_spawned(now, run, Some(7));
            }
            15 => {
                if !self.spawned.contains(&run) {
                    self.ledger.gone(run);
                    let failure = spawn_failure(by & 1 == 1);
                    self.supervisor.handle_spawn_failed(now, run, failure);
                }
            }
            16 => self.exit(run, code(i32::from(by & 1))),
            17 => self.exit(run, pick(&[signal(9), Exit::Returned], by)),
            18 => self.exit(run, Exit::Failed("no".into())),
            19 | 20 => self.supervisor.handle_ready(now, run),
            21 => self.supervisor.handle_output(now, run),
            22 => {
                let result = if by & 1 == 1 {
                    Ok(())
                } else {
                    Err("no".into())
                };
                let probe = pick(&[ProbeId::Readiness, ProbeId::Check(0)], by >> 1);
                self.supervisor.handle_probe(now, run, probe, result);
            }
            23 => self.supervisor.handle_watchdog(now, run),
            24 => match by & 3 {
                0 => self.supervisor.handle_watchdog_trigger(now, run),
                _ => {
                    let span = ms(u64::from(by >> 4));
                    self.supervisor.handle_watchdog_interval(now, run, span);
                }
            },
            25 => {
                let extra = pick(&[secs(2), Duration::MAX], by);
                self.supervisor.handle_extension(now, run, extra);
            }
            26 => {
                let bytes = u64::from(by) << 15;
                self.supervisor.handle_memory(now, run, bytes);
            }
            _ => self.wait(kind, by),
        }
        self.settle();
        self.look();
    }

    fn wait(&mut self, kind: u8, by: u16) {
        let span = ms(u64::from(by) / 8);
        match kind & 3 {
            // The host is frozen for that long.
            0 => {
                self.now = self.now + span;
                self.wake();
            }
            // Nobody looks at the clock.
            1 => self.now = self.now + ms(u64::from(by) & 63),
            _ => self.pass(span),
        }
    }

    fn change(&mut self, unit: UnitId, by: u16) {
        let now = self.now;
        let known = self.supervisor.snapshot(now, unit).unwrap();
        match by & 7 {
            7 => {
                let name = format!("g{}", 1 + (by >> 3) % 3);
                let group = Group {
                    escalation: pick(&ESCALATIONS, by >> 5),
                    ..Group::new(name, pick(&STRATEGIES, by >> 7))
                };
                drop(self.supervisor.update_group(now, group));
            }
            0 | 4 if self.supervisor.units().len() > 1 => {
                drop(self.supervisor.remove(unit));
            }
            1 | 5 => self.add(spec("f", by, &["a"])),
            _ => {
                let changed = spec(&known.name, by, &[]);
                if self.supervisor.update(now, unit, changed.clone()).is_ok() {
                    self.ledger.add(unit, changed);
                }
            }
        }
    }

    /// Stops every unit and sees each ladder come to its kill.
    fn ladders_end(&mut self) {
        for unit in self.supervisor.units() {
            self.command(|it, now| it.stop_unit(now, unit, "op".into()));
        }
        // The longest ladder with its extensions.
        self.pass(secs(30));
        for run in self.ledger.live() {
            let told = self.spawned.contains(&run);
            assert!(!told || self.killed.contains(&run), "its ladder never ends");
            let unit = self.supervisor.snapshot(self.now, run.unit).unwrap();
            assert_eq!(unit.state, UnitState::Stopping);
            assert!(unit.kind != UnitKind::Task || !told, "a task is let go of");
        }
    }

    /// Whatever the units do, a stop ends.
    fn all_ends(&mut self, kill: bool) {
        if !self.running() {
            return;
        }
        if kill {
            self.command(|it, now| it.kill(now, "op".into()));
            self.pass(KILL_WAIT);
        } else {
            self.command(|it, now| it.stop(now, "op".into()));
            self.pass(SHUTDOWN + KILL_WAIT);
        }
        assert!(self.supervisor.is_idle(), "never ended");
        assert_eq!(self.endings, self.cycles);
        assert_eq!(self.supervisor.poll_timeout(), None);
    }
}

fn run(setup: &[u16], steps: Vec<(u8, u16)>) {
    let mut watch = Watch::new(setup);
    if setup[1] & 1 == 0 {
        watch.command(|it, now| it.start(now));
    }
    for (kind, by) in steps {
        watch.step(kind, by);
    }
    if setup[2] & 1 == 0 {
        watch.ladders_end();
    }
    watch.all_ends(setup[3] & 1 == 0);
    // And all can begin again.
    watch.command(|it, now| it.start(now));
    watch.all_ends(setup[3] & 1 == 1);
}

proptest! {
    #![proptest_config(config(7))]
    #[test]
    fn promises_hold(
        setup: [u16; 5],
        steps in proptest::collection::vec(any::<(u8, u16)>(), 0..60),
    ) {
        run(&setup, steps);
    }
}

proptest! {
    #![proptest_config(config(8))]
    /// With fewer surprises more units get far.
    #[test]
    fn promises_hold_in_calm_times(
        setup: [u16; 5],
        steps in proptest::collection::vec((4..32_u8, any::<u16>()), 20..80),
    ) {
        run(&setup, steps);
    }
}
