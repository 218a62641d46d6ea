//! When units start again, and when they are given up.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::time::Duration;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::restart::{ExitClass, ExitMatch, Restart, RestartPolicy};
use greenroom_supervision::unit::UnitState;
use hall::{Child, Hall, code, daemon, ms, restarting, secs, signal, spawn_failure};

const LIFETIMES: [Duration; 4] = [ms(10), ms(300), ms(1_200), ms(59_000)];

fn crash_loop(life: Duration) -> Hall {
    let mut hall = Hall::new();
    hall.add(daemon("web"), Child::ends(life, code(1)));
    hall.start();
    hall.advance(secs(3_600));
    hall
}

#[test]
fn a_crash_loop_ends_whatever_its_pace() {
    for life in LIFETIMES {
        let hall = crash_loop(life);
        assert_eq!(hall.state("web"), UnitState::Failed, "{life:?}");
        assert_eq!(hall.starts.len(), 6);
        let failed = hall.when("web: failed")[0].since_origin();
        // Six lives, and between them delays of at least half of 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s.
        let lives = life * 6;
        assert!(
            failed >= lives + ms(3_100) && failed <= lives + ms(6_200),
            "{failed:?}"
        );
        assert!(failed < secs(600), "within the window");
        assert_eq!(
            hall.why("web"),
            "restarted 5 times within 10m, the last end: exited with code 1"
        );
        assert_eq!(hall.look("web").next_start, None);
    }
}

#[test]
fn a_start_that_succeeds_resets_nothing() {
    let hall = crash_loop(ms(1_200));
    let starts = hall.starts_of("web");
    let gaps: Vec<_> = starts
        .windows(2)
        .map(|pair| pair[1] - pair[0] - ms(1_200))
        .collect();
    for (gap, full) in gaps.iter().zip([200, 400, 800, 1_600, 3_200]) {
        assert!(
            *gap >= ms(full) / 2 && *gap <= ms(full),
            "{gap:?} of {full}"
        );
    }
}

#[test]
fn having_been_ready_for_long_resets_the_backoff_and_nothing_else() {
    let mut hall = Hall::new();
    let lives = |generation| match generation {
        0..3 => ms(10),
        3 => secs(60),
        _ => ms(10),
    };
    hall.add_script(daemon("web"), move |it| Child::ends(lives(it), code(1)));
    hall.start();
    hall.advance(secs(3_600));
    let starts = hall.starts_of("web");
    assert_eq!(starts.len(), 6, "the window went on counting");
    assert!(starts[3] - starts[2] >= ms(10 + 400));
    assert!(starts[4] - starts[3] <= secs(60) + ms(200));
    assert!(starts[5] - starts[4] >= ms(10 + 200));
    assert_eq!(hall.look("web").restarts, 5);
}

#[test]
fn one_millisecond_less_than_long_resets_nothing() {
    let mut hall = Hall::new();
    let lives = |it| if it == 3 { ms(59_999) } else { ms(10) };
    hall.add_script(daemon("web"), move |it| Child::ends(lives(it), code(1)));
    hall.start();
    hall.advance(secs(3_600));
    let starts = hall.starts_of("web");
    assert!(starts[4] - starts[3] >= ms(59_999 + 800));
}

#[test]
fn old_restarts_leave_the_window() {
    let mut hall = Hall::new();
    hall.add(daemon("web"), Child::ends(secs(150), code(1)));
    hall.start();
    hall.advance(secs(86_400));
    assert_ne!(hall.state("web"), UnitState::Failed);
    let unit = hall.look("web");
    assert!(
        unit.restarts > 500 && unit.restarts_in_window <= 4,
        "{unit:?}"
    );
    assert_eq!(unit.exits.len(), 10);
}

#[test]
fn a_person_empties_the_window_but_not_the_life() {
    let mut hall = crash_loop(ms(10));
    hall.start_unit("web");
    assert_eq!(hall.look("web").restarts_in_window, 0);
    hall.advance(secs(3_600));
    assert_eq!(hall.starts.len(), 12);
    assert_eq!(hall.look("web").restarts, 10);
}

#[test]
fn a_unit_that_was_given_up_is_tried_again_if_it_is_to_be() {
    let mut hall = Hall::new();
    let policy = RestartPolicy {
        retry_after: Some(secs(1_800)),
        ..RestartPolicy::default()
    };
    let spec = restarting(daemon("web"), policy);
    hall.add(spec, Child::ends(ms(10), code(1)));
    hall.start();
    hall.advance(secs(60));
    let unit = hall.look("web");
    assert_eq!(unit.state, UnitState::Failed);
    let failed = hall.when("web: failed")[0];
    assert_eq!(unit.next_start, Some(failed + secs(1_800)));
    assert!(unit.why.contains("; tried again in 29m"), "{}", unit.why);
    hall.advance(secs(1_800));
    assert_eq!(hall.starts.len(), 12);
    hall.stop_unit("web");
    assert_eq!(hall.look("web").next_start, None);
    hall.advance(secs(86_400));
    assert_eq!(hall.starts.len(), 12);
}

#[test]
fn without_a_limit_it_goes_on() {
    let mut hall = Hall::new();
    let policy = RestartPolicy {
        max_restarts: None,
        ..RestartPolicy::default()
    };
    hall.add(
        restarting(daemon("web"), policy),
        Child::ends(ms(10), code(1)),
    );
    hall.start();
    hall.advance(secs(3_600));
    assert_eq!(hall.state("web"), UnitState::Backoff);
    assert!(hall.starts.len() > 100);
    assert!(hall.why("web").starts_with("exited with code 1; restart "));
}

#[test]
fn the_reason_says_what_was_seen_and_the_class_what_it_means() {
    let mut policy = RestartPolicy {
        restart: Restart::Never,
        ..RestartPolicy::default()
    };
    policy.exits.success = vec![ExitMatch::Code(3), ExitMatch::Signal(15)];
    policy.exits.fatal = vec![ExitMatch::Code(78)];
    for (exit, reason, class) in [
        (code(0), ExitReason::Clean, ExitClass::Success),
        (code(1), ExitReason::Code { code: 1 }, ExitClass::Failure),
        (code(3), ExitReason::Code { code: 3 }, ExitClass::Success),
        (code(78), ExitReason::Code { code: 78 }, ExitClass::Fatal),
        (
            signal(15),
            ExitReason::Signal {
                signal: 15,
                core: false,
            },
            ExitClass::Success,
        ),
    ] {
        let mut hall = Hall::new();
        let spec = restarting(daemon("web"), policy.clone());
        hall.add(spec, Child::ends(secs(1), exit));
        hall.start();
        hall.advance(secs(2));
        let exit = hall.look("web").exits[0].clone();
        assert_eq!((&exit.reason, exit.class), (&reason, class));
        let states: Vec<_> = exit.journey.iter().map(|(state, _)| *state).collect();
        use UnitState::{Ready, Started, Starting};
        assert_eq!(states, [Starting, Started, Ready]);
        assert_eq!(exit.journey[2].1, secs(1));
    }
}

#[test]
fn what_cannot_be_run_is_not_tried_again() {
    for (permanent, starts) in [(true, 1), (false, 6)] {
        let mut hall = Hall::new();
        let child = Child {
            refused: Some(spawn_failure(permanent)),
            ..Child::steady()
        };
        hall.add(daemon("web"), child);
        hall.start();
        hall.advance(secs(600));
        assert_eq!(hall.starts.len(), starts);
        assert_eq!(hall.state("web"), UnitState::Failed);
    }
}
