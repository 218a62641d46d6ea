//! What cannot work is refused before anything is started, with words that help.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::time::Duration;

use bytes::Bytes;
use greenroom_supervision::restart::{MAX_RESTARTS, Restart, RestartPolicy};
use greenroom_supervision::stop::{StopAction, StopLadder, StopStep};
use greenroom_supervision::supervisor::{Escalation, Group, Strategy, SupervisorPolicy};
use greenroom_supervision::unit::{
    Activity, Check, Condition, Readiness, UnitId, UnitPolicy, UnitSpec, UnitState,
};
use greenroom_supervision::{Backoff, Supervisor, Time};
use hall::{after, daemon, ms, secs};

fn refused(spec: UnitSpec) -> String {
    let mut supervisor = Supervisor::new(Default::default());
    let error = supervisor.add(Time::ZERO, spec).unwrap_err();
    assert!(supervisor.units().is_empty());
    error.to_string()
}

fn with(change: impl FnOnce(&mut UnitPolicy)) -> UnitSpec {
    let mut spec = daemon("web");
    change(&mut spec.policy);
    spec
}

/// Five times the longest delay is 16 s.
fn brief(policy: &mut UnitPolicy, window: Duration) {
    policy.restart.backoff.max = ms(3_200);
    policy.restart.window = window;
}

#[test]
fn a_limit_that_the_backoff_keeps_out_of_reach_is_refused() {
    let window = |window| with(|policy| brief(policy, window));
    assert_eq!(
        refused(window(secs(16))),
        "unit web: window is 16s: it must be more than 16s, which is max_restarts (5) times the \
         longest delay of the backoff (3.2s), or a unit that crashes may be never given up: \
         lengthen it, lower max_restarts, set the longest delay to at most 3.199s, or set \
         max_restarts to none"
    );
    let mut supervisor = Supervisor::new(Default::default());
    let spec = window(secs(16) + Duration::from_nanos(1));
    supervisor.add(Time::ZERO, spec).unwrap();
    // What the advice names fits.
    let mut spec = window(secs(16));
    spec.name = "db".into();
    spec.policy.restart.backoff.max = ms(3_199);
    supervisor.add(Time::ZERO, spec).unwrap();
}

#[test]
fn at_the_boundary_it_is_given_up_even_with_the_longest_delays() {
    // The jitter of some seed comes close to the longest delays; none may escape, not even when
    // the delays have grown before.
    for seed in 0..200 {
        let mut hall = hall::Hall::with(SupervisorPolicy {
            seed,
            ..Default::default()
        });
        let spec = with(|policy| brief(policy, ms(16_001)));
        hall.add_script(spec, |generation| {
            let life = if generation < 9 {
                secs(17)
            } else {
                Duration::ZERO
            };
            hall::Child::ends(life, hall::code(1))
        });
        hall.start();
        hall.advance(secs(600));
        assert_eq!(hall.starts.len(), 9 + 5);
        assert_eq!(hall.state("web"), UnitState::Failed);
    }
}

#[test]
fn one_that_is_never_restarted_or_has_no_limit_needs_none_that_can_be_reached() {
    for (restart, max_restarts) in [(Restart::Never, Some(5)), (Restart::Always, None)] {
        let policy = RestartPolicy {
            restart,
            max_restarts,
            window: secs(1),
            ..RestartPolicy::default()
        };
        policy.check().unwrap();
    }
}

