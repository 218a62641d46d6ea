//! Units that live and die together.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::time::Duration;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::restart::{ExitClass, Restart, RestartPolicy};
use greenroom_supervision::supervisor::{EndCause, Escalation, Group, Strategy};
use greenroom_supervision::unit::{Activity, Condition, OnFailure, Readiness, UnitSpec, UnitState};
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

// ---- what a give-up takes with it

#[test]
fn a_group_that_takes_a_significant_member_with_it_ends_everything() {
    // It runs, waits for another, or is about to restart.
    for condition in [Condition::Started, Condition::Completed] {
        let mut hall = Hall::new();
        hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
        let mut bad = member("bad");
        bad.policy.restart.restart = Restart::Never;
        hall.add(member("slow"), Child::steady());
        let mut api = after(member("api"), &[("slow", condition)]);
        api.significant = true;
        hall.add(api, Child::leaves_within(ms(100)));
        hall.add(bad, Child::ends(secs(1), code(3)));
        hall.start();
        hall.advance(secs(5));
        let (_, ending) = &hall.endings[0];
        assert_eq!(ending.exit_code(), 3);
        assert!(matches!(
            &ending.cause,
            EndCause::GroupGaveUp { group, exit } if group == "team" && exit.name == "bad"
        ));
    }
}

#[test]
fn a_significant_member_that_will_come_back_or_was_stopped_before_ends_nothing() {
    for (retried, stopped) in [(true, false), (false, true)] {
        let mut hall = Hall::new();
        hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
        let mut bad = member("bad");
        bad.policy.restart.max_restarts = Some(0);
        bad.policy.restart.retry_after = retried.then_some(secs(600));
        let mut api = member("api");
        api.significant = true;
        hall.add(api, Child::leaves_within(secs(3)));
        hall.add_script(bad, |it| match it {
            0 => Child::ends(secs(1), code(3)),
            _ => Child::steady(),
        });
        hall.start();
        if stopped {
            hall.stop_unit("api");
        }
        hall.advance(secs(5));
        assert_eq!(hall.states(), "api stopped, bad failed");
        hall.advance(secs(600));
        assert_eq!(hall.endings.len(), 0);
        if retried {
            assert_eq!(hall.states(), "api ready, bad ready");
        }
    }
}

/// A group of one_for_one that is stopped with each member that is given up.
fn stopped_together() -> Hall {
    let mut hall = Hall::new();
    let group = Group {
        escalation: Escalation::StopGroup,
        ..of(Strategy::OneForOne)
    };
    hall.supervisor.add_group(group).unwrap();
    hall
}

fn retried(name: &str, max_restarts: u32, window: Duration, retry_after: Duration) -> UnitSpec {
    let mut spec = member(name);
    spec.policy.restart = RestartPolicy {
        max_restarts: Some(max_restarts),
        window,
        retry_after: Some(retry_after),
        ..RestartPolicy::default()
    };
    spec
}

#[test]
fn a_retry_empties_only_its_own_counts() {
    for (max_restarts, life) in [(5, secs(2)), (0, secs(86_400))] {
        let mut hall = stopped_together();
        let mut dragged = member("dragged");
        dragged.policy.restart.max_restarts = Some(max_restarts);
        dragged.policy.restart.window = secs(3_600);
        hall.add(dragged, Child::ends(life, code(1)));
        let culprit = retried("culprit", 1, secs(60), secs(60));
        hall.add(culprit, Child::ends(secs(4), code(1)));
        hall.start();
        hall.advance(secs(3_599));
        let starts = hall.starts_of("dragged").len();
        assert!(starts <= max_restarts as usize + 1, "{starts}");
        match max_restarts {
            // It has crashed too often itself.
            5 => assert_eq!(hall.states(), "dragged failed, culprit stopped"),
            _ => assert!(hall.starts_of("culprit").len() > 20),
        }
    }
}

