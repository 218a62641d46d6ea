//! How a unit becomes ready, and what is done when it no longer is well.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::time::Duration;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::stop::KILL_WAIT;
use greenroom_supervision::supervisor::UnitNotice;
use greenroom_supervision::unit::{Activity, Check, OnFailure, Readiness, UnitSpec, UnitState};
use hall::{Child, Hall, at, code, daemon, ms, secs, task, terminate_within};

const MB: u64 = 1_000_000;

fn with(readiness: Readiness) -> UnitSpec {
    let mut spec = daemon("web");
    spec.policy.readiness = readiness;
    spec
}

fn checked(on_failure: OnFailure) -> UnitSpec {
    let mut spec = daemon("web");
    spec.policy.checks = vec![Check {
        on_failure,
        ..Check::new("http")
    }];
    spec
}

/// The first end's reason, and when it came.
fn first_end(hall: &Hall) -> (ExitReason, Duration) {
    let notices = hall.unit_notices("web");
    let end = notices.iter().find_map(|(at, notice)| match notice {
        UnitNotice::Exited(exit) => Some((exit.reason.clone(), at.since_origin())),
        _ => None,
    });
    end.unwrap()
}

fn started(spec: UnitSpec, child: Child) -> Hall {
    let mut hall = Hall::new();
    hall.add(spec, child);
    hall.start();
    hall.advance(ms(1));
    hall
}

// ---- readiness

#[test]
fn each_way_to_become_ready_takes_what_it_says() {
    let probe = Readiness::Probe {
        period: secs(1),
        timeout: secs(1),
    };
    let child = Child {
        spawn: Some(ms(500)),
        says_ready: Some(secs(2)),
        ..Child::steady()
    };
    for (readiness, ready) in [
        (Readiness::Started, ms(500)),
        (Readiness::Delay(secs(1)), ms(1_500)),
        (Readiness::Told, ms(2_500)),
        (probe, ms(501)),
    ] {
        let mut hall = started(with(readiness), child.clone());
        hall.advance(secs(10));
        assert_eq!(
            hall.when(&format!("web: ready after {ready:?}")).len(),
            1,
            "{readiness:?}"
        );
        assert_eq!(hall.state("web"), UnitState::Ready);
        assert_eq!(hall.supervisor.poll_timeout(), None, "{readiness:?}");
    }
}

#[test]
fn being_told_counts_only_where_it_is_waited_for() {
    let mut hall = started(with(Readiness::Delay(secs(5))), Child::steady());
    hall.tell("web", |it, now, run| it.handle_ready(now, run));
    assert_eq!(hall.state("web"), UnitState::Started);
    assert_eq!(hall.why("web"), "runs and is not ready yet");
}

#[test]
fn a_word_that_comes_before_the_spawn_is_known_counts() {
    let slow = Child {
        spawn: Some(secs(1)),
        ..Child::steady()
    };
    let mut hall = started(with(Readiness::Told), slow);
    hall.tell("web", |it, now, run| it.handle_ready(now, run));
    assert_eq!(hall.state("web"), UnitState::Starting);
    hall.advance(secs(1));
    assert_eq!(hall.state("web"), UnitState::Ready);
}

#[test]
fn a_probe_is_repeated_until_it_succeeds() {
    let probe = Readiness::Probe {
        period: secs(2),
        timeout: secs(1),
    };
    let failing = Child {
        looks: Some(Err("connection refused\u{1b}".into())),
        ..Child::steady()
    };
    let mut hall = started(with(probe), failing);
    hall.advance(ms(10));
    assert_eq!(
        hall.why("web"),
        "runs and is not ready yet: connection refused\u{fffd}"
    );
    hall.advance(secs(60));
    let (reason, ended) = first_end(&hall);
    let after = secs(30);
    assert_eq!((reason, ended), (ExitReason::StartTimeout { after }, after));
}

#[test]
fn a_start_takes_no_longer_than_it_may_and_is_extended_only_so_far() {
    let mut hall = started(with(Readiness::Told), Child::steady());
    for _ in 0..100 {
        hall.advance(secs(1));
        let extend = |extra| {
            move |it: &mut greenroom_supervision::Supervisor, now, run| {
                it.handle_extension(now, run, extra);
            }
        };
        if hall.state("web") == UnitState::Started && hall.starts.len() == 1 {
            hall.tell("web", extend(secs(35)));
        }
    }
    // 30 s, and 60 s of extensions in all.
    let after = secs(90);
    assert_eq!(
        first_end(&hall),
        (ExitReason::StartTimeout { after }, after)
    );
}

