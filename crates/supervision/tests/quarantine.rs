//! Jobs that kill their workers are refused once enough different workers have died of them.
//! `Crew` holds every action against what it was told: a quarantined key never gets a place, and no
//! other is refused for its key.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crew;

use std::time::Duration;

use crew::{Crew, Starts, crashed, policy, secs};
use greenroom_supervision::pool::{PoolNotice, Refusal, RequestId};
use greenroom_supervision::{ExitReason, PoolPolicy, WorkerId};

/// Workers that run any number of jobs.
fn reused(idle: usize) -> PoolPolicy {
    PoolPolicy {
        jobs_per_worker: None,
        ..policy(idle)
    }
}

fn crew(after: u32) -> Crew {
    crew_with(PoolPolicy {
        quarantine_after: Some(after),
        ..reused(2)
    })
}

/// Workers that run two jobs at a time.
fn crew_with(policy: PoolPolicy) -> Crew {
    let mut crew = Crew::with(policy, |crew| crew.starts = Starts::Ready { slots: 2 });
    crew.run_for(secs(1));
    crew
}

/// Gives a job with this key to a worker.
fn run(crew: &mut Crew, key: &str) -> (RequestId, WorkerId) {
    let request = crew.request_with(key).unwrap();
    crew.run_for(secs(1));
    (request, crew.place_of(request).unwrap())
}

/// A worker dies of it.
fn kill(crew: &mut Crew, key: &str) {
    let (_, worker) = run(crew, key);
    crew.dies(worker, &crashed());
    crew.run_for(secs(60));
}

fn refusal(key: &str, died: u32) -> Refusal {
    Refusal::Quarantined {
        key: key.into(),
        died,
        reason: crashed(),
    }
}

fn names(crew: &Crew) -> Vec<String> {
    let keys = crew.pool.quarantined();
    keys.into_iter().map(|it| it.key.to_string()).collect()
}

#[test]
fn a_key_that_three_workers_have_died_of_is_refused() {
    let mut crew = crew_with(reused(2));
    for _ in 0..2 {
        kill(&mut crew, "poison");
        assert_eq!(names(&crew), [""; 0]);
    }
    kill(&mut crew, "poison");
    assert_eq!(crew.request_with("poison"), Err(refusal("poison", 3)));
    assert!(crew.noticed(&PoolNotice::Quarantined {
        key: "poison".into(),
        died: 3,
        reason: crashed(),
    }));
    // Nobody else is.
    crew.request_with("good").unwrap();
    crew.request().unwrap();
}

#[test]
fn what_waits_with_the_key_is_refused_and_what_runs_with_it_is_not() {
    let mut crew = crew_with(PoolPolicy {
        max_workers: 2,
        ..reused(2)
    });
    crew.starts = Starts::Fail(crashed());
    for _ in 0..2 {
        let (_, worker) = run(&mut crew, "poison");
        crew.dies(worker, &crashed());
    }
    crew.starts = Starts::Ready { slots: 2 };
    crew.run_for(secs(90));
    let (_, first) = run(&mut crew, "poison");
    let (_, second) = run(&mut crew, "poison");
    run(&mut crew, "good");
    run(&mut crew, "good");
    let waits = crew.request_with("poison").unwrap();
    let good = crew.request_with("good").unwrap();
    assert_ne!(first, second);
    crew.dies(first, &crashed());
    assert_eq!(crew.refusals(), [(waits, refusal("poison", 3))]);
    // Its sister runs on, and what becomes of her lifts nothing.
    crew.succeed(second);
    assert_eq!(names(&crew), ["poison"]);
    crew.run_for(secs(5));
    assert!(crew.place_of(good).is_some());
}

#[test]
fn a_job_that_is_to_run_again_is_refused_too() {
    let mut crew = crew(2);
    kill(&mut crew, "poison");
    let (request, worker) = run(&mut crew, "poison");
    crew.dies(worker, &crashed());
    crew.request_again(request);
    assert_eq!(crew.refusals(), [(request, refusal("poison", 2))]);
}

#[test]
fn two_jobs_with_one_key_in_one_worker_are_one_death() {
    let mut crew = crew_with(PoolPolicy {
        quarantine_after: Some(2),
        max_workers: 1,
        ..reused(1)
    });
    let (_, worker) = run(&mut crew, "twins");
    assert_eq!(run(&mut crew, "twins").1, worker);
    crew.dies(worker, &crashed());
    assert_eq!(names(&crew), [""; 0]);
    assert_eq!(crew.pool.deaths_left(Some("twins")), Some(1));
}

#[test]
fn all_jobs_of_a_worker_that_dies_are_suspects() {
    let mut crew = crew_with(PoolPolicy {
        quarantine_after: Some(1),
        max_workers: 1,
        ..reused(1)
    });
    let (_, worker) = run(&mut crew, "one");
    run(&mut crew, "other");
    crew.dies(worker, &crashed());
    assert_eq!(names(&crew), ["one", "other"]);
}

