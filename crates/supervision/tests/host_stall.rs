//! A host that was frozen, suspended or starved kills nobody for it, and still kills who deserves it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use std::time::Duration;

use greenroom_supervision::worker::{STALL_TOLERANCE, State};
use greenroom_supervision::{ExitReason, JobOutcome, Time, WorkerPolicy};
use sim::{Child, First, Sim, at, ms, secs};

const LENGTHS: [Duration; 10] = [
    ms(1),
    ms(99),
    ms(101),
    ms(700),
    ms(2_499),
    ms(2_700),
    ms(9_950),
    ms(60_050),
    ms(120_000),
    ms(86_400_000),
];

/// Every 37 ms of the first seconds of a life: all its phases, at all offsets from their timers.
fn moments(until: Duration) -> impl Iterator<Item = Time> {
    let step = ms(37);
    (0..until.as_millis() as u32 / 37).map(move |n| at(step * n))
}

fn frozen(mut sim: Sim, from: Time, length: Duration, first: First) -> Sim {
    sim.first = first;
    sim.frozen.push((from, from + length));
    sim
}

#[test]
fn a_freeze_of_any_length_at_any_moment_kills_no_idle_worker() {
    for first in [First::Facts, First::Timer] {
        for length in LENGTHS {
            for from in moments(secs(6)) {
                let sim = Sim::new(Child::healthy(), WorkerPolicy::default());
                let mut sim = frozen(sim, from, length, first);
                sim.run_until(from + length + secs(70));
                let seen = format!("{first:?}, {length:?} from {from:?}");
                assert_eq!(sim.kills(), [], "{seen}");
                assert_eq!(sim.worker.state(), State::Ready, "{seen}");
            }
        }
    }
}

#[test]
fn a_freeze_kills_no_worker_that_works_and_then_leaves() {
    for first in [First::Facts, First::Timer] {
        for length in LENGTHS {
            for from in moments(secs(6)) {
                let child = Child {
                    works: Some(secs(2)),
                    leaves: Some(secs(1)),
                    ..Child::healthy()
                };
                let mut sim = frozen(
                    Sim::new(child, WorkerPolicy::default()),
                    from,
                    length,
                    first,
                );
                while sim.worker.free_slots() == 0 {
                    assert!(sim.step());
                }
                sim.launch(Some(secs(30)));
                while sim.worker.running() > 0 {
                    assert!(sim.step());
                }
                sim.close();
                let seen = format!("{first:?}, {length:?} from {from:?}");
                assert_eq!(sim.run_to_exit().reason, ExitReason::Clean, "{seen}");
                assert!(matches!(sim.outcomes()[..], [JobOutcome::Ok(_)]), "{seen}");
            }
        }
    }
}

/// The process stops together with its host, as on a machine that is starved or suspended, and
/// answers only some time after both run again.
#[test]
fn a_freeze_of_the_whole_machine_kills_nobody() {
    for length in [secs(10), secs(61), secs(3_600)] {
        for from in moments(secs(6)) {
            let child = Child {
                blocked: Some((from, from + length + ms(800))),
                ..Child::healthy()
            };
            let sim = Sim::new(child, WorkerPolicy::default());
            let mut sim = frozen(sim, from, length, First::Timer);
            sim.run_until(from + length + secs(70));
            assert_eq!(sim.kills(), [], "{length:?} from {from:?}");
        }
    }
}

#[test]
fn a_job_that_stops_when_told_to_is_not_killed_for_the_hosts_stall() {
    for length in LENGTHS {
        for from in moments(secs(4)) {
            let child = Child {
                works: None,
                stops: Some(ms(300)),
                ..Child::healthy()
            };
            let sim = Sim::ready(child, WorkerPolicy::default());
            let mut sim = frozen(sim, from.max(at(ms(101))), length, First::Timer);
            sim.launch(Some(secs(1)));
            sim.run_until(from + length + secs(20));
            let seen = format!("{length:?} from {from:?}");
            assert_eq!(sim.kills(), [], "{seen}");
            let [JobOutcome::DeadlineExceeded { .. }] = sim.outcomes()[..] else {
                panic!("{seen}: {:?}", sim.outcomes());
            };
        }
    }
}

/// The deadline itself is what the host sleeps over, and the process needs a moment to wake up too.
#[test]
fn after_a_freeze_there_is_time_to_answer() {
    let span = (at(ms(2_650)), at(secs(100)));
    let child = Child {
        works: None,
        stops: Some(ms(800)),
        blocked: Some((span.0, span.1 + ms(300))),
        ..Child::healthy()
    };

    let short = WorkerPolicy {
        ping_timeout: ms(2_600),
        ..WorkerPolicy::default()
    };
    let mut silent = Sim::ready(child.clone(), short);
    silent.first = First::Timer;
    silent.frozen.push(span);
    silent.run_until(at(secs(110)));
    assert_eq!(silent.kills(), []);

    let hasty = WorkerPolicy {
        cancel_grace: secs(1),
        ping_interval: secs(10),
        ..WorkerPolicy::default()
    };
    let mut working = Sim::ready(child, hasty);
    working.first = First::Timer;
    working.frozen.push(span);
    working.launch(Some(secs(2)));
    working.run_until(at(secs(110)));
    assert_eq!(working.kills(), []);
    assert!(matches!(
        working.outcomes()[..],
        [JobOutcome::DeadlineExceeded { .. }]
    ));
}

