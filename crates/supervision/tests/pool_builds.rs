//! Workers of another build than the first one of their program: the program was replaced on disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crew;

use crew::{Crew, Starts, crashed, policy, secs, too_slow, worker};
use greenroom_protocol::ShutdownReason;
use greenroom_supervision::pool::{OnChangedBuild, PoolAction, PoolNotice, Refusal};
use greenroom_supervision::{ExitReason, PoolPolicy, WorkerId};

/// A pool whose two workers say that they are of build `one`.
fn crew(on_changed_build: OnChangedBuild) -> Crew {
    let policy = PoolPolicy {
        jobs_per_worker: None,
        on_changed_build,
        ..policy(2)
    };
    let mut crew = Crew::with(policy, |crew| crew.build = "one");
    crew.run_for(secs(1));
    crew
}

/// Who was noticed, what they were, and whether they are refused.
fn changes(crew: &Crew) -> Vec<(WorkerId, String, bool)> {
    let change = |action: &PoolAction| match action {
        PoolAction::Notice(PoolNotice::ProgramChanged {
            worker,
            expected,
            found,
            refused,
        }) => {
            assert_eq!(expected, "one");
            Some((*worker, found.clone(), *refused))
        }
        _ => None,
    };
    crew.log
        .iter()
        .filter_map(|(_, action)| change(action))
        .collect()
}

fn replaced() -> ExitReason {
    ExitReason::ProgramChanged {
        expected: "one".into(),
        found: "two".into(),
    }
}

/// Somebody dies, and another is started.
fn succession(crew: &mut Crew) {
    let oldest = *crew.held.keys().next().unwrap();
    crew.dies(oldest, &crashed());
    crew.run_for(secs(61));
}

#[test]
fn another_build_is_noticed_once_and_serves() {
    let mut crew = crew(OnChangedBuild::Warn);
    for build in ["two", "two", "three", "two", "one", "three"] {
        crew.build = build;
        succession(&mut crew);
        assert_eq!(crew.ready_places(), 2);
    }
    let changes = changes(&crew);
    let found: Vec<_> = changes.iter().map(|(_, found, _)| found).collect();
    assert_eq!(found, ["two", "three"]);
    assert!(changes.iter().all(|(_, _, refused)| !refused));
}

#[test]
fn one_that_says_nothing_is_never_compared() {
    for policy in [OnChangedBuild::Warn, OnChangedBuild::Refuse] {
        let mut crew = crew(policy);
        crew.build = "";
        succession(&mut crew);
        succession(&mut crew);
        assert_eq!(crew.ready_places(), 2);
        assert_eq!(changes(&crew), []);
        // Nobody is left who was of build `one`, but it is what the program was.
        crew.build = "two";
        succession(&mut crew);
        assert_eq!(changes(&crew)[0].1, "two");
    }
}

#[test]
fn the_first_that_says_something_sets_what_is_expected() {
    let mut crew = Crew::warm(policy(2));
    for build in ["one", "one", "two"] {
        crew.build = build;
        succession(&mut crew);
    }
    assert_eq!(changes(&crew), [(worker(0, 3), "two".into(), false)]);
}

#[test]
fn another_build_that_is_refused_is_asked_to_leave_and_tried_again_ever_later() {
    let mut crew = crew(OnChangedBuild::Refuse);
    crew.build = "two";
    crew.dies(worker(0, 0), &crashed());
    crew.run_for(secs(1));
    let [(refused, _, true), ..] = changes(&crew)[..] else {
        panic!("{:?}", changes(&crew));
    };
    assert!(
        crew.asked_to_leave()
            .contains(&(refused, ShutdownReason::RETIRED))
    );
    crew.run_for(secs(600));
    // 0.2, 0.4 … 30 s, half of each at least.
    let starts = crew.started_at().len();
    assert!((12..60).contains(&starts), "{starts}");
    // Who is there goes on, and the pool is not degraded.
    assert_eq!(crew.ready_places(), 1);
    assert_eq!(crew.pool.degraded(), None);
    let request = crew.request().unwrap();
    assert_eq!(crew.place_of(request), Some(worker(1, 0)));
}

#[test]
fn once_the_last_good_worker_is_gone_the_pool_says_why_it_has_none() {
    let mut crew = crew(OnChangedBuild::Refuse);
    crew.build = "two";
    crew.dies(worker(0, 0), &crashed());
    crew.run_for(secs(60));
    crew.dies(worker(1, 0), &crashed());
    crew.run_for(secs(60));
    let refusal = crew.request().unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Unavailable { reason, .. } if *reason == replaced()),
        "{refusal:?}"
    );
    let words = refusal.to_string();
    assert!(
        words.contains(
            "is of build \"two\", the pool's is \"one\": the program on disk was replaced"
        ),
        "{words}"
    );
    assert!(words.contains("Pool::reload"), "{words}");

    assert_eq!(crew.reload(), Some(1));
    crew.run_for(secs(60));
    assert!(crew.noticed(&PoolNotice::Recovered));
    assert_eq!(crew.ready_places(), 2);
    crew.request().unwrap();
}

#[test]
fn a_reload_begins_anew() {
    for policy in [OnChangedBuild::Warn, OnChangedBuild::Refuse] {
        let mut crew = crew(policy);
        crew.build = "two";
        crew.reload();
        crew.run_for(secs(60));
        assert_eq!(crew.ready_places(), 2);
        succession(&mut crew);
        assert_eq!(changes(&crew), []);
        assert!(crew.noticed(&PoolNotice::Reloaded { program: 1 }));
    }
}

#[test]
fn one_that_was_asked_to_leave_while_it_started_sets_nothing() {
    let mut crew = crew(OnChangedBuild::Refuse);
    crew.starting = secs(1);
    crew.leaving = secs(5);
    crew.reload();
    // A second reload gives up the first, whose worker gets ready before it has left.
    crew.new_starts = Some(Starts::Fail(too_slow()));
    crew.reload();
    crew.build = "odd";
    crew.run_for(secs(60));
    crew.build = "one";
    succession(&mut crew);
    assert_eq!(changes(&crew), []);
}