#[test]
fn one_whose_window_has_no_room_comes_back_when_it_has() {
    let mut hall = stopped_together();
    let mut dragged = member("dragged");
    dragged.policy.restart.max_restarts = Some(2);
    dragged.policy.restart.window = secs(1_000);
    hall.add_script(dragged, |it| match it {
        0 | 1 => Child::ends(secs(10), code(1)),
        _ => Child::steady(),
    });
    let culprit = retried("culprit", 0, secs(60), secs(60));
    hall.add_script(culprit, |it| match it {
        0 => Child::ends(secs(100), code(1)),
        _ => Child::steady(),
    });
    hall.start();
    hall.advance(secs(160));
    assert_eq!(hall.states(), "dragged backoff, culprit ready");
    assert_eq!(
        hall.why("dragged"),
        "culprit of its group is tried again; restarts with it in 14m 10s"
    );
    // The first restart was at 10 s.
    hall.advance(secs(849));
    assert_eq!(hall.starts_of("dragged").len(), 3);
    hall.advance(secs(2));
    assert_eq!(hall.starts_of("dragged")[3], at(1_010_000));
    assert_eq!(hall.states(), "dragged ready, culprit ready");
}

#[test]
fn one_that_is_still_leaving_when_the_retry_comes_comes_back_too() {
    let mut hall = stopped_together();
    let mut slow = member("slow");
    slow.policy.stop = hall::terminate_within(secs(300));
    hall.add(slow, Child::leaves_within(secs(100)));
    let culprit = retried("culprit", 0, secs(60), secs(60));
    hall.add_script(culprit, |it| match it {
        0 => Child::ends(secs(1), code(1)),
        _ => Child::steady(),
    });
    hall.start();
    hall.advance(secs(62));
    assert_eq!(hall.states(), "slow stopping, culprit ready");
    hall.advance(secs(40));
    assert_eq!(hall.states(), "slow ready, culprit ready");
}

#[test]
fn a_person_who_starts_the_culprit_does_what_its_retry_would_have_done() {
    for by_restart in [false, true] {
        let mut hall = stopped_together();
        let culprit = retried("culprit", 0, secs(600), secs(600));
        hall.add_script(culprit, |it| match it {
            0 => Child::ends(secs(1), code(1)),
            _ => Child::steady(),
        });
        hall.add(member("other"), Child::steady());
        hall.start();
        hall.advance(secs(5));
        assert_eq!(hall.states(), "culprit failed, other stopped");
        match by_restart {
            true => hall.restart_unit("culprit"),
            false => hall.start_unit("culprit"),
        }
        hall.advance(secs(1));
        assert_eq!(hall.states(), "culprit ready, other ready");
        assert_eq!(hall.look("culprit").restarts, 0, "a person's start is none");
        hall.advance(secs(5_000));
        assert_eq!(hall.starts.len(), 4);
    }
}

#[test]
fn a_final_give_up_leaves_no_retry_behind() {
    let mut hall = stopped_together();
    let early = retried("early", 0, secs(600), secs(600));
    hall.add_script(early, |it| match it {
        0 => Child::ends(secs(1), code(1)),
        _ => Child::steady(),
    });
    let mut last = member("last");
    last.policy.restart.restart = Restart::Never;
    hall.add(last, Child::leaves_within(ms(100)));
    hall.add(member("other"), Child::leaves_within(ms(100)));
    hall.start();
    hall.advance(secs(5));
    hall.start_unit("last");
    hall.advance(secs(5));
    hall.exit("last", code(1));
    hall.advance(secs(1_000));
    assert_eq!(hall.states(), "early failed, last failed, other stopped");
    assert_eq!(hall.look("early").next_start, None);
}