#[test]
fn an_extension_is_at_least_so_much_from_now_and_takes_nothing_away() {
    let mut hall = started(with(Readiness::Told), Child::steady());
    hall.tell("web", |it, now, run| it.handle_extension(now, run, secs(5)));
    hall.advance(ms(29_998));
    assert_eq!(hall.state("web"), UnitState::Started);
    hall.tell("web", |it, now, run| it.handle_extension(now, run, secs(5)));
    hall.advance(ms(4_999));
    assert_eq!(hall.state("web"), UnitState::Started);
    hall.advance(ms(2));
    assert_eq!(hall.starts.len(), 1);
    assert_ne!(hall.state("web"), UnitState::Started);
}

#[test]
fn a_start_that_is_not_answered_in_time_is_called_off() {
    let late = Child {
        spawn: Some(secs(50)),
        ..Child::steady()
    };
    let mut hall = started(daemon("web"), late);
    hall.advance(secs(31));
    assert_eq!(hall.when("web: SIGKILL"), [at(30_000)]);
    let (reason, ended) = first_end(&hall);
    assert_eq!(reason, ExitReason::StartTimeout { after: secs(30) });
    assert_eq!(ended, secs(30));
    assert_eq!(hall.look("web").restarts, 1, "it counts as a failure");
}

// ---- checks

#[test]
fn a_check_that_fails_too_often_in_a_row_ends_it() {
    let failing = Child {
        looks: Some(Err("no route".into())),
        ..Child::steady()
    };
    let mut hall = started(checked(OnFailure::Restart), failing);
    hall.advance(secs(25));
    assert_eq!(
        hall.why("web"),
        "ready after 0ms; check http failed 2 times in a row: no route"
    );
    assert!(!hall.look("web").healthy);
    hall.advance(secs(10));
    let (reason, ended) = first_end(&hall);
    // Three looks, each a period after the one before has ended, and answered after 1 ms.
    assert_eq!(ended, ms(30_003));
    assert_eq!(
        reason,
        ExitReason::CheckFailed {
            check: "http".into(),
            failures: 3,
            message: "no route".into()
        }
    );
    assert_eq!(hall.when("web: check http failed 3").len(), 1);
}

#[test]
fn a_check_that_only_warns_is_told_at_the_threshold_and_each_tenth_time() {
    let failing = Child {
        looks: Some(Err("no route".into())),
        ..Child::steady()
    };
    let mut hall = started(checked(OnFailure::Warn), failing);
    hall.advance(secs(251));
    let told: Vec<_> = hall
        .log
        .iter()
        .filter(|(_, line)| line.contains("check"))
        .map(|(_, line)| line.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "web: check http failed 3",
            "web: check http failed 13",
            "web: check http failed 23"
        ]
    );
    assert_eq!(hall.state("web"), UnitState::Ready);
    let id = greenroom_supervision::supervisor::ProbeId::Check(0);
    let wait = hall.supervisor.poll_timeout().unwrap() - hall.now;
    hall.advance(wait);
    hall.tell("web", |it, now, run| it.handle_probe(now, run, id, Ok(())));
    assert_eq!(hall.when("web: check http recovered").len(), 1);
    assert!(hall.look("web").healthy);
}

#[test]
fn a_look_that_is_never_answered_has_failed() {
    let silent = Child {
        looks: None,
        ..Child::steady()
    };
    let mut hall = started(checked(OnFailure::Restart), silent);
    hall.advance(secs(60));
    let (reason, ended) = first_end(&hall);
    assert_eq!(
        reason,
        ExitReason::CheckFailed {
            check: "http".into(),
            failures: 3,
            message: "no answer within 3s".into()
        }
    );
    assert_eq!(ended, (secs(10) + secs(3) + secs(1)) * 3);
}

#[test]
fn answers_that_nobody_waits_for_are_nothing() {
    let mut hall = started(checked(OnFailure::Restart), Child::steady());
    use greenroom_supervision::supervisor::ProbeId::{Check, Readiness};
    for probe in [Check(0), Check(7), Readiness] {
        for _ in 0..5 {
            let failed = Err("no".into());
            hall.tell("web", |it, now, run| {
                it.handle_probe(now, run, probe, failed);
            });
        }
    }
    assert_eq!(hall.state("web"), UnitState::Ready);
    assert!(hall.look("web").failing_checks.is_empty());
}

// ---- signs of life