#[test]
fn each_limit_is_refused_in_its_own_words() {
    let step = |action| StopStep {
        action,
        wait: secs(1),
    };
    let ladder = |action| {
        with(|policy| {
            policy.stop = StopLadder {
                steps: vec![step(action)],
            };
        })
    };
    let probe = |period, timeout| Readiness::Probe { period, timeout };
    let check = |change: fn(&mut Check)| {
        with(|policy| {
            let mut check = Check::new("http");
            change(&mut check);
            policy.checks.push(check);
        })
    };
    let activity = Activity {
        timeout: Duration::ZERO,
        on_silence: Default::default(),
    };
    let limits = MAX_RESTARTS + 1;
    let refusals = [
        with(|it| it.restart.window = Duration::ZERO),
        with(|it| it.restart.reset_after = Duration::MAX),
        with(|it| it.restart.retry_after = Some(secs(599))),
        with(|it| it.restart.max_restarts = Some(limits)),
        with(|it| it.restart.backoff.initial = Duration::from_nanos(999)),
        with(|it| it.start_timeout = Duration::ZERO),
        with(|it| it.max_extension = Duration::MAX),
        with(|it| it.readiness = Readiness::Delay(Duration::ZERO)),
        with(|it| it.readiness = Readiness::Delay(secs(30))),
        with(|it| it.readiness = probe(Duration::ZERO, secs(1))),
        with(|it| it.readiness = probe(secs(1), Duration::ZERO)),
        with(|it| it.readiness = probe(secs(30), secs(1))),
        with(|it| it.readiness = probe(secs(1), secs(30))),
        check(|it| it.period = Duration::ZERO),
        check(|it| it.timeout = Duration::ZERO),
        check(|it| it.threshold = 0),
        with(|it| it.activity = Some(activity)),
        with(|it| it.watchdog = Some(Duration::ZERO)),
        with(|it| it.memory_sample = Duration::ZERO),
        with(|it| it.memory_limit = Some(1)),
        with(|it| {
            it.memory_warn = Some(2 << 20);
            it.memory_limit = Some(1 << 20);
        }),
        ladder(StopAction::Kill),
        ladder(StopAction::Signal(0)),
        ladder(StopAction::Signal(65)),
        ladder(StopAction::Write(Bytes::new())),
        with(|it| it.stop.steps[0].wait = Duration::ZERO),
        UnitSpec {
            name: String::new(),
            ..daemon("web")
        },
        daemon("no spaces"),
        daemon(&"x".repeat(65)),
        after(daemon("web"), &[("nobody", Condition::Ready)]),
        after(daemon("web"), &[("web", Condition::Ready)]),
        UnitSpec {
            group: Some("nobody".into()),
            ..daemon("web")
        },
    ];
    let words: Vec<_> = refusals.into_iter().map(refused).collect();
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn names_are_one_space() {
    let mut supervisor = Supervisor::new(Default::default());
    let group = |name: &str| Group::new(name, Strategy::OneForAll);
    supervisor.add_group(group("web")).unwrap();
    supervisor.add(Time::ZERO, daemon("db")).unwrap();
    let taken = "there is a unit or group named web already: give it another name";
    let error = supervisor.add(Time::ZERO, daemon("web")).unwrap_err();
    assert_eq!(error.to_string(), taken);
    let error = supervisor.add_group(group("web")).unwrap_err();
    assert_eq!(error.to_string(), taken);
    assert!(supervisor.add_group(group("db")).is_err());
    assert!(supervisor.add_group(group("")).is_err());
}

#[test]
fn groups_have_limits_too() {
    let mut supervisor = Supervisor::new(Default::default());
    let group = |name: &str, max_restarts, window| Group {
        max_restarts,
        window,
        escalation: Escalation::Isolate,
        ..Group::new(name, Strategy::OneForAll)
    };
    let error = supervisor.add_group(group("a", Some(5), Duration::ZERO));
    assert_eq!(
        error.unwrap_err().to_string(),
        "unit a: window is 0ns: it must be 1 ms to 366 days"
    );
    let error = supervisor.add_group(group("a", Some(MAX_RESTARTS + 1), secs(1)));
    assert!(error.unwrap_err().to_string().contains("at most 10000"));
    // A member without a limit of its own leans on that of its group.
    supervisor
        .add_group(group("g", Some(5), secs(150)))
        .unwrap();
    let mut spec = daemon("web");
    spec.group = Some("g".into());
    spec.policy.restart.max_restarts = None;
    let error = supervisor.add(Time::ZERO, spec.clone()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("unit web: window is 150s: it must be more than 150s")
    );
    spec.policy.restart.max_restarts = Some(5);
    supervisor.add(Time::ZERO, spec.clone()).unwrap();
    // Retries must not undo the group's limit either.
    supervisor
        .add_group(group("h", Some(5), secs(1_200)))
        .unwrap();
    spec.name = "db".into();
    spec.group = Some("h".into());
    spec.policy.restart.retry_after = Some(secs(600));
    let error = supervisor.add(Time::ZERO, spec).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unit db: retry_after is 600s: it must be at least the window, which is 1200s, or the \
         retries undo max_restarts"
    );
}

