//! Everything ends, in order and in time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::supervisor::{EndCause, Notice};
use greenroom_supervision::unit::{Condition, UnitSpec, UnitState};
use hall::{Child, Hall, after, at, code, daemon, ms, secs, task, terminate_within};

fn behind(name: &str, needed: &str) -> UnitSpec {
    after(daemon(name), &[(needed, Condition::Ready)])
}

#[test]
fn units_that_need_nobody_end_side_by_side() {
    let mut hall = Hall::new();
    for number in 0..10 {
        hall.add(daemon(&format!("u{number}")), Child::leaves_within(secs(1)));
    }
    hall.start();
    hall.advance(secs(5));
    hall.stop();
    hall.advance(secs(60));
    assert_eq!(hall.endings.len(), 1);
    assert_eq!(hall.endings[0].0, at(6_000));
    assert_eq!(hall.endings[0].1.exit_code(), 0);
    assert!(hall.supervisor.is_idle());
    assert_eq!(hall.supervisor.poll_timeout(), None);
    assert_eq!(hall.why("u3"), "everything was stopped: a person");
    assert!(hall.look("u3").healthy);
}

#[test]
fn those_that_start_after_others_end_before_them() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::leaves_within(ms(100)));
    hall.add(behind("web", "db"), Child::leaves_within(ms(200)));
    hall.add(behind("edge", "web"), Child::leaves_within(ms(300)));
    hall.add(daemon("other"), Child::leaves_within(secs(1)));
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    assert_eq!(
        hall.why("db"),
        "is to end once those that start after it are gone: a person"
    );
    hall.advance(secs(10));
    let stops: Vec<_> = hall
        .stops
        .iter()
        .map(|(at, name, _)| (*at, &**name))
        .collect();
    let expected = [
        (at(1_000), "other"),
        (at(1_000), "edge"),
        (at(1_300), "web"),
        (at(1_500), "db"),
    ];
    assert_eq!(stops, expected);
    assert_eq!(hall.endings[0].0, at(2_000));
}

#[test]
fn one_in_between_that_does_not_run_hides_nobody() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::steady());
    hall.add(behind("mid", "db"), Child::steady());
    hall.add(behind("edge", "mid"), Child::leaves_within(ms(300)));
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("mid");
    hall.advance(secs(1));
    hall.stop();
    assert_eq!(hall.stops.last().unwrap().1, "edge");
    hall.advance(secs(1));
    assert_eq!(hall.stops.last().unwrap().0, at(2_300));
}

#[test]
fn each_gets_its_whole_ladder_before_the_one_deadline() {
    let mut hall = Hall::new();
    for (name, needed) in [("a", ""), ("b", "a"), ("c", "b"), ("d", "c")] {
        let mut spec = match needed {
            "" => daemon(name),
            needed => behind(name, needed),
        };
        spec.policy.stop = terminate_within(secs(12));
        hall.add(spec, Child::stubborn());
    }
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(60));
    // d from 0 to 12; c from 12; b and a as late as fits before the deadline of 30 s.
    let stops: Vec<_> = hall
        .stops
        .iter()
        .map(|(at, name, step)| format!("{at:?} {name} {step}"))
        .collect();
    assert_eq!(
        stops,
        [
            "1s d SIGTERM",
            "13s d SIGKILL",
            "13s c SIGTERM",
            "19s b SIGTERM",
            "19s a SIGTERM",
            "25s c SIGKILL",
            "31s b SIGKILL",
            "31s a SIGKILL",
        ]
    );
    assert_eq!(hall.endings[0].0, at(31_000));
    let exit = &hall.look("a").exits[0];
    assert_eq!(exit.reason, ExitReason::CloseTimeout { after: secs(12) });
    assert_eq!(hall.endings[0].1.abandoned, Vec::<String>::new());
}