#[test]
fn silence_is_told_once_and_may_end_it() {
    let activity = |on_silence| {
        let mut spec = daemon("web");
        spec.policy.activity = Some(Activity {
            timeout: secs(10),
            on_silence,
        });
        spec
    };
    let mut hall = started(activity(OnFailure::Restart), Child::steady());
    hall.advance(secs(15));
    let silent_for = secs(10);
    assert_eq!(
        first_end(&hall),
        (ExitReason::Silent { silent_for }, silent_for)
    );

    let mut hall = started(activity(OnFailure::Warn), Child::steady());
    hall.advance(secs(60));
    assert_eq!(hall.when("web: silent for 10s"), [at(10_000)]);
    assert_eq!(hall.state("web"), UnitState::Ready);
    hall.tell("web", |it, now, run| it.handle_output(now, run));
    hall.advance(secs(60));
    assert_eq!(hall.when("web: silent for 10s").len(), 2);

    let talking = Child {
        prints: Some(secs(9)),
        ..Child::steady()
    };
    let mut hall = started(activity(OnFailure::Restart), talking);
    hall.advance(secs(3_600));
    assert_eq!(hall.starts.len(), 1);
}

#[test]
fn silence_counts_before_it_is_ready_too() {
    let mut spec = with(Readiness::Told);
    spec.policy.activity = Some(Activity {
        timeout: secs(10),
        on_silence: OnFailure::Restart,
    });
    let mut hall = started(spec, Child::steady());
    hall.advance(secs(11));
    let silent_for = secs(10);
    assert_eq!(
        first_end(&hall),
        (ExitReason::Silent { silent_for }, silent_for)
    );
}

#[test]
fn an_interval_that_was_asked_for_early_holds_once_it_is_ready() {
    let mut hall = started(with(Readiness::Told), Child::steady());
    hall.tell("web", |it, now, run| {
        it.handle_watchdog_interval(now, run, secs(3));
    });
    hall.advance(secs(10));
    assert_eq!(hall.state("web"), UnitState::Started);
    hall.tell("web", |it, now, run| it.handle_ready(now, run));
    hall.advance(secs(4));
    let silent_for = secs(3);
    assert_eq!(first_end(&hall).0, ExitReason::Watchdog { silent_for });
    // The next run has what its policy says.
    hall.advance(secs(1));
    hall.tell("web", |it, now, run| it.handle_ready(now, run));
    hall.advance(secs(600));
    assert_eq!(hall.starts.len(), 2);
}

#[test]
fn a_watchdog_wants_its_signs_once_it_is_ready() {
    let mut spec = with(Readiness::Told);
    spec.policy.watchdog = Some(secs(2));
    let mut hall = started(spec, Child::steady());
    hall.advance(secs(10));
    hall.tell("web", |it, now, run| it.handle_ready(now, run));
    for _ in 0..5 {
        hall.advance(ms(1_999));
        hall.tell("web", |it, now, run| it.handle_watchdog(now, run));
    }
    assert_eq!(hall.starts.len(), 1);
    let last = hall.now;
    hall.advance(secs(3));
    let silent_for = secs(2);
    let expected = ExitReason::Watchdog { silent_for };
    assert_eq!(
        first_end(&hall),
        (expected, (last + silent_for).since_origin())
    );
}

#[test]
fn a_watchdog_is_set_anew_triggered_and_let_go() {
    let mut hall = started(daemon("web"), Child::steady());
    let set = |span| {
        move |it: &mut greenroom_supervision::Supervisor, now, run| {
            it.handle_watchdog_interval(now, run, span);
        }
    };
    hall.tell("web", set(secs(1)));
    hall.tell("web", set(Duration::ZERO));
    hall.advance(secs(10));
    assert_eq!(hall.starts.len(), 1);
    hall.tell("web", |it, now, run| it.handle_watchdog_trigger(now, run));
    assert_eq!(
        hall.look("web").exits.len() + hall.stops.len(),
        1,
        "its ladder has begun"
    );
    hall.advance(ms(1));
    let silent_for = Duration::ZERO;
    assert_eq!(first_end(&hall).0, ExitReason::Watchdog { silent_for });
}

// ---- memory