#[test]
fn stall_after_stall_kills_nobody_that_answers() {
    for first in [First::Facts, First::Timer] {
        let mut sim = Sim::ready(Child::healthy(), WorkerPolicy::default());
        sim.first = first;
        // It runs for 300 ms at a time and is frozen for 100 s in between.
        for n in 0..200 {
            let from = at(ms(400) + ms(100_300) * n);
            sim.frozen.push((from, from + secs(100)));
        }
        sim.run_until(at(secs(25_000)));
        assert_eq!(sim.kills(), [], "{first:?}");
        assert_eq!(sim.worker.state(), State::Ready);
    }
}

#[test]
fn a_hung_worker_is_still_killed_after_a_stall() {
    for first in [First::Facts, First::Timer] {
        for length in LENGTHS {
            for from in moments(secs(4)) {
                let sim = Sim::ready(Child::hung(), WorkerPolicy::default());
                let from = from.max(at(ms(101)));
                let mut sim = frozen(sim, from, length, first);
                let reason = sim.run_to_exit().reason;
                assert!(matches!(reason, ExitReason::PingTimeout { .. }), "{reason}");
                let killed = sim.kills()[0];
                assert!(killed >= at(ms(60_100)), "never before its time");
                let latest = at(ms(60_100)) + length + WorkerPolicy::default().ping_interval;
                assert!(killed <= latest, "{length:?} from {from:?}: {killed:?}");
            }
        }
    }
}

#[test]
fn the_silence_that_is_reported_is_the_workers_own() {
    let sim = Sim::ready(Child::hung(), WorkerPolicy::default());
    let mut sim = frozen(sim, at(secs(30)), secs(1_000), First::Facts);
    let ExitReason::PingTimeout { silent_for, .. } = sim.run_to_exit().reason else {
        panic!("it fell silent");
    };
    assert!(silent_for <= secs(63), "{silent_for:?}");
}

/// A host that is late every time postpones, but each wake-up brings the end nearer.
#[test]
fn lateness_at_every_wake_up_postpones_no_end_for_ever() {
    let late = [ms(1), ms(99), STALL_TOLERANCE, ms(101), ms(400), secs(3)];
    for lateness in late {
        for first in [First::Facts, First::Timer] {
            let mut silent = Sim::ready(Child::hung(), WorkerPolicy::default());
            silent.first = first;
            silent.lateness = lateness;
            let reason = silent.run_to_exit().reason;
            assert!(matches!(reason, ExitReason::PingTimeout { .. }), "{reason}");
            assert!(silent.now < at(secs(300)), "{lateness:?}: {:?}", silent.now);

            let stubborn = Child {
                leaves: None,
                stops: None,
                works: None,
                ..Child::healthy()
            };
            let mut closing = Sim::ready(stubborn.clone(), WorkerPolicy::default());
            closing.first = first;
            closing.lateness = lateness;
            closing.close();
            let reason = closing.run_to_exit().reason;
            assert!(
                matches!(reason, ExitReason::CloseTimeout { .. }),
                "{reason}"
            );
            assert!(closing.now < at(secs(60)), "{lateness:?}");

            let mut working = Sim::ready(stubborn, WorkerPolicy::default());
            working.first = first;
            working.lateness = lateness;
            working.launch(Some(secs(1)));
            let reason = working.run_to_exit().reason;
            assert!(matches!(reason, ExitReason::JobDeadline { .. }), "{reason}");
            assert!(working.now < at(secs(60)), "{lateness:?}");
        }
    }
}

#[test]
fn lateness_within_the_tolerance_moves_no_deadline() {
    let mut sim = Sim::ready(Child::hung(), WorkerPolicy::default());
    sim.lateness = STALL_TOLERANCE;
    sim.run_to_exit();
    assert!(sim.kills()[0] <= at(ms(60_100)) + STALL_TOLERANCE);
}

#[test]
fn an_answer_that_waited_for_a_frozen_host_is_not_slow() {
    let child = Child {
        pongs: Some(ms(10)),
        ..Child::healthy()
    };
    let sim = Sim::ready(child, WorkerPolicy::default());
    // Its second ping was sent 5 ms before.
    let mut sim = frozen(sim, at(ms(2_605)), secs(500), First::Facts);
    sim.run_until(at(secs(600)));
    assert!(sim.pings().len() > 30, "pings go on after the stall");
    assert_eq!(sim.notices().len(), 2, "{:?}", sim.notices());
}
