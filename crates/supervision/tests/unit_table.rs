//! Every state of a unit against everything that can happen to it, as one table to be read.
//!
//! The table and the diagram are snapshots: a change of behaviour shows as a changed line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use greenroom_supervision::supervisor::{Action, Notice, ProbeId, UnitNotice};
use greenroom_supervision::unit::{
    Activity, Check, Condition, OnFailure, Readiness, Run, UnitId, UnitState,
};
use greenroom_supervision::{Supervisor, Time};
use hall::{after, at, code, daemon, ms, secs, signal, spawn_failure};

const MB: u64 = 1_000_000;
const WEB: UnitId = UnitId(1);

type Event = (&'static str, Box<dyn Fn(&mut Supervisor, Time)>);

fn event(name: &'static str, happen: impl Fn(&mut Supervisor, Time) + 'static) -> Event {
    (name, Box::new(happen))
}

/// Something that is said about the current run, or the one that would be next.
fn fact(name: &'static str, happen: impl Fn(&mut Supervisor, Time, Run) + 'static) -> Event {
    event(name, move |it, now| happen(it, now, current(it, now)))
}

fn current(supervisor: &Supervisor, now: Time) -> Run {
    let generation = supervisor.snapshot(now, WEB).unwrap().generation;
    Run {
        unit: WEB,
        generation: generation.unwrap_or_default(),
    }
}

fn wakes_up(supervisor: &mut Supervisor) {
    if let Some(at) = supervisor.poll_timeout() {
        supervisor.handle_timeout(at);
    }
}

fn events() -> Vec<Event> {
    let check = ProbeId::Check(0);
    vec![
        event("command: start all", |it, now| it.start(now)),
        event("command: start", |it, now| {
            drop(it.start_unit(now, WEB));
        }),
        event("command: stop", |it, now| {
            it.stop_unit(now, WEB, "op".into());
        }),
        event("command: restart", |it, now| {
            drop(it.restart_unit(now, WEB, "op".into()));
        }),
        event("command: stop all", |it, now| it.stop(now, "op".into())),
        event("command: kill all", |it, now| it.kill(now, "op".into())),
        fact("spawned", |it, now, run| {
            it.handle_spawned(now, run, Some(7));
        }),
        fact("spawn failed", |it, now, run| {
            it.handle_spawn_failed(now, run, spawn_failure(false));
        }),
        fact("spawn failed for good", |it, now, run| {
            it.handle_spawn_failed(now, run, spawn_failure(true));
        }),
        fact("says ready", |it, now, run| it.handle_ready(now, run)),
        fact("prints", |it, now, run| it.handle_output(now, run)),
        fact("readiness probe succeeds", |it, now, run| {
            it.handle_probe(now, run, ProbeId::Readiness, Ok(()));
        }),
        fact("check fails", move |it, now, run| {
            it.handle_probe(now, run, check, Err("no".into()));
        }),
        fact("watchdog", |it, now, run| it.handle_watchdog(now, run)),
        fact("watchdog triggered", |it, now, run| {
            it.handle_watchdog_trigger(now, run);
        }),
        fact("asks for more time", |it, now, run| {
            it.handle_extension(now, run, secs(60));
        }),
        fact("memory above warn", |it, now, run| {
            it.handle_memory(now, run, 60 * MB);
        }),
        fact("memory above limit", |it, now, run| {
            it.handle_memory(now, run, 90 * MB);
        }),
        fact("exit code 0", |it, now, run| {
            it.handle_exit(now, run, code(0));
        }),
        fact("exit code 1", |it, now, run| {
            it.handle_exit(now, run, code(1));
        }),
        fact("exit by SIGTERM", |it, now, run| {
            it.handle_exit(now, run, signal(15));
        }),
        event("exit of an old run", |it, now| {
            let mut run = current(it, now);
            run.generation = run.generation.wrapping_sub(1);
            it.handle_exit(now, run, code(1));
        }),
        event("early wake-up", |it, now| it.handle_timeout(now)),
        event("its next deadline", |it, _| wakes_up(it)),
        event("its next ten deadlines", |it, _| {
            for _ in 0..10 {
                wakes_up(it);
            }
        }),
    ]
}

fn machine() -> Supervisor {
    let mut supervisor = Supervisor::new(Default::default());
    let mut db = daemon("db");
    db.autostart = false;
    supervisor.add(Time::ZERO, db).unwrap();
    let mut web = after(daemon("web"), &[("db", Condition::Ready)]);
    let policy = &mut web.policy;
    policy.readiness = Readiness::Told;
    policy.start_timeout = secs(20);
    policy.memory_warn = Some(50 * MB);
    policy.memory_limit = Some(80 * MB);
    policy.checks = vec![Check {
        threshold: 1,
        ..Check::new("http")
    }];
    policy.activity = Some(Activity {
        timeout: secs(30),
        on_silence: OnFailure::Warn,
    });
    policy.watchdog = Some(secs(15));
    policy.restart.retry_after = Some(secs(3_600));
    supervisor.add(Time::ZERO, web).unwrap();
    supervisor
}

/// Ways into every state, and into its variants that matter.
fn situations() -> Vec<(&'static str, Supervisor)> {
    let make = |name: &'static str, steps: &[&str]| {
        let mut it = machine();
        let now = at(1);
        for step in steps {
            match *step {
                "db" => {
                    let run = Run {
                        unit: UnitId(0),
                        generation: 0,
                    };
                    it.start_unit(now, UnitId(0)).unwrap();
                    it.handle_spawned(now, run, Some(6));
                }
                "start" => it.start(now),
                "spawned" => it.handle_spawned(now, current(&it, now), Some(7)),
                "ready" => it.handle_ready(now, current(&it, now)),
                "stop" => it.stop_unit(now, WEB, "op".into()),
                "restart" => it.restart_unit(now, WEB, "op".into()).unwrap(),
                "trigger" => it.handle_watchdog_trigger(now, current(&it, now)),
                "stop all" => it.stop(now, "op".into()),
                "done" => it.handle_exit(now, current(&it, now), code(0)),
                "fails" => it.handle_exit(now, current(&it, now), code(1)),
                "hopeless" => it.handle_spawn_failed(now, current(&it, now), spawn_failure(true)),
                other => panic!("{other}"),
            }
        }
        while it.poll_action().is_some() {}
        (name, it)
    };
    let ready = ["db", "start", "spawned", "ready"];
    let and = |more: &[&'static str]| [&ready[..], more].concat();
    vec![
        make("Stopped, nothing started", &[]),
        make("Stopped", &and(&["stop", "done"])),
        make("Waiting", &["start"]),
        make("Starting", &["db", "start"]),
        make("Started", &["db", "start", "spawned"]),
        make("Ready", &ready),
        make("Stopping, on request", &and(&["stop"])),
        make("Stopping, to restart", &and(&["restart"])),
        make("Stopping, for cause", &and(&["trigger"])),
        make("Stopping, not spawned yet", &["db", "start", "stop"]),
        make("Stopping, with everything", &and(&["stop all"])),
        make("Backoff", &and(&["fails"])),
        make("Completed", &and(&["done"])),
        make("Failed", &["db", "start", "hopeless"]),
    ]
}

fn seen(action: &Action) -> Option<String> {
    match action {
        Action::Start(run) => Some(format!("start {}", run.generation)),
        Action::Stop { run, step } if run.unit == WEB => Some(step.to_string()),
        Action::Stop { .. } => None,
        Action::Probe { probe, .. } => Some(format!("probe {probe:?}")),
        Action::SampleMemory(_) => Some("measure".into()),
        Action::Abandon(_) => Some("abandon".into()),
        Action::Ended(_) => Some("ended".into()),
        Action::Tell(Notice::Unit { unit, notice, .. }) if *unit == WEB => match notice {
            UnitNotice::Exited(exit) => Some(format!("!{}", exit.reason)),
            UnitNotice::Unkillable { .. } => Some("!unkillable".into()),
            UnitNotice::Silent(_) => Some("!silent".into()),
            UnitNotice::MemoryHigh { .. } => Some("!memory".into()),
            UnitNotice::CheckFailed { .. } => Some("!check".into()),
            _ => None,
        },
        _ => None,
    }
}

/// What becomes of a unit that is ending, once it is gone.
fn then(supervisor: &mut Supervisor, now: Time) -> Option<String> {
    if supervisor.snapshot(now, WEB).unwrap().state != UnitState::Stopping {
        return None;
    }
    let run = current(supervisor, now);
    supervisor.handle_exit(now, run, code(0));
    let gone = supervisor.snapshot(now, WEB).unwrap();
    Some(format!("(then {})", gone.state))
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    let mut edges: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for (situation, mut it) in situations() {
        let otherwise = then(&mut it, at(2));
        let heading = otherwise
            .as_ref()
            .map_or_else(String::new, |it| format!(" {it}"));
        writeln!(table, "{situation}{heading}").unwrap();
        for (name, happen) in events() {
            let (_, mut it) = situations()
                .into_iter()
                .find(|(name, _)| *name == situation)
                .unwrap();
            let now = at(2);
            let before = it.snapshot(now, WEB).unwrap();
            happen(&mut it, now);
            let mut done = Vec::new();
            while let Some(action) = it.poll_action() {
                done.extend(seen(&action));
            }
            let after = it.snapshot(now, WEB).unwrap();
            let then = then(&mut it, now);
            let unchanged = after.state == before.state && after.why == before.why;
            if unchanged && done.is_empty() && then == otherwise {
                continue;
            }
            done.extend(then);
            if after.state != before.state {
                edges
                    .entry((before.state.to_string(), after.state.to_string()))
                    .or_default()
                    .insert(name);
            }
            let done = done.join(", ");
            writeln!(
                table,
                "    {name:<26} {:<10} {done}",
                after.state.to_string()
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!("table", table);
    let mut diagram = String::from("digraph unit {\n");
    for ((from, to), events) in edges {
        let label = events.into_iter().collect::<Vec<_>>().join("\\n");
        writeln!(diagram, "    {from} -> {to} [label=\"{label}\"];").unwrap();
    }
    diagram.push_str("}\n");
    insta::assert_snapshot!("diagram", diagram);
}

#[test]
fn what_the_table_leaves_out_changes_nothing() {
    // A spurious wake-up at any moment of any situation neither acts nor moves the next one.
    for (situation, mut it) in situations() {
        let next = it.poll_timeout();
        for millis in 1..50 {
            it.handle_timeout(at(1) + ms(millis));
            assert_eq!(it.poll_action(), None, "{situation}");
        }
        assert!(it.poll_timeout() >= next, "{situation}");
    }
}