#[test]
fn memory_is_measured_sooner_the_nearer_the_limit() {
    let mut spec = daemon("web");
    spec.policy.memory_limit = Some(4_000 * MB);
    let mut supervisor = greenroom_supervision::Supervisor::new(Default::default());
    let unit = supervisor.add(at(0), spec).unwrap();
    let run = greenroom_supervision::unit::Run {
        unit,
        generation: 0,
    };
    supervisor.start(at(0));
    supervisor.handle_spawned(at(0), run, Some(7));
    let mut waits = Vec::new();
    for bytes in [100, 100, 100, 100, 100, 100, 100, 3_700, 3_700].map(|it| it * MB) {
        let before = supervisor.poll_timeout().unwrap();
        supervisor.handle_timeout(before);
        let looks = std::iter::from_fn(|| supervisor.poll_action());
        let look = greenroom_supervision::supervisor::Action::SampleMemory(run);
        assert!(looks.collect::<Vec<_>>().contains(&look));
        supervisor.handle_memory(before, run, bytes);
        waits.push((supervisor.poll_timeout().unwrap() - before).as_millis());
    }
    // Doubling, up to what the fastest growth takes to the limit. Then a quarter of what is left at
    // the growth that was seen.
    let expected = [100, 200, 400, 800, 1_600, 3_200, 3_900, 81, 162];
    assert_eq!(waits, expected);
}

#[test]
fn memory_is_warned_of_and_bounded() {
    let mut spec = daemon("web");
    spec.policy.memory_warn = Some(100 * MB);
    spec.policy.memory_limit = Some(200 * MB);
    spec.policy.stop = terminate_within(secs(10));
    let mut hall = started(spec, Child::stubborn());
    let uses = |bytes| {
        move |it: &mut greenroom_supervision::Supervisor, now, run| {
            it.handle_memory(now, run, bytes);
        }
    };
    hall.tell("web", uses(150 * MB));
    hall.tell("web", uses(151 * MB));
    assert_eq!(hall.when("web: uses 150000000 bytes").len(), 1);
    assert_eq!(hall.when("web: uses 151000000 bytes").len(), 0);
    hall.tell("web", uses(201 * MB));
    assert_eq!(hall.stops[0].2.to_string(), "SIGKILL", "without a ladder");
    hall.advance(ms(1));
    let (reason, _) = first_end(&hall);
    let (rss, limit) = (201 * MB, 200 * MB);
    assert_eq!(reason, ExitReason::MemoryLimit { rss, limit });
    assert_eq!(hall.look("web").exits[0].peak_memory, rss);
}

// ---- the ladder outside a shutdown

#[test]
fn one_that_cannot_be_killed_is_told_of_and_never_started_twice() {
    let mut hall = started(daemon("web"), Child::unkillable());
    hall.restart_unit("web");
    hall.advance(secs(200));
    let told: Vec<_> = hall
        .log
        .iter()
        .filter(|(_, line)| line.contains("unkillable"))
        .map(|(at, line)| format!("{at:?} {line}"))
        .collect();
    // 10 s of its ladder, 2 s for the kill, then once a minute.
    assert_eq!(
        told,
        [
            "12.001s web: unkillable for 2s",
            "72.001s web: unkillable for 62s",
            "132.001s web: unkillable for 122s",
            "192.001s web: unkillable for 182s"
        ]
    );
    assert_eq!(hall.starts.len(), 1);
    assert!(hall.why("web").contains("last with SIGKILL: a person"));
    hall.exit("web", hall::signal(9));
    hall.advance(ms(1));
    assert_eq!(hall.starts.len(), 2);
    assert_eq!(hall.state("web"), UnitState::Ready);
    let exit = hall.look("web").exits[0].clone();
    assert_eq!(exit.reason, ExitReason::CloseTimeout { after: secs(10) });
    assert_eq!(
        exit.class,
        greenroom_supervision::restart::ExitClass::Success
    );
}

#[test]
fn a_task_that_does_not_listen_is_abandoned_and_replaced() {
    let mut hall = Hall::new();
    hall.add(task("web"), Child::unkillable());
    hall.start();
    hall.advance(secs(1));
    hall.restart_unit("web");
    hall.advance(secs(12));
    assert_eq!(hall.when("web: abandoned"), [at(13_000)]);
    assert_eq!(hall.starts_of("web"), [at(0), at(13_000)]);
    let after = secs(10) + KILL_WAIT;
    assert_eq!(
        hall.look("web").exits[0].reason,
        ExitReason::Abandoned { after }
    );
}

#[test]
fn a_stop_is_extended_only_so_far() {
    let mut hall = started(daemon("web"), Child::stubborn());
    hall.stop_unit("web");
    for _ in 0..100 {
        hall.advance(secs(1));
        if hall.state("web") == UnitState::Stopping {
            hall.tell("web", |it, now, run| {
                it.handle_extension(now, run, secs(20));
            });
        }
    }
    assert_eq!(hall.when("web: SIGKILL"), [at(1) + secs(70)]);
}