#[test]
fn a_job_that_ends_well_clears_its_key() {
    let mut crew = crew(3);
    for _ in 0..5 {
        kill(&mut crew, "unlucky");
        kill(&mut crew, "unlucky");
        let (_, worker) = run(&mut crew, "unlucky");
        crew.succeed(worker);
    }
    assert_eq!(crew.pool.deaths_left(Some("unlucky")), Some(3));
}

#[test]
fn a_job_that_fails_neither_clears_nor_counts() {
    let mut crew = crew(2);
    kill(&mut crew, "key");
    let (_, worker) = run(&mut crew, "key");
    crew.release(worker, true);
    assert_eq!(crew.pool.deaths_left(Some("key")), Some(1));
}

#[test]
fn a_released_key_runs_again_and_is_counted_anew() {
    let mut crew = crew(2);
    assert!(!crew.release_key("poison"));
    for _ in 0..3 {
        kill(&mut crew, "poison");
        kill(&mut crew, "poison");
        assert_eq!(crew.request_with("poison"), Err(refusal("poison", 2)));
        assert!(crew.release_key("poison"));
        assert!(!crew.release_key("poison"));
        assert!(crew.noticed(&PoolNotice::Released {
            key: "poison".into()
        }));
    }
}

#[test]
fn deaths_that_somebody_has_asked_for_do_not_count() {
    let second = Duration::from_secs(1);
    let asked_for = [
        ExitReason::Clean,
        ExitReason::Requested { by: "you".into() },
        ExitReason::CloseTimeout { after: second },
        ExitReason::JobDeadline {
            job: "another".into(),
            deadline: second,
        },
        ExitReason::CancelIgnored {
            job: "another".into(),
            after: second,
        },
        ExitReason::HostGone,
    ];
    let unexpected = [
        crashed(),
        ExitReason::Code { code: 0 },
        ExitReason::Code { code: 1 },
        ExitReason::OutOfMemory,
        ExitReason::PingTimeout {
            last_rtt: None,
            silent_for: second,
        },
        ExitReason::MemoryLimit { rss: 2, limit: 1 },
        ExitReason::ProtocolViolation {
            requirement: "GR-5.2-1",
            detail: "a pong".into(),
        },
        ExitReason::Disconnected,
    ];
    let counts = |reason: &ExitReason| {
        let mut crew = crew(2);
        let (_, worker) = run(&mut crew, "key");
        crew.pool
            .handle_died_of(crew.now, worker, &"key".into(), reason);
        crew.pool.deaths_left(Some("key")) == Some(1)
    };
    for reason in asked_for {
        assert!(!counts(&reason), "{reason:?}");
    }
    for reason in unexpected {
        assert!(counts(&reason), "{reason:?}");
    }
}

#[test]
fn a_pool_that_closes_blames_nobody() {
    let mut crew = crew(1);
    let (_, worker) = run(&mut crew, "key");
    crew.close();
    crew.dies(worker, &crashed());
    assert_eq!(names(&crew), [""; 0]);
}

#[test]
fn so_many_keys_are_remembered_and_those_in_quarantine_go_last() {
    let mut crew = crew_with(PoolPolicy {
        quarantine_after: Some(2),
        quarantine_keys: 3,
        ..reused(2)
    });
    for key in ["poison", "poison", "a", "b", "c"] {
        kill(&mut crew, key);
    }
    // One of the suspects was forgotten, the one that was quiet longest.
    let left = |crew: &Crew, key| crew.pool.deaths_left(Some(key)).unwrap();
    let all = ["poison", "a", "b", "c"].map(|key| left(&crew, key));
    assert_eq!(all, [0, 2, 1, 1]);
    // When all are in quarantine, the first one has to go, and that is told.
    for key in ["b", "c", "d"] {
        kill(&mut crew, key);
    }
    assert_eq!(names(&crew), ["b", "c"]);
    assert!(crew.noticed(&PoolNotice::Released {
        key: "poison".into()
    }));
    assert_eq!(left(&crew, "d"), 1);
}

#[test]
fn a_pool_may_have_no_quarantine() {
    let mut crew = crew_with(PoolPolicy {
        quarantine_after: None,
        ..reused(2)
    });
    for _ in 0..10 {
        kill(&mut crew, "poison");
    }
    assert_eq!(crew.pool.deaths_left(Some("poison")), None);
    crew.request_with("poison").unwrap();
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let check = |after, keys| {
        let policy = PoolPolicy {
            quarantine_after: after,
            quarantine_keys: keys,
            ..reused(1)
        };
        policy.check().map_err(|error| error.to_string())
    };
    for after in [0, 101] {
        let error = check(Some(after), 1).unwrap_err();
        assert!(error.contains("use None for no quarantine"), "{error}");
    }
    for keys in [0, 65_537] {
        let error = check(Some(3), keys).unwrap_err();
        assert!(error.contains("1 to 65536"), "{error}");
    }
    check(Some(100), 65_536).unwrap();
    check(None, 1).unwrap();
}