#[test]
fn a_give_up_that_is_retried_puts_earlier_retries_off() {
    let mut hall = stopped_together();
    let once = |it| match it {
        0 => Child::ends(secs(1), code(1)),
        _ => Child::steady(),
    };
    hall.add_script(retried("early", 0, secs(60), secs(60)), once);
    hall.add_script(retried("late", 0, secs(60), secs(600)), |it| match it {
        1 => Child::ends(secs(1), code(1)),
        _ => Child::steady(),
    });
    hall.start();
    hall.advance(secs(5));
    hall.start_unit("late");
    hall.advance(secs(5));
    assert_eq!(hall.states(), "early failed, late failed");
    let next = ["early", "late"].map(|name| hall.look(name).next_start);
    assert_eq!(next[0], next[1]);
    hall.advance(secs(600));
    assert_eq!(hall.states(), "early ready, late ready");
}

#[test]
fn a_member_that_is_taken_out_of_a_group_that_gave_up_stays_stopped() {
    let mut hall = stopped_together();
    let culprit = retried("culprit", 0, secs(600), secs(600));
    hall.add(culprit, Child::ends(secs(1), code(1)));
    hall.add(member("moved"), Child::steady());
    hall.start();
    hall.advance(secs(5));
    let id = hall.id("moved");
    hall.supervisor
        .update(hall.now, id, daemon("moved"))
        .unwrap();
    assert_eq!(
        hall.why("moved"),
        "was stopped: it was taken out of its group, which had given up"
    );
    assert!(hall.look("moved").healthy);
    hall.advance(secs(600));
    assert_eq!(hall.starts_of("moved").len(), 1);
}

#[test]
fn a_group_is_said_to_be_given_up_whenever_its_others_are_stopped() {
    for (escalation, told) in [(Escalation::Isolate, 0), (Escalation::StopGroup, 1)] {
        let mut hall = Hall::new();
        let group = Group {
            escalation,
            ..of(Strategy::OneForAll)
        };
        hall.supervisor.add_group(group).unwrap();
        let mut spec = member("a");
        spec.policy.restart.restart = Restart::Never;
        hall.add(spec, Child::ends(secs(1), code(1)));
        hall.start();
        hall.advance(secs(5));
        assert_eq!(hall.when("group team gave up: a").len(), told);
    }
}

// ---- counts

#[test]
fn stable_uptime_counts_when_another_ends_it_too() {
    let mut hall = Hall::new();
    let group = Group {
        max_restarts: None,
        ..of(Strategy::OneForAll)
    };
    hall.supervisor.add_group(group).unwrap();
    for name in ["a", "b"] {
        let mut spec = member(name);
        spec.policy.restart.max_restarts = None;
        hall.add(spec, Child::steady());
    }
    hall.start();
    hall.advance(secs(1));
    for _ in 0..9 {
        hall.exit("a", code(1));
        hall.advance(secs(31));
    }
    hall.advance(secs(3_600));
    hall.exit("b", code(1));
    hall.advance(secs(31));
    hall.exit("a", code(1));
    let next = hall.look("a").next_start.unwrap();
    assert!(next - hall.now <= ms(200), "{next:?}");
}

#[test]
fn one_that_never_ran_was_never_restarted() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    let mut bad = member("bad");
    bad.policy.readiness = Readiness::Told;
    hall.add(bad, Child::ends(ms(10), code(1)));
    let waits = after(member("waits"), &[("bad", Condition::Ready)]);
    hall.add(waits, Child::steady());
    hall.start();
    hall.advance(secs(1));
    assert!(hall.starts_of("bad").len() > 2);
    let unit = hall.look("waits");
    assert_eq!((unit.generation, unit.restarts), (None, 0));
}

// ---- what people do meanwhile

#[test]
fn one_that_is_started_while_its_group_restarts_starts_with_it() {
    for by_restart in [false, true] {
        for name in ["a", "b"] {
            let mut hall = Hall::new();
            let group = Group {
                max_restarts: Some(1),
                ..of(Strategy::OneForAll)
            };
            hall.supervisor.add_group(group).unwrap();
            hall.add(member("a"), Child::leaves_within(secs(5)));
            hall.add(member("b"), Child::steady());
            hall.start();
            hall.advance(secs(1));
            hall.exit("b", code(1));
            assert_eq!(hall.states(), "a stopping, b backoff");
            match by_restart {
                true => hall.restart_unit(name),
                false => hall.start_unit(name),
            }
            assert_eq!(hall.look("b").restarts_in_window, u32::from(name == "a"));
            hall.advance(secs(10));
            assert_eq!(hall.starts_of("a"), [at(0), at(6_000)]);
            assert_eq!(hall.starts_of("b"), [at(0), at(6_000)]);
            // The group's window was emptied.
            hall.exit("b", code(1));
            hall.advance(secs(10));
            assert_eq!(hall.states(), "a ready, b ready", "{name}");
        }
    }
}

