//! Who waits for whom, and until when.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use greenroom_supervision::restart::{Restart, RestartPolicy};
use greenroom_supervision::unit::{Condition, Readiness, UnitSpec, UnitState};
use hall::{Child, Hall, after, at, code, daemon, ms, restarting, secs};

const CONDITIONS: [Condition; 4] = [
    Condition::Started,
    Condition::Ready,
    Condition::Completed,
    Condition::CompletedSuccessfully,
];

fn never(spec: UnitSpec) -> UnitSpec {
    let policy = RestartPolicy {
        restart: Restart::Never,
        ..RestartPolicy::default()
    };
    restarting(spec, policy)
}

/// When something that waits for `db` like this starts.
fn start_behind(condition: Condition, db: Child) -> Option<greenroom_supervision::Time> {
    let mut hall = Hall::new();
    let mut spec = never(daemon("db"));
    spec.policy.readiness = Readiness::Told;
    hall.add(spec, db);
    hall.add(after(daemon("web"), &[("db", condition)]), Child::steady());
    hall.start();
    hall.advance(secs(20));
    hall.starts_of("web").first().copied()
}

#[test]
fn each_condition_is_met_by_what_it_says_and_by_nothing_before() {
    let child = |exit| Child {
        spawn: Some(secs(1)),
        says_ready: Some(secs(1)),
        ..Child::ends(secs(4), code(exit))
    };
    // Spawned after 1 s, ready after 2 s, ended after 5 s.
    let starts = |exit| CONDITIONS.map(|it| start_behind(it, child(exit)));
    let s = |secs: u64| Some(at(secs * 1_000));
    assert_eq!(starts(0), [s(1), s(2), s(5), s(5)]);
    assert_eq!(starts(1), [s(1), s(2), s(5), None]);
    // One that completes without having been ready is as good as ready.
    let brief = |exit| Child::ends(secs(3), code(exit));
    let starts = |exit| CONDITIONS.map(|it| start_behind(it, brief(exit)));
    assert_eq!(starts(0), [s(0), s(3), s(3), s(3)]);
    assert_eq!(starts(1), [s(0), None, s(3), None]);
}

#[test]
fn what_it_waits_for_is_said_once_and_in_words() {
    let mut hall = Hall::new();
    hall.add(never(daemon("db")), Child::ends(secs(1), code(1)));
    let ready = Condition::Ready;
    let mut late = daemon("cache");
    late.policy.readiness = Readiness::Delay(secs(2));
    hall.add(late, Child::steady());
    let mut spec = daemon("migrate");
    spec.autostart = false;
    hall.add(spec, Child::ends(secs(1), code(0)));
    let needed = [
        ("db", Condition::CompletedSuccessfully),
        ("cache", ready),
        ("migrate", Condition::CompletedSuccessfully),
    ];
    hall.add(after(daemon("web"), &needed), Child::steady());
    hall.start();
    assert_eq!(hall.when("web: waits for db, cache, migrate"), [at(0)]);
    assert_eq!(
        hall.why("web"),
        "waits for db to complete; waits for cache to be ready; \
         waits for migrate to complete; migrate is stopped: was not started yet"
    );
    hall.advance(secs(3));
    assert_eq!(
        hall.why("web"),
        "waits for db to complete; \
         db has failed: exited with code 1; it is never restarted; \
         waits for migrate to complete; migrate is stopped: was not started yet"
    );
    assert_eq!(hall.when("web: waits for db, cache, migrate").len(), 1);
    assert!(!hall.look("web").healthy);
}

#[test]
fn it_starts_once_a_dependency_that_had_failed_is_well_again() {
    let mut hall = Hall::new();
    let child = |it| match it {
        0 => Child::ends(ms(10), code(1)),
        _ => Child::steady(),
    };
    hall.add_script(never(daemon("db")), child);
    hall.add(
        after(daemon("web"), &[("db", Condition::Ready)]),
        Child::steady(),
    );
    hall.start();
    hall.advance(secs(1));
    // It was ready for a moment, so that web has started.
    assert_eq!(hall.states(), "db failed, web ready");
    hall.restart_unit("web");
    assert_eq!(hall.states(), "db failed, web stopping");
    hall.advance(secs(1));
    assert_eq!(hall.states(), "db failed, web waiting");
    hall.start_unit("db");
    hall.advance(ms(1));
    assert_eq!(hall.states(), "db ready, web ready");
}

#[test]
fn a_restart_waits_for_what_a_first_start_waits_for() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::steady());
    hall.add(
        after(daemon("web"), &[("db", Condition::Ready)]),
        Child::steady(),
    );
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("db");
    hall.advance(secs(1));
    assert_eq!(hall.states(), "db stopped, web ready");
    hall.exit("web", code(1));
    hall.advance(secs(1));
    assert_eq!(hall.states(), "db stopped, web waiting");
    assert_eq!(
        hall.why("web"),
        "waits for db to be ready; db is stopped: was stopped: a person"
    );
    hall.start_unit("db");
    hall.advance(ms(1));
    assert_eq!(hall.states(), "db ready, web ready");
}

#[test]
fn starting_one_unit_starts_no_other() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::steady());
    hall.add(
        after(daemon("web"), &[("db", Condition::Ready)]),
        Child::steady(),
    );
    hall.start_unit("web");
    hall.advance(secs(1));
    assert_eq!(hall.states(), "db stopped, web waiting");
    // Everything can still be started.
    hall.start();
    hall.advance(ms(1));
    assert_eq!(hall.states(), "db ready, web ready");
}

#[test]
fn units_that_do_not_wait_for_each_other_start_together() {
    let mut hall = Hall::new();
    let slow = Child {
        spawn: Some(secs(1)),
        ..Child::steady()
    };
    for name in ["a", "b"] {
        hall.add(daemon(name), slow.clone());
    }
    let both = [("a", Condition::Ready), ("b", Condition::Ready)];
    hall.add(after(daemon("c"), &both), slow.clone());
    hall.add(after(daemon("d"), &[("a", Condition::Ready)]), slow);
    hall.start();
    hall.advance(secs(5));
    let starts: Vec<_> = hall
        .starts
        .iter()
        .map(|(at, name)| (*at, &**name))
        .collect();
    assert_eq!(
        starts,
        [
            (at(0), "a"),
            (at(0), "b"),
            (at(1_000), "d"),
            (at(1_000), "c")
        ]
    );
}

#[test]
fn what_is_not_to_start_by_itself_is_left_alone() {
    let mut hall = Hall::new();
    let mut spec = daemon("web");
    spec.autostart = false;
    hall.add(spec, Child::steady());
    hall.start();
    hall.advance(secs(1));
    assert_eq!(hall.state("web"), UnitState::Stopped);
    assert_eq!(hall.why("web"), "was not started yet");
    assert_eq!(hall.supervisor.poll_timeout(), None);
}

#[test]
fn one_that_will_be_tried_again_has_not_completed() {
    let mut hall = Hall::new();
    let mut db = daemon("db");
    db.policy.restart.max_restarts = Some(0);
    db.policy.restart.retry_after = Some(secs(600));
    hall.add_script(db, |it| match it {
        0 => Child::ends(ms(10), code(1)),
        _ => Child::steady(),
    });
    let web = after(daemon("web"), &[("db", Condition::Completed)]);
    hall.add(web, Child::steady());
    hall.start();
    hall.advance(secs(601));
    assert_eq!(hall.states(), "db ready, web waiting");
    assert!(hall.starts_of("web").is_empty());
}