#[test]
fn an_end_of_its_own_during_the_ladder_is_told_as_it_was() {
    let mut hall = started(daemon("web"), Child::leaves_within(secs(1)));
    hall.stop_unit("web");
    hall.advance(secs(2));
    let exit = hall.look("web").exits[0].clone();
    assert_eq!(exit.reason, ExitReason::Clean);
    assert_eq!(hall.why("web"), "was stopped: a person");
    hall.start_unit("web");
    hall.advance(secs(1));
    hall.stop_unit("web");
    hall.exit("web", code(3));
    let exit = hall.look("web").exits[1].clone();
    assert_eq!(exit.reason, ExitReason::Code { code: 3 });
    assert_eq!(
        exit.class,
        greenroom_supervision::restart::ExitClass::Success
    );
    assert_eq!(hall.state("web"), UnitState::Stopped);
}

#[test]
fn one_that_is_silent_for_too_long_is_not_healthy() {
    let mut spec = daemon("web");
    spec.policy.activity = Some(Activity {
        timeout: secs(30),
        on_silence: OnFailure::Warn,
    });
    let mut hall = started(spec, Child::steady());
    hall.advance(secs(29));
    assert!(hall.look("web").healthy);
    hall.until(at(40_000));
    assert!(!hall.look("web").healthy);
    assert_eq!(
        hall.why("web"),
        "ready after 0ms; it has printed nothing for 40s"
    );
    hall.tell("web", |it, now, run| it.handle_output(now, run));
    assert!(hall.look("web").healthy);
    assert_eq!(hall.why("web"), "ready after 0ms");
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_a_later_look() {
    let mut spec = checked(OnFailure::Warn);
    spec.policy.checks[0].threshold = 1;
    let silent = Child {
        looks: None,
        ..Child::steady()
    };
    let mut hall = started(spec, silent);
    let id = greenroom_supervision::supervisor::ProbeId::Check(0);
    let answer = |hall: &mut Hall| {
        hall.tell("web", |it, now, run| it.handle_probe(now, run, id, Ok(())));
    };
    // Looks at 10 s, given up at 14 s, and at 24 s.
    hall.until(at(24_100));
    answer(&mut hall);
    assert!(!hall.look("web").healthy, "that was the first look's");
    answer(&mut hall);
    assert!(hall.look("web").healthy);
    // The third, at 34.1 s, is given up; its answer comes before the fourth, at 48.1 s.
    hall.until(at(45_000));
    assert!(!hall.look("web").healthy);
    answer(&mut hall);
    assert!(!hall.look("web").healthy);
    hall.until(at(48_200));
    answer(&mut hall);
    assert!(hall.look("web").healthy);
}

#[test]
fn a_late_answer_does_not_make_it_ready() {
    let probe = Readiness::Probe {
        period: secs(1),
        timeout: secs(1),
    };
    let silent = Child {
        looks: None,
        ..Child::steady()
    };
    let mut hall = started(with(probe), silent);
    let id = greenroom_supervision::supervisor::ProbeId::Readiness;
    let answer = |hall: &mut Hall| {
        hall.tell("web", |it, now, run| it.handle_probe(now, run, id, Ok(())));
    };
    // A look at once, given up after 2 s, and another at 3 s.
    hall.until(at(3_100));
    answer(&mut hall);
    assert_eq!(hall.state("web"), UnitState::Started);
    answer(&mut hall);
    assert_eq!(hall.state("web"), UnitState::Ready);
}

#[test]
fn one_that_was_ended_for_cause_and_abandoned_is_told_as_both() {
    let mut spec = task("web");
    spec.policy.watchdog = Some(secs(1));
    spec.policy.restart.restart = greenroom_supervision::restart::Restart::Never;
    let mut hall = started(spec, Child::unkillable());
    hall.advance(secs(20));
    let exit = hall.look("web").exits[0].clone();
    let silent_for = secs(1);
    assert_eq!(exit.reason, ExitReason::Watchdog { silent_for });
    assert_eq!(exit.abandoned, Some(secs(10) + KILL_WAIT));
    assert_eq!(
        exit.class,
        greenroom_supervision::restart::ExitClass::Failure
    );
    assert_eq!(
        hall.why("web"),
        "gave no sign of life for 1s; it did not end within 12s and was abandoned; \
         it is never restarted"
    );
}