#[test]
fn a_start_ends_the_delay_of_the_whole_restart() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    for name in ["a", "b"] {
        let mut spec = member(name);
        spec.policy.restart.backoff.initial = secs(30);
        hall.add(spec, Child::steady());
    }
    hall.start();
    hall.advance(secs(1));
    hall.exit("b", code(1));
    hall.advance(secs(1));
    assert_eq!(hall.states(), "a backoff, b backoff");
    hall.start_unit("a");
    hall.advance(ms(1));
    assert_eq!(hall.states(), "a ready, b ready");
}

#[test]
fn one_that_leaves_its_group_waits_out_its_delay() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    let mut spec = member("a");
    spec.policy.restart.backoff.initial = secs(30);
    hall.add(spec, Child::steady());
    hall.start();
    hall.advance(secs(1));
    hall.exit("a", code(1));
    let (id, due) = (hall.id("a"), hall.look("a").next_start.unwrap());
    hall.supervisor.update(hall.now, id, daemon("a")).unwrap();
    assert_eq!(hall.look("a").next_start, Some(due));
    hall.advance(secs(60));
    assert_eq!(hall.starts_of("a")[1], due);
}

#[test]
fn a_group_is_changed_while_its_members_run() {
    let mut hall = team(of(Strategy::OneForAll));
    hall.exit("b", code(1));
    // The restart that is under way is not changed.
    let group = of(Strategy::OneForOne);
    hall.supervisor.update_group(hall.now, group).unwrap();
    hall.settle();
    hall.advance(secs(10));
    assert_eq!(hall.states(), "a ready, b ready, c ready, other ready");
    assert_eq!(hall.starts.len(), 7);
    hall.exit("b", code(1));
    assert_eq!(hall.states(), "a ready, b backoff, c ready, other ready");
    hall.advance(secs(10));
    let group = of(Strategy::RestForOne);
    hall.supervisor.update_group(hall.now, group).unwrap();
    hall.exit("b", code(1));
    assert_eq!(hall.states(), "a ready, b backoff, c stopping, other ready");
}

#[test]
fn only_one_that_leaves_still_ends_for_want_of_memory() {
    let mut hall = Hall::new();
    hall.supervisor.add_group(of(Strategy::OneForAll)).unwrap();
    let mut db = member("db");
    db.policy.memory_limit = Some(100 << 20);
    db.policy.watchdog = Some(secs(1));
    db.policy.activity = Some(Activity {
        timeout: secs(3),
        on_silence: OnFailure::Restart,
    });
    hall.add(db, Child::leaves_within(ms(10)));
    let web = after(member("web"), &[("db", Condition::Ready)]);
    hall.add(web, Child::leaves_within(secs(8)));
    hall.add(member("bad"), Child::steady());
    hall.start();
    hall.advance(ms(500));
    hall.exit("bad", code(1));
    hall.tell("db", |it, now, run| it.handle_watchdog_trigger(now, run));
    hall.advance(secs(5));
    assert_eq!(hall.states(), "db ready, web stopping, bad backoff");
    let (rss, limit) = (200 << 20, 100 << 20);
    hall.tell("db", |it, now, run| it.handle_memory(now, run, rss));
    hall.advance(secs(1));
    let exit = hall.look("db").exits[0].clone();
    assert_eq!(exit.reason, ExitReason::MemoryLimit { rss, limit });
    assert_eq!(exit.class, ExitClass::Failure);
    assert_eq!(hall.states(), "db backoff, web stopping, bad backoff");
}