#[test]
fn at_the_deadline_all_are_killed_and_then_let_go_of() {
    let mut hall = Hall::new();
    let mut spec = daemon("stuck");
    spec.policy.stop = terminate_within(secs(300));
    hall.add(spec.clone(), Child::unkillable());
    hall.add(
        UnitSpec {
            name: "slow".into(),
            ..spec
        },
        Child::stubborn(),
    );
    let unanswered = Child {
        spawn: None,
        ..Child::steady()
    };
    hall.add(daemon("unborn"), unanswered);
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(100));
    assert_eq!(hall.when("slow: SIGKILL"), [at(31_000)]);
    let (ended, ending) = &hall.endings[0];
    assert_eq!(*ended, at(33_000), "30 s and the time of a kill");
    assert_eq!(ending.abandoned, ["stuck", "unborn"]);
    assert_eq!(
        hall.look("stuck").exits[0].reason,
        ExitReason::Abandoned { after: secs(32) }
    );
    assert_eq!(
        hall.why("stuck"),
        "everything was stopped: a person; it did not end within 32s and was abandoned"
    );
    assert_eq!(hall.endings.len(), 1);
    assert!(hall.ledger.live().is_empty());
}

#[test]
fn who_blocks_is_said_once_a_second() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::leaves_within(ms(100)));
    hall.add(behind("web", "db"), Child::leaves_within(ms(2_500)));
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(60));
    let blocked: Vec<_> = hall
        .log
        .iter()
        .filter(|(_, line)| line.starts_with("blocked"))
        .map(|(at, line)| format!("{at:?} {line}"))
        .collect();
    assert_eq!(
        blocked,
        [
            "2s blocked by db ready - 1s, web stopping SIGTERM 1s",
            "3s blocked by db ready - 2s, web stopping SIGTERM 2s",
        ]
    );
}

#[test]
fn a_second_stop_changes_nothing_and_a_kill_is_now() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::stubborn());
    hall.add(behind("web", "db"), Child::stubborn());
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(1));
    hall.stop();
    assert_eq!(hall.stops.len(), 1);
    hall.kill();
    hall.kill();
    hall.advance(secs(60));
    assert_eq!(hall.when("web: SIGKILL"), [at(2_000)]);
    assert_eq!(hall.when("db: SIGKILL"), [at(2_000)]);
    assert_eq!(hall.endings.len(), 1);
    assert_eq!(hall.endings[0].0, at(2_000));
    let notices = hall.notices.iter();
    let announced = notices.filter(|(_, it)| matches!(it, Notice::ShuttingDown { .. }));
    assert_eq!(announced.count(), 1);
    let exit = &hall.look("db").exits[0];
    let by = "a person".into();
    assert_eq!(exit.reason, ExitReason::Requested { by });
}

#[test]
fn a_kill_that_does_not_help_is_bounded_too() {
    let mut hall = Hall::new();
    hall.add(daemon("stuck"), Child::unkillable());
    hall.start();
    hall.advance(secs(1));
    hall.kill();
    hall.advance(secs(1));
    hall.kill();
    hall.advance(secs(60));
    assert_eq!(hall.endings[0].0, at(3_000));
}

#[test]
fn with_nothing_running_the_end_comes_at_once_and_once() {
    let mut hall = Hall::new();
    hall.stop();
    assert_eq!(hall.endings.len(), 0, "nothing had begun");
    hall.start();
    hall.stop();
    assert_eq!(hall.endings.len(), 1);
    hall.stop();
    hall.kill();
    hall.advance(secs(60));
    assert_eq!(hall.endings.len(), 1);
}

#[test]
fn after_the_end_everything_can_start_anew() {
    let mut hall = Hall::new();
    hall.add(daemon("web"), Child::steady());
    hall.add(daemon("bad"), Child::ends(ms(10), code(1)));
    hall.start();
    hall.advance(secs(600));
    assert_eq!(hall.states(), "web ready, bad failed");
    hall.stop();
    hall.start();
    assert_eq!(
        hall.states(),
        "web stopping, bad failed",
        "not before the end"
    );
    hall.advance(ms(1));
    assert_eq!(hall.states(), "web stopped, bad failed");
    hall.start();
    hall.advance(ms(1));
    assert_eq!(hall.states(), "web ready, bad ready");
    hall.advance(secs(600));
    assert_eq!(hall.starts_of("bad").len(), 12);
    hall.stop();
    hall.advance(secs(1));
    assert_eq!(hall.endings.len(), 2);
}

