//! Workers are replaced while jobs run: by age, by memory, and by a reload. No job is lost by it,
//! and there are never fewer ready workers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use greenroom::{
    Due, EventKind, ExitReason, Notice, Pool, PoolBuilder, PoolNotice, ReloadError, Worker,
    WorkerId,
};
use greenroom_tests::{Story, begun, job, text, within};

const MINUTES: Duration = Duration::from_secs(600);

fn puppet(program: &str) -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet")).user_arguments(program.to_owned())
}

/// Two workers that take any number of jobs, of a program that calls itself `one`.
fn pool() -> PoolBuilder {
    Pool::builder(puppet("one"))
        .idle(2)
        .max_workers(4)
        .jobs_per_worker(None)
        .linger(MINUTES)
}

/// Which program does a job now.
async fn program(pool: &Pool) -> String {
    let handle = within(20, pool.launch(job("describe"))).await.unwrap();
    let output = within(20, handle.output()).await.unwrap();
    let mut lines = text(&output).lines();
    let line = lines.find_map(|line| line.strip_prefix("arguments="));
    line.unwrap().to_owned()
}

/// Looks every few milliseconds how many workers are ready and have not been asked to leave, while
/// something happens; the fewest.
async fn fewest_ready<T>(pool: &Pool, happens: impl Future<Output = T>) -> (usize, T) {
    let mut happens = std::pin::pin!(happens);
    let mut fewest = usize::MAX;
    loop {
        let stats = pool.stats().await;
        fewest = fewest.min(stats.idle + stats.busy);
        let pause = tokio::time::sleep(Duration::from_millis(3));
        tokio::select! {
            result = &mut happens => return (fewest, result),
            () = pause => {}
        }
    }
}

fn is_due(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Pool(PoolNotice::Due { .. }))
}

fn is_closed(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Closed { .. })
}

