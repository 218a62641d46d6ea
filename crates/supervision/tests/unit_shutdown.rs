//! Everything ends, in order and in time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::restart::{ExitMatch, Restart};
use greenroom_supervision::supervisor::{EndCause, Group, Notice, Strategy};
use greenroom_supervision::unit::{
    Activity, Check, Condition, Exit, OnFailure, Readiness, UnitSpec, UnitState,
};
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
        ..Child::unkillable()
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
fn a_start_under_way_is_called_off() {
    let mut hall = Hall::new();
    let slow = Child {
        spawn: Some(secs(3)),
        ..Child::leaves_within(secs(1))
    };
    hall.add(daemon("web"), slow);
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(60));
    assert_eq!(hall.when("web: SIGKILL"), [at(1_000)]);
    assert_eq!(hall.when("web: SIGTERM"), []);
    assert_eq!(hall.endings[0].0, at(1_000));
}

#[test]
fn the_end_of_a_significant_unit_ends_everything_with_its_code() {
    for (exit, expected) in [(code(7), 7), (code(0), 0), (hall::signal(9), 137)] {
        let mut hall = Hall::new();
        let mut spec = daemon("job");
        spec.significant = true;
        spec.policy.restart.restart = Restart::Never;
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

#[test]
fn what_the_last_shutdown_left_behind_is_started_with_everything() {
    let mut hall = Hall::new();
    hall.add(daemon("a"), Child::steady());
    hall.add(daemon("b"), Child::steady());
    hall.add(daemon("done"), Child::ends(ms(100), code(0)));
    let mut never = daemon("failed");
    never.policy.restart.restart = Restart::Never;
    hall.add(never, Child::ends(ms(100), code(1)));
    hall.add(daemon("off"), Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("off");
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(1));
    hall.start_unit("a");
    hall.advance(secs(1));
    hall.start();
    hall.advance(ms(1));
    assert_eq!(
        hall.states(),
        "a ready, b ready, done ready, failed ready, off ready"
    );
    assert_eq!(hall.starts_of("a").len(), 2);
}

#[test]
fn what_was_started_by_name_is_not_started_again_with_everything() {
    let mut hall = Hall::new();
    hall.add(daemon("done"), Child::ends(ms(100), code(0)));
    hall.add(daemon("off"), Child::steady());
    hall.add(daemon("b"), Child::steady());
    hall.start_unit("done");
    hall.start_unit("off");
    hall.advance(secs(1));
    hall.stop_unit("off");
    hall.advance(secs(1));
    hall.start();
    hall.advance(secs(1));
    assert_eq!(hall.states(), "done completed, off stopped, b ready");
}

#[test]
fn a_long_ladder_leaves_half_of_the_time_to_the_order() {
    // It leaves after 14 s, or is not gone in half of the 30 s.
    for (web, turn) in [
        (Child::leaves_within(secs(14)), 15),
        (Child::stubborn(), 16),
    ] {
        let mut hall = Hall::new();
        let mut db = daemon("db");
        db.policy.stop = terminate_within(secs(300));
        hall.add(db, Child::stubborn());
        let mut spec = behind("web", "db");
        spec.policy.stop = terminate_within(secs(20));
        hall.add(spec, web);
        hall.start();
        hall.advance(secs(1));
        hall.stop();
        hall.advance(secs(60));
        assert_eq!(hall.when("web: SIGTERM"), [at(1_000)]);
        assert_eq!(hall.when("db: SIGTERM"), [at(turn * 1_000)]);
        assert_eq!(hall.when("db: SIGKILL"), [at(31_000)]);
    }
}

#[test]
fn a_fault_does_not_end_what_others_still_lean_on() {
    let mut hall = Hall::new();
    let mut db = daemon("db");
    db.policy.activity = Some(Activity {
        timeout: secs(3),
        on_silence: OnFailure::Restart,
    });
    db.policy.checks = vec![Check {
        period: secs(1),
        threshold: 1,
        ..Check::new("http")
    }];
    let failing = Child {
        looks: Some(Err("no".into())),
        ..Child::leaves_within(ms(10))
    };
    hall.add(db, failing);
    hall.add(behind("web", "db"), Child::leaves_within(secs(8)));
    hall.start();
    hall.advance(ms(500));
    hall.stop();
    hall.advance(secs(30));
    let stops = hall.stops.iter().map(|(at, name, _)| (*at, &**name));
    assert_eq!(
        stops.collect::<Vec<_>>(),
        [(at(500), "web"), (at(8_500), "db")]
    );
    assert_eq!(hall.look("db").exits[0].reason, ExitReason::Clean);
}

#[test]
fn a_significant_unit_that_ran_out_of_memory_is_told_as_killed() {
    let mut hall = Hall::new();
    let mut spec = daemon("job");
    spec.significant = true;
    spec.policy.restart.restart = Restart::Never;
    hall.add(spec, Child::steady());
    hall.start();
    hall.advance(secs(1));
    let status = greenroom_supervision::ExitStatus::OutOfMemory;
    hall.exit("job", Exit::Process(status));
    assert_eq!(hall.endings[0].1.exit_code(), 137);
}

// ---- significant units that can never start

fn significant(spec: UnitSpec) -> UnitSpec {
    UnitSpec {
        significant: true,
        ..spec
    }
}

fn never(name: &str) -> UnitSpec {
    let mut spec = daemon(name);
    spec.policy.restart.restart = Restart::Never;
    spec
}

#[test]
fn a_significant_unit_that_can_never_start_ends_everything() {
    for (exit, expected) in [(7, 7), (0, 1)] {
        for between in [false, true] {
            let mut hall = Hall::new();
            let mut migrate = never("migrate");
            let fatal = ExitMatch::Code(exit);
            migrate.policy.restart.exits.fatal = vec![fatal];
            hall.add(migrate, Child::ends(secs(1), code(exit)));
            let done = |name| {
                after(
                    daemon(name),
                    &[("migrate", Condition::CompletedSuccessfully)],
                )
            };
            let web = match between {
                false => done("web"),
                true => {
                    hall.add(done("mid"), Child::steady());
                    behind("web", "mid")
                }
            };
            hall.add(significant(web), Child::steady());
            hall.add(daemon("other"), Child::leaves_within(secs(1)));
            hall.start();
            hall.advance(secs(60));
            let (ended, ending) = &hall.endings[0];
            assert_eq!(*ended, at(2_000));
            assert_eq!(ending.exit_code(), expected);
            assert!(matches!(
                &ending.cause,
                EndCause::NeverStarted { unit, exit } if unit == "web" && exit.name == "migrate"
            ));
            assert!(
                hall.why("other")
                    .starts_with("everything was stopped: web cannot start: migrate exited")
            );
        }
    }
}

#[test]
fn a_significant_unit_whose_dependency_was_stopped_with_its_group_ends_everything() {
    let mut hall = Hall::new();
    let group = Group::new("team", Strategy::OneForAll);
    hall.supervisor.add_group(group).unwrap();
    let member = |spec| UnitSpec {
        group: Some("team".into()),
        ..spec
    };
    let mut db = member(daemon("db"));
    db.policy.readiness = Readiness::Told;
    hall.add(db, Child::steady());
    hall.add(member(never("bad")), Child::ends(secs(1), code(9)));
    hall.add(significant(behind("web", "db")), Child::steady());
    hall.start();
    hall.advance(secs(60));
    assert_eq!(hall.endings[0].1.exit_code(), 9);
}

#[test]
fn one_that_may_still_start_or_whose_dependency_a_person_stopped_ends_nothing() {
    // It is retried.
    let mut retried = daemon("db");
    retried.policy.restart.max_restarts = Some(0);
    retried.policy.restart.retry_after = Some(secs(600));
    retried.policy.readiness = Readiness::Told;
    let mut hall = Hall::new();
    hall.add(retried, Child::ends(secs(1), code(1)));
    hall.add(significant(behind("web", "db")), Child::steady());
    hall.start();
    hall.advance(secs(10));
    assert_eq!(hall.states(), "db failed, web waiting");
    assert_eq!(hall.endings.len(), 0);
    // A person wants it no more.
    hall.stop_unit("db");
    hall.advance(secs(3_600));
    assert_eq!(hall.states(), "db failed, web waiting");
    assert_eq!(hall.endings.len(), 0);

    let mut hall = Hall::new();
    let mut slow = daemon("db");
    slow.policy.readiness = Readiness::Told;
    hall.add(slow, Child::steady());
    hall.add(significant(behind("web", "db")), Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("db");
    hall.advance(secs(60));
    assert_eq!(hall.states(), "db stopped, web waiting");
    assert_eq!(hall.endings.len(), 0);
}
