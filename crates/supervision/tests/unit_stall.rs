//! A host that was frozen blames nobody.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use greenroom_supervision::stop::StopAction;
use greenroom_supervision::unit::{Activity, Check, OnFailure, Readiness, UnitSpec, UnitState};
use hall::{Child, Hall, daemon, ms, secs};

fn watched() -> UnitSpec {
    let mut spec = daemon("web");
    spec.policy.activity = Some(Activity {
        timeout: secs(5),
        on_silence: OnFailure::Restart,
    });
    spec.policy.watchdog = Some(secs(5));
    spec.policy.checks = vec![Check::new("http")];
    spec
}

fn alive(hall: &mut Hall) {
    hall.tell("web", |it, now, run| {
        it.handle_output(now, run);
        it.handle_watchdog(now, run);
    });
}

#[test]
fn a_frozen_host_restarts_nothing_that_goes_on_afterwards() {
    for frozen in [secs(6), secs(60), secs(86_400)] {
        let mut hall = Hall::new();
        hall.add(watched(), Child::steady());
        hall.start();
        for _ in 0..20 {
            hall.advance(secs(2));
            alive(&mut hall);
        }
        hall.advance(secs(1));
        hall.freeze(frozen);
        // What it has said meanwhile is read a little later.
        hall.advance(ms(900));
        alive(&mut hall);
        for _ in 0..20 {
            hall.advance(secs(2));
            alive(&mut hall);
        }
        assert_eq!(hall.starts.len(), 1, "{frozen:?}");
        assert_eq!(hall.state("web"), UnitState::Ready);
    }
}

#[test]
fn a_deadline_that_was_just_due_still_waits_for_what_is_in_the_pipes() {
    let mut hall = Hall::new();
    hall.add(watched(), Child::steady());
    hall.start();
    hall.advance(ms(4_999));
    // Nothing had come for almost all of the time it may take.
    hall.freeze(secs(60));
    hall.advance(ms(999));
    alive(&mut hall);
    hall.advance(secs(4));
    assert_eq!(hall.starts.len(), 1);
}

#[test]
fn one_that_stays_silent_after_the_freeze_is_ended_all_the_same() {
    let mut hall = Hall::new();
    hall.add(watched(), Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.freeze(secs(60));
    hall.advance(secs(5));
    assert_eq!(hall.stops.len(), 1);
}

#[test]
fn a_host_that_is_always_late_still_ends_the_silent() {
    let mut hall = Hall::new();
    hall.add(watched(), Child::steady());
    hall.start();
    hall.advance(ms(1));
    for _ in 0..60 {
        let wanted = hall.supervisor.poll_timeout().unwrap();
        hall.freeze((wanted - hall.now) + ms(500));
        if !hall.stops.is_empty() {
            return;
        }
    }
    panic!("never ended: {}", hall.story());
}

#[test]
fn a_start_is_not_over_because_nobody_listened() {
    let mut hall = Hall::new();
    let mut spec = daemon("web");
    spec.policy.readiness = Readiness::Told;
    hall.add(spec, Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.freeze(secs(100));
    hall.advance(secs(20));
    hall.tell("web", |it, now, run| it.handle_ready(now, run));
    assert_eq!(hall.state("web"), UnitState::Ready);
}

#[test]
fn an_unanswered_look_is_given_the_time_that_was_lost() {
    let mut hall = Hall::new();
    let mut spec = daemon("web");
    spec.policy.checks = vec![Check {
        threshold: 1,
        ..Check::new("http")
    }];
    let silent = Child {
        looks: None,
        ..Child::steady()
    };
    hall.add(spec, silent);
    hall.start();
    hall.advance(secs(11));
    hall.freeze(secs(100));
    hall.advance(ms(900));
    let probe = greenroom_supervision::supervisor::ProbeId::Check(0);
    hall.tell("web", |it, now, run| {
        it.handle_probe(now, run, probe, Ok(()));
    });
    assert!(hall.stops.is_empty());
    assert!(hall.look("web").healthy);
}

#[test]
fn the_ladder_waits_longer_but_the_shutdown_does_not() {
    let mut hall = Hall::new();
    hall.add(daemon("web"), Child::stubborn());
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("web");
    hall.advance(secs(1));
    hall.freeze(secs(60));
    hall.advance(secs(5));
    assert_eq!(hall.stops.len(), 1, "no kill yet: {}", hall.story());
    hall.advance(secs(10));
    assert_eq!(hall.stops[1].2, StopAction::Kill);

    let mut hall = Hall::new();
    hall.add(daemon("web"), Child::stubborn());
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(1));
    hall.freeze(secs(60));
    assert_eq!(hall.stops[1].2, StopAction::Kill, "its deadline was over");
    hall.advance(secs(3));
    assert_eq!(hall.endings.len(), 1);
}

#[test]
fn units_that_are_not_watched_leave_the_host_asleep() {
    let mut hall = Hall::new();
    for number in 0..200 {
        hall.add(daemon(&format!("u{number}")), Child::steady());
    }
    hall.start();
    hall.advance(secs(1));
    assert_eq!(hall.supervisor.poll_timeout(), None);
}
