//! Units that live and die together.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::restart::{ExitClass, Restart};
use greenroom_supervision::supervisor::{EndCause, Escalation, Group, Strategy};
use greenroom_supervision::unit::{Condition, UnitSpec, UnitState};
use hall::{Child, Hall, after, at, code, daemon, ms, secs};

fn member(name: &str) -> UnitSpec {
    UnitSpec {
        group: Some("team".into()),
        ..daemon(name)
    }
}

/// A group of a, b and c, which take 100 ms to leave.
fn team(group: Group) -> Hall {
    let mut hall = Hall::new();
    hall.supervisor.add_group(group).unwrap();
    for name in ["a", "b", "c"] {
        hall.add(member(name), Child::leaves_within(ms(100)));
    }
    hall.add(daemon("other"), Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall
}

fn of(strategy: Strategy) -> Group {
    Group::new("team", strategy)
}

#[test]
fn one_for_all_ends_all_and_starts_all_together() {
    let mut hall = team(of(Strategy::OneForAll));
    hall.exit("b", code(1));
    assert_eq!(
        hall.states(),
        "a stopping, b backoff, c stopping, other ready"
    );
    assert!(
        hall.why("a")
            .ends_with(": its group restarts, because b ended")
    );
    hall.advance(secs(10));
    assert_eq!(hall.states(), "a ready, b ready, c ready, other ready");
    let restarts = hall.starts[4..].to_vec();
    let names: Vec<_> = restarts.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(
        restarts.iter().all(|(at, _)| *at == restarts[0].0),
        "together"
    );
    let exit = hall.look("a").exits[0].clone();
    let culprit = "b".into();
    assert_eq!(exit.reason, ExitReason::GroupRestart { culprit });
    assert_eq!(exit.class, ExitClass::Success);
    // The culprit's end counts against it; what the others have suffered does not.
    assert_eq!(
        (hall.look("b").restarts, hall.look("b").restarts_in_window),
        (1, 1)
    );
    assert_eq!(
        (hall.look("a").restarts, hall.look("a").restarts_in_window),
        (1, 0)
    );
    assert_eq!(hall.when("a: restarts with b").len(), 1);
}

#[test]
fn rest_for_one_leaves_those_before_alone() {
    let mut hall = team(of(Strategy::RestForOne));
    hall.exit("b", code(1));
    assert_eq!(hall.states(), "a ready, b backoff, c stopping, other ready");
    hall.advance(secs(10));
    assert_eq!(hall.starts.len(), 6);
    assert_eq!(hall.starts_of("a").len(), 1);
}

#[test]
fn one_for_one_concerns_one() {
    let mut hall = team(of(Strategy::OneForOne));
    hall.exit("b", code(1));
    assert_eq!(hall.states(), "a ready, b backoff, c ready, other ready");
}

#[test]
fn all_wait_until_the_last_is_gone() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    hall.add(member("a"), Child::steady());
    hall.add(member("b"), Child::leaves_within(secs(5)));
    hall.start();
    hall.advance(secs(1));
    hall.exit("a", code(1));
    hall.advance(secs(4));
    assert_eq!(hall.states(), "a backoff, b stopping");
    assert_eq!(
        hall.why("a"),
        "exited with code 1; restart 1 of 5 as soon as the others of its group are gone"
    );
    hall.advance(secs(1));
    assert_eq!(hall.states(), "a ready, b ready");
    assert_eq!(hall.starts[2].0, at(6_000));
}

#[test]
fn members_end_after_those_that_need_them() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    hall.add(member("db"), Child::leaves_within(ms(10)));
    let needs = |name, needed| after(member(name), &[(needed, Condition::Ready)]);
    hall.add(needs("web", "db"), Child::leaves_within(ms(500)));
    hall.add(needs("edge", "web"), Child::leaves_within(ms(500)));
    hall.add(member("bad"), Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.exit("bad", code(1));
    hall.advance(secs(5));
    let stops: Vec<_> = hall
        .stops
        .iter()
        .map(|(at, name, _)| (*at, &**name))
        .collect();
    assert_eq!(
        stops,
        [(at(1_000), "edge"), (at(1_500), "web"), (at(2_000), "db")]
    );
    assert_eq!(hall.states(), "db ready, web ready, edge ready, bad ready");
    let names: Vec<_> = hall.starts[4..].iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["db", "bad", "web", "edge"]);
}