#[test]
fn nothing_starts_while_everything_ends() {
    let mut hall = Hall::new();
    hall.add(daemon("slow"), Child::leaves_within(secs(5)));
    hall.add(daemon("bad"), Child::ends(ms(900), code(1)));
    hall.add(behind("late", "bad"), Child::steady());
    hall.start();
    hall.advance(secs(1));
    let starts = hall.starts.len();
    hall.stop();
    let id = hall.id("bad");
    let refused = hall.supervisor.start_unit(hall.now, id).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "everything is being stopped: no unit can be started now"
    );
    hall.advance(secs(60));
    assert_eq!(hall.starts.len(), starts);
    assert_eq!(hall.states(), "slow stopped, bad stopped, late stopped");
}

#[test]
fn a_task_that_does_not_listen_is_let_go_of() {
    let mut hall = Hall::new();
    hall.add(task("deaf"), Child::unkillable());
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(60));
    // 10 s of its own ladder and the time of a kill.
    assert_eq!(hall.endings[0].0, at(13_000));
    assert_eq!(hall.endings[0].1.abandoned, ["deaf"]);
}

#[test]
fn a_start_under_way_is_stopped_when_it_is_answered() {
    let mut hall = Hall::new();
    let slow = Child {
        spawn: Some(secs(3)),
        ..Child::leaves_within(secs(1))
    };
    hall.add(daemon("web"), slow);
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    assert_eq!(hall.state("web"), UnitState::Stopping);
    assert_eq!(
        hall.why("web"),
        "is to end as soon as its start is answered: a person"
    );
    hall.advance(secs(60));
    assert_eq!(hall.when("web: SIGTERM"), [at(3_000)]);
    assert_eq!(hall.endings[0].0, at(4_000));
}

#[test]
fn the_end_of_a_significant_unit_ends_everything_with_its_code() {
    for (exit, expected) in [(code(7), 7), (code(0), 0), (hall::signal(9), 137)] {
        let mut hall = Hall::new();
        let mut spec = daemon("job");
        spec.significant = true;
        spec.policy.restart.restart = greenroom_supervision::restart::Restart::Never;
        spec.policy.restart.retry_after = Some(secs(600));
        hall.add(spec, Child::ends(secs(1), exit));
        hall.add(daemon("web"), Child::leaves_within(secs(1)));
        hall.start();
        hall.advance(secs(60));
        let (at_, ending) = &hall.endings[0];
        assert_eq!(*at_, at(2_000));
        assert_eq!(ending.exit_code(), expected);
        assert!(matches!(&ending.cause, EndCause::Significant(exit) if exit.name == "job"));
    }
}

#[test]
fn a_significant_unit_that_is_restarted_or_stopped_on_request_ends_nothing() {
    let mut hall = Hall::new();
    let mut spec = daemon("job");
    spec.significant = true;
    hall.add_script(spec, |it| match it {
        0 => Child::ends(secs(1), code(7)),
        _ => Child::steady(),
    });
    hall.start();
    hall.advance(secs(60));
    assert_eq!(hall.state("job"), UnitState::Ready);
    hall.stop_unit("job");
    hall.advance(secs(60));
    assert_eq!(hall.endings.len(), 0);
}

#[test]
fn a_significant_unit_that_cannot_be_started_ends_everything() {
    let mut hall = Hall::new();
    let mut spec = daemon("job");
    spec.significant = true;
    let child = Child {
        refused: Some(hall::spawn_failure(true)),
        ..Child::steady()
    };
    hall.add(spec, child);
    hall.start();
    hall.advance(secs(1));
    assert_eq!(hall.endings[0].1.exit_code(), 127);
}

#[test]
fn when_all_have_ended_by_themselves_it_goes_on() {
    let mut hall = Hall::new();
    hall.add(daemon("job"), Child::ends(secs(1), code(0)));
    hall.start();
    hall.advance(secs(60));
    assert_eq!(hall.states(), "job completed");
    assert!(!hall.supervisor.is_idle());
    assert_eq!(hall.endings.len(), 0);
    assert_eq!(hall.supervisor.poll_timeout(), None);
}