#[tokio::test]
async fn a_reload_under_load_loses_no_job_and_no_ready_worker() {
    let (pool, events) = pool().start_in_background().unwrap();
    let mut story = Story::new(events);
    story
        .until(|kind| matches!(kind, EventKind::Pool(PoolNotice::Warm)))
        .await;

    let reload = pool.reload(puppet("two"));
    let load = async {
        let mut seen = BTreeSet::new();
        // Until every worker is of the new program, and then some more.
        while seen.len() < 2 {
            let jobs = (0..3).map(|_| program(&pool));
            let mut jobs: Vec<_> = jobs.map(Box::pin).collect();
            for job in &mut jobs {
                seen.insert(job.await);
            }
        }
        seen
    };
    let both = async { tokio::join!(reload, load) };
    let (fewest, (reloaded, seen)) = within(60, fewest_ready(&pool, both)).await;
    assert!(fewest >= 2, "{fewest}");
    reloaded.unwrap();
    assert_eq!(seen, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
    for _ in 0..8 {
        assert_eq!(program(&pool).await, "two");
    }
    let stats = pool.stats().await;
    assert_eq!((stats.failed, stats.workers_lost), (0, 0));
    within(20, pool.close()).await;
    story.to_the_end().await;
    assert!(story.count(is_closed) >= 4);
}

#[tokio::test]
async fn while_it_reloads_there_are_never_fewer_workers() {
    // No room for anybody else: the new program is tried in one worker more.
    let (pool, events) = pool().max_workers(2).start_in_background().unwrap();
    let mut story = Story::new(events);
    story
        .until(|kind| matches!(kind, EventKind::Pool(PoolNotice::Warm)))
        .await;
    let reload = pool.reload(puppet("two"));
    let (fewest, reloaded) = within(60, fewest_ready(&pool, reload)).await;
    reloaded.unwrap();
    assert_eq!(fewest, 2);
    let reloaded = PoolNotice::Reloaded { program: 1 };
    let done = |kind: &EventKind| matches!(kind, EventKind::Pool(notice) if *notice == reloaded);
    story.until(done).await;
    assert_eq!(program(&pool).await, "two");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_that_runs_in_an_old_worker_ends_there() {
    let pool = within(30, pool().start()).await.unwrap();
    let long = job("wait").metadata("announce", "1");
    let mut long = within(20, pool.launch(long)).await.unwrap();
    begun(&mut long).await;
    let reload = pool.reload(puppet("two"));
    let mut reload = Box::pin(reload);
    // New jobs get the new program while the old one still works.
    within(60, async {
        loop {
            tokio::select! {
                ended = &mut reload => panic!("{ended:?}, and a job of the old program still runs"),
                program = program(&pool) => if program == "two" { break },
            }
        }
    })
    .await;
    long.cancel();
    within(20, reload).await.unwrap();
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_program_that_does_not_get_ready_is_taken_back_with_its_reason() {
    let pool = pool().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let pool = within(30, pool.start()).await.unwrap();
    let broken = puppet("two").args(["--initialize-fail", "the model is missing"]);
    let error = within(30, pool.reload(broken)).await.unwrap_err();
    let ReloadError::NotReady {
        reason,
        failures,
        report,
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(*failures, 3);
    assert!(
        matches!(reason, ExitReason::InitializeFailed { message } if message == "the model is missing")
    );
    assert!(report.is_some());
    assert!(
        error.to_string().contains("the model is missing"),
        "{error}"
    );
    assert_eq!(program(&pool).await, "one");
    let stats = pool.stats().await;
    assert!(stats.idle >= 2 && stats.failed == 0, "{stats:?}");
    // And one that is right is taken afterwards.
    within(30, pool.reload(puppet("three"))).await.unwrap();
    assert_eq!(program(&pool).await, "three");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_refused_before_anything_is_started() {
    let pool = within(30, pool().start()).await.unwrap();
    let missing = Worker::command("/no/such/program");
    let error = within(30, pool.reload(missing)).await.unwrap_err();
    assert!(matches!(error, ReloadError::Config(_)), "{error:?}");
    assert_eq!(pool.stats().await.workers_created, 2);
    within(20, pool.close()).await;
    let late = within(30, pool.reload(puppet("two"))).await.unwrap_err();
    assert!(matches!(late, ReloadError::GivenUp), "{late:?}");
}

#[tokio::test]
async fn a_later_reload_takes_the_place_of_an_earlier_one() {
    let pool = within(30, pool().start()).await.unwrap();
    let slow = puppet("two").args(["--initialize-sleep-ms", "600000"]);
    let right = puppet("three");
    let (first, second) = within(60, async {
        tokio::join!(pool.reload(slow), pool.reload(right))
    })
    .await;
    assert!(matches!(first, Err(ReloadError::GivenUp)), "{first:?}");
    second.unwrap();
    assert_eq!(program(&pool).await, "three");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_that_has_grown_too_large_is_replaced_when_its_job_has_ended() {
    let (pool, events) = pool()
        .max_rss(60_000_000)
        .spread(0.0)
        .memory_sample(Duration::from_millis(50))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let large = job("allocate").metadata("mb", "90").metadata("ms", "3000");
    let handle = within(30, pool.launch(large)).await.unwrap();
    let outgrown = story
        .until(|kind| {
            matches!(
                kind,
                EventKind::Worker {
                    notice: Notice::Outgrown { .. },
                    ..
                }
            )
        })
        .await;
    let EventKind::Worker { worker, .. } = outgrown else {
        unreachable!()
    };
    let due = story.until(is_due).await;
    let expected = PoolNotice::Due {
        worker,
        due: Due::Memory,
    };
    assert!(
        matches!(&due, EventKind::Pool(notice) if *notice == expected),
        "{due:?}"
    );
    // It is not ended: its job has all the time it wants.
    assert_eq!(closed(&story, worker), None);
    within(30, handle.output()).await.unwrap();
    let gone =
        |kind: &EventKind| matches!(kind, EventKind::Closed { report } if report.worker == worker);
    story.until(gone).await;
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_that_has_grown_old_leaves_cleanly_and_another_was_ready_before() {
    let (pool, events) = pool()
        .max_age(Duration::from_secs(1))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let warm = |kind: &EventKind| matches!(kind, EventKind::Pool(PoolNotice::Warm));
    story.until(warm).await;
    let four_gone = story.until_count(4, is_closed);
    let (fewest, ()) = fewest_ready(&pool, four_gone).await;
    assert!(fewest >= 2, "{fewest}");
    for event in story.seen() {
        if let EventKind::Closed { report } = &event.kind {
            assert_eq!(report.reason, ExitReason::Clean);
        }
    }
    assert_eq!(pool.stats().await.workers_lost, 0);
    within(20, pool.close()).await;
}

/// How a worker ended, if it has.
fn closed(story: &Story, worker: WorkerId) -> Option<ExitReason> {
    story.seen().iter().find_map(|event| match &event.kind {
        EventKind::Closed { report } if report.worker == worker => Some(report.reason.clone()),
        _ => None,
    })
}