#[test]
fn members_that_do_not_run_are_left_alone() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    hall.add(member("done"), Child::ends(ms(10), code(0)));
    let mut spec = member("failed");
    spec.policy.restart.restart = Restart::Never;
    // It fails before the group would be stopped for it.
    let mut isolated = of(Strategy::OneForAll);
    isolated.escalation = Escalation::Isolate;
    isolated.name = "isolated".into();
    hall.supervisor.add_group(isolated).unwrap();
    spec.group = Some("isolated".into());
    hall.add(spec, Child::ends(ms(10), code(1)));
    for name in ["a", "b", "off"] {
        let mut spec = member(name);
        spec.group = Some("isolated".into());
        hall.add(spec, Child::steady());
    }
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("off");
    hall.advance(secs(1));
    hall.exit("a", code(1));
    hall.advance(secs(10));
    assert_eq!(
        hall.states(),
        "done completed, failed failed, a ready, b ready, off stopped"
    );
    assert_eq!(hall.starts_of("failed").len(), 1);
    assert_eq!(hall.starts_of("b").len(), 2);
}

#[test]
fn another_death_meanwhile_changes_nothing() {
    let mut hall = team(of(Strategy::OneForAll));
    hall.exit("b", code(1));
    hall.exit("a", code(9));
    hall.exit("c", hall::signal(11));
    hall.advance(secs(10));
    assert_eq!(hall.starts.len(), 7);
    assert_eq!(hall.look("a").restarts, 1);
    assert_eq!(hall.look("a").restarts_in_window, 0);
}

#[test]
fn an_earlier_death_during_a_restart_joins_it() {
    let mut hall = team(of(Strategy::RestForOne));
    hall.exit("c", code(1));
    hall.exit("a", code(1));
    assert_eq!(
        hall.states(),
        "a backoff, b stopping, c backoff, other ready"
    );
    hall.advance(secs(10));
    assert_eq!(hall.states(), "a ready, b ready, c ready, other ready");
    assert_eq!(hall.starts.len(), 7);
}

#[test]
fn a_person_takes_a_member_out_of_the_restart() {
    let mut hall = team(of(Strategy::OneForAll));
    hall.exit("b", code(1));
    hall.stop_unit("b");
    hall.stop_unit("c");
    hall.advance(secs(10));
    assert_eq!(hall.states(), "a ready, b stopped, c stopped, other ready");
    hall.restart_unit("a");
    hall.start_unit("b");
    hall.advance(secs(1));
    assert_eq!(hall.states(), "a ready, b ready, c stopped, other ready");
}

#[test]
fn a_group_that_restarts_too_often_is_given_up() {
    for escalation in [
        Escalation::Isolate,
        Escalation::StopGroup,
        Escalation::Shutdown,
    ] {
        let mut hall = Hall::new();
        let group = Group {
            escalation,
            max_restarts: Some(3),
            ..of(Strategy::OneForAll)
        };
        hall.supervisor.add_group(group).unwrap();
        // They fall in turn, so that none exhausts its own limit.
        hall.add_script(member("a"), |it| match it % 2 {
            0 => Child::ends(secs(1), code(1)),
            _ => Child::steady(),
        });
        hall.add_script(member("b"), |it| match it % 2 {
            1 => Child::ends(secs(1), code(2)),
            _ => Child::steady(),
        });
        hall.add(daemon("other"), Child::steady());
        hall.start();
        hall.advance(secs(600));
        let states = match escalation {
            Escalation::Isolate => "a ready, b failed, other ready",
            Escalation::StopGroup => "a stopped, b failed, other ready",
            Escalation::Shutdown => "a stopped, b failed, other stopped",
        };
        assert_eq!(hall.states(), states);
        assert_eq!(hall.starts_of("a").len(), 4);
        assert_eq!(
            hall.why("b"),
            "its group team has restarted 3 times within 10m, the last end: exited with code 2"
        );
        let gave_up = hall.when("group team gave up: b").len();
        assert_eq!(gave_up, usize::from(escalation != Escalation::Isolate));
        if escalation == Escalation::StopGroup {
            assert_eq!(
                hall.why("a"),
                "its group team gave up, because b has failed"
            );
            assert!(!hall.look("a").healthy);
        }
        if escalation == Escalation::Shutdown {
            let (_, ending) = &hall.endings[0];
            assert_eq!(ending.exit_code(), 2);
            let cause = &ending.cause;
            assert!(matches!(cause, EndCause::GroupGaveUp { group, .. } if group == "team"));
        } else {
            assert_eq!(hall.endings.len(), 0);
        }
    }
}