#[test]
fn a_circle_is_refused_and_named() {
    let mut supervisor = Supervisor::new(Default::default());
    let ready = Condition::Ready;
    let db = supervisor.add(Time::ZERO, daemon("db")).unwrap();
    let specs = [
        after(daemon("mid"), &[("db", ready)]),
        after(daemon("side"), &[("db", ready)]),
        after(daemon("web"), &[("side", ready), ("mid", ready)]),
    ];
    for spec in specs {
        supervisor.add(Time::ZERO, spec).unwrap();
    }
    let changed = after(daemon("db"), &[("web", ready)]);
    let error = supervisor.update(Time::ZERO, db, changed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "units wait for each other in a circle: db -> web -> mid -> db"
    );
    let error = supervisor.remove(db).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unit db cannot be removed: mid, side start after it"
    );
}

#[test]
fn what_runs_is_neither_changed_nor_removed() {
    let mut hall = hall::Hall::new();
    let web = hall.add(daemon("web"), hall::Child::steady());
    hall.start();
    hall.advance(ms(1));
    let error = hall.supervisor.remove(web).unwrap_err();
    assert_eq!(error.to_string(), "unit web is ready: stop it first");
    assert!(
        hall.supervisor
            .update(hall.now, web, daemon("web"))
            .is_err()
    );
    hall.stop_unit("web");
    hall.advance(ms(1));
    let error = hall.supervisor.update(hall.now, web, daemon("db"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "unit web cannot be renamed to db: remove it and add another"
    );
    hall.supervisor
        .update(hall.now, web, daemon("web"))
        .unwrap();
    hall.supervisor.remove(web).unwrap();
    assert_eq!(hall.supervisor.find("web"), None);
    let gone = hall.supervisor.start_unit(hall.now, web).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "there is no unit number 0: it may have been removed"
    );
    // Its number is not given again.
    let next = hall.supervisor.add(hall.now, daemon("web")).unwrap();
    assert_eq!(next, UnitId(1));
}

#[test]
fn a_backoff_longer_than_the_window_is_out_of_reach_even_for_one_restart() {
    let policy = RestartPolicy {
        max_restarts: Some(1),
        window: secs(10),
        backoff: Backoff {
            initial: secs(10),
            max: secs(10),
        },
        ..RestartPolicy::default()
    };
    assert!(policy.check().is_err());
    let policy = RestartPolicy {
        max_restarts: Some(0),
        ..policy
    };
    policy.check().unwrap();
}

#[test]
fn a_shutdown_takes_some_time_but_not_for_ever() {
    let policy = |shutdown_timeout| SupervisorPolicy {
        shutdown_timeout,
        ..SupervisorPolicy::default()
    };
    SupervisorPolicy::default().check().unwrap();
    policy(ms(1)).check().unwrap();
    assert_eq!(
        policy(Duration::ZERO).check().unwrap_err().to_string(),
        "shutdown_timeout is 0ns: it must be 1 ms to 366 days"
    );
    assert!(policy(Duration::MAX).check().is_err());
}

#[test]
fn a_group_is_changed_and_removed_only_as_its_members_allow() {
    let mut supervisor = Supervisor::new(Default::default());
    let group = |max_restarts, window| Group {
        max_restarts,
        window,
        ..Group::new("team", Strategy::OneForAll)
    };
    let now = Time::ZERO;
    let gone = "there is no group named team: it may have been removed";
    let error = supervisor.update_group(now, group(Some(5), secs(600)));
    assert_eq!(error.unwrap_err().to_string(), gone);
    let error = supervisor.remove_group("team");
    assert_eq!(error.unwrap_err().to_string(), gone);
    supervisor.add_group(group(Some(5), secs(600))).unwrap();
    let mut spec = daemon("web");
    spec.group = Some("team".into());
    spec.policy.restart.max_restarts = None;
    let web = supervisor.add(now, spec).unwrap();
    let error = supervisor.update_group(now, group(Some(5), Duration::ZERO));
    assert_eq!(
        error.unwrap_err().to_string(),
        "unit team: window is 0ns: it must be 1 ms to 366 days"
    );
    let error = supervisor.update_group(now, group(Some(5), secs(150)));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("unit web: window is 150s: it must be more than 150s")
    );
    supervisor
        .update_group(now, group(Some(4), secs(150)))
        .unwrap();
    let error = supervisor.remove_group("team");
    assert_eq!(
        error.unwrap_err().to_string(),
        "group team cannot be removed: web belong to it; move or remove them first"
    );
    supervisor.remove(web).unwrap();
    supervisor.remove_group("team").unwrap();
    assert!(supervisor.add_group(group(None, secs(1))).is_ok());
}
