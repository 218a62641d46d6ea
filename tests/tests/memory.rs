//! A worker's memory is watched: a warning, then an end, and a limit that the system enforces.

mod common_b;

use std::time::Duration;

use common_b::*;
use greenroom::{
    EventKind, ExitReason, Job, JobError, Notice, Pool, PoolBuilder, Refusal, StartError,
};

const MB: u64 = 1_000_000;

fn pool() -> PoolBuilder {
    Pool::builder(brute())
        .idle(1)
        .max_workers(1)
        .initialize_timeout(Duration::from_secs(30))
}

#[tokio::test]
async fn memory_above_the_warning_bound_gives_one_warning() {
    let (calls, _begun) = begun();
    let pool = pool()
        .memory_warn(60 * MB)
        // Twenty looks while the memory is held.
        .memory_sample(Duration::from_millis(50))
        .on_call(calls)
        .start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let mut events = pool.events();
    let handle = pool.launch(Job::new("hold 90 1000")).await.expect("a job");
    soon("the job", handle.output())
        .await
        .expect("it is only warned of");
    soon("the close", pool.close()).await;

    let mut warnings = Vec::new();
    while let Some(event) = soon("the next event", events.next()).await {
        match event.kind {
            EventKind::Worker {
                notice: Notice::HighMemory { rss, warn, limit },
                ..
            } => {
                assert_eq!((warn, limit), (60 * MB, None));
                warnings.push(rss);
            }
            EventKind::Closed { report } => {
                assert_eq!(report.reason, ExitReason::Clean);
                if report.worker.generation == 0 {
                    assert!(report.peak_memory >= 90 * MB, "{}", report.peak_memory);
                }
            }
            _ => {}
        }
    }
    println!("warned at {warnings:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

/// The job is killed; the most that was measured.
async fn outgrows(limit: u64, pool: PoolBuilder, job: &'static str) -> u64 {
    let (calls, _begun) = begun();
    let pool = pool.memory_limit(limit).on_call(calls).start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let handle = pool.launch(Job::new(job)).await.expect("a job");
    let error = soon("the end", handle.output()).await;
    let error = error.expect_err("it has outgrown its limit");
    println!("{job}: {error}");
    let report = lost(&error);
    let ExitReason::MemoryLimit { rss, limit: said } = report.reason else {
        panic!("{job}: {report}");
    };
    assert!(matches!(error, JobError::Lost { started: true, .. }));
    assert_eq!(said, limit);
    assert!(rss > limit);
    assert!(report.peak_memory >= rss);
    assert!(!exists(report.pid.expect("it ran")));
    soon("the close", pool.close()).await;
    rss
}

#[tokio::test]
async fn memory_above_the_limit_ends_the_worker_and_the_job_says_so() {
    outgrows(100 * MB, pool(), "grow 200 0").await;
}

#[tokio::test]
async fn a_job_that_takes_a_gigabyte_a_second_is_stopped_near_its_limit() {
    let rss = outgrows(400 * MB, pool(), "grow 1000 0").await;
    // One look every 50 ms at the least; the rest is a busy machine.
    assert!(rss < 1_000 * MB, "{rss} bytes");
}

#[tokio::test]
async fn a_hard_limit_is_the_systems_and_shows_as_an_abort() {
    let worker = brute().hard_memory_limit(200 * MB);
    let (calls, _begun) = begun();
    let pool = Pool::builder(worker).idle(1).max_workers(1).on_call(calls);
    let pool = soon("the pool", pool.start()).await.expect("it starts");
    let job = Job::new("allocate-at-once 400");
    let handle = pool.launch(job).await.expect("a job");
    let error = soon("the end", handle.output()).await;
    let error = error.expect_err("it was refused memory");
    println!("{error}");
    let report = lost(&error);
    const SIGABRT: i32 = 6;
    assert!(
        matches!(
            report.reason,
            ExitReason::Signal {
                signal: SIGABRT,
                ..
            }
        ),
        "{report}"
    );
    let said = report.last_lines.join("\n");
    assert!(
        said.contains("memory allocation of 400000000 bytes failed"),
        "{said}"
    );
    soon("the close", pool.close()).await;
}

#[tokio::test]
async fn a_job_that_was_calm_for_long_is_stopped_near_its_limit_too() {
    let rss = outgrows(400 * MB, pool(), "grow 1000 3200").await;
    assert!(rss < 1_000 * MB, "{rss} bytes");
}

#[tokio::test]
async fn a_worker_that_outgrows_its_limit_while_it_prepares_itself_is_stopped() {
    let worker = brute().user_arguments("grow 1000");
    let pool = Pool::builder(worker)
        .idle(1)
        .memory_limit(400 * MB)
        .start_attempts(1);
    let Err(StartError::NotReady { refusal, .. }) = soon("the refusal", pool.start()).await else {
        panic!("it has started");
    };
    assert!(
        matches!(
            refusal,
            Refusal::Unavailable {
                reason: ExitReason::MemoryLimit { .. },
                ..
            }
        ),
        "{refusal}"
    );
}