#[test]
fn a_member_that_is_given_up_takes_its_group_along_under_every_strategy() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        let group = Group {
            escalation: Escalation::StopGroup,
            ..of(strategy)
        };
        let mut hall = team(group);
        hall.stop_unit("c");
        hall.advance(secs(1));
        let mut spec = member("bad");
        spec.policy.restart.exits.fatal = vec![greenroom_supervision::restart::ExitMatch::Code(78)];
        hall.add(spec, Child::ends(secs(1), code(78)));
        hall.start_unit("bad");
        hall.advance(secs(5));
        assert_eq!(
            hall.states(),
            "a stopped, b stopped, c stopped, other ready, bad failed",
            "{strategy:?}"
        );
        assert_eq!(hall.why("c"), "was stopped: a person");
    }
}

#[test]
fn a_retry_brings_back_what_was_stopped_with_it() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    for name in ["a", "off"] {
        hall.add(member(name), Child::steady());
    }
    let mut spec = member("bad");
    spec.policy.restart.retry_after = Some(secs(3_600));
    hall.add_script(spec, |it| match it {
        0..6 => Child::ends(ms(10), code(1)),
        _ => Child::steady(),
    });
    hall.start();
    hall.advance(secs(60));
    assert_eq!(hall.states(), "a stopped, off stopped, bad failed");
    hall.stop_unit("off");
    hall.advance(secs(3_600));
    assert_eq!(hall.states(), "a ready, off stopped, bad ready");
}

#[test]
fn a_manual_restart_concerns_no_other() {
    let mut hall = team(of(Strategy::OneForAll));
    hall.restart_unit("a");
    hall.advance(secs(10));
    assert_eq!(hall.starts.len(), 5);
    assert_eq!(hall.look("a").restarts, 0);
    assert_eq!(hall.state("a"), UnitState::Ready);
}

#[test]
fn one_that_cannot_be_killed_keeps_its_group_waiting_but_running_no_longer() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    hall.add(member("db"), Child::steady());
    hall.add(
        after(member("web"), &[("db", Condition::Ready)]),
        Child::unkillable(),
    );
    hall.add(member("bad"), Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.exit("bad", code(1));
    hall.advance(secs(60));
    assert_eq!(hall.states(), "db backoff, web stopping, bad backoff");
    hall.exit("web", hall::signal(9));
    hall.advance(secs(1));
    assert_eq!(hall.states(), "db ready, web ready, bad ready");
}

#[test]
fn nothing_starts_on_a_unit_that_is_about_to_end() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    hall.add(member("db"), Child::leaves_within(ms(500)));
    let needs = |spec, needed| after(spec, &[(needed, Condition::Ready)]);
    // It keeps db waiting for its turn to end.
    hall.add(needs(member("web"), "db"), Child::leaves_within(secs(1)));
    hall.add(member("bad"), Child::steady());
    let mut late = needs(daemon("late"), "db");
    late.autostart = false;
    hall.add(late, Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.exit("bad", code(1));
    hall.start_unit("late");
    assert_eq!(
        hall.states(),
        "db ready, web stopping, bad backoff, late waiting"
    );
    assert_eq!(
        hall.why("late"),
        "waits for db to be ready; db is to end once those that start after it are gone: \
         its group restarts, because bad ended"
    );
    hall.advance(secs(5));
    assert_eq!(hall.states(), "db ready, web ready, bad ready, late ready");
}
