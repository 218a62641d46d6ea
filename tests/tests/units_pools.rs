//! Pools of workers as units.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::Duration;

use common_units::*;
use greenroom::supervisor::UnitError;
use greenroom::unit::{Condition, StopAction, UnitState};
use greenroom::{ExitReason, Pool, PoolBuilder, Unit, Worker};
use greenroom_tests::{UnitStory, begun, is_there, job, job_with, text, within};

fn puppets() -> PoolBuilder {
    Pool::builder(Worker::command(env!("CARGO_BIN_EXE_puppet"))).idle(1)
}

#[tokio::test]
async fn a_pool_is_ready_when_it_is_warm_and_runs_jobs() {
    let after = unit("after", "wait").after("workers", Condition::Ready);
    let workers = puppets().jobs_per_worker(None);
    let supervisor = supervisor([after, Unit::new("workers", workers)]);
    started(&supervisor).await;
    let pool = within(5, supervisor.pool("workers")).await.unwrap();
    assert_eq!(pool.stats().await.idle, 1);
    let handle = within(20, pool.launch(job_with("echo", "hello")))
        .await
        .unwrap();
    assert_eq!(within(20, handle.output()).await.unwrap(), "hello");
    let status = within(5, supervisor.status("workers")).await.unwrap();
    assert_eq!((status.state, status.pid), (UnitState::Ready, None));
    assert!(status.memory > 0 && status.processes > 0, "{status:?}");
    within(30, supervisor.stop("the test")).await;
    let error = within(5, supervisor.pool("workers")).await.unwrap_err();
    assert!(matches!(error, UnitError::NotRunning { .. }), "{error}");
}

#[tokio::test]
async fn a_stop_lets_jobs_finish() {
    let supervisor = supervisor([Unit::new("workers", puppets())]);
    started(&supervisor).await;
    let pool = within(5, supervisor.pool("workers")).await.unwrap();
    let long = job("until_shutdown").metadata("announce", "1");
    let mut handle = within(20, pool.launch(long)).await.unwrap();
    begun(&mut handle).await;
    let ending = within(30, supervisor.stop("the test")).await;
    assert!(ending.abandoned.is_empty());
    let output = within(20, handle.output()).await.unwrap();
    assert_eq!(text(&output), "requested");
}

#[tokio::test]
async fn a_kill_ends_its_workers_at_once_whoever_has_a_handle() {
    let workers = Unit::new("workers", puppets().close_timeout(Duration::from_secs(600)))
        .stop(ladder(&[(StopAction::Shutdown, 100)]));
    let supervisor = supervisor([workers]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let pool = within(5, supervisor.pool("workers")).await.unwrap();
    let mut events = pool.events();
    let stubborn = job("sleep")
        .metadata("ms", "600000")
        .metadata("announce", "1");
    let mut handle = within(20, pool.launch(stubborn)).await.unwrap();
    begun(&mut handle).await;
    let ending = within(30, supervisor.stop("the test")).await;
    assert!(ending.abandoned.is_empty());
    within(20, handle.finished()).await.unwrap_err();
    story.until_exited("workers").await;
    while let Some(event) = within(20, events.next()).await {
        if let greenroom::EventKind::Closed { report } = event.kind {
            assert!(!is_there(report.pid.unwrap()));
        }
    }
}

#[tokio::test]
async fn a_pool_whose_workers_cannot_start_has_failed_with_the_reason() {
    let worker =
        Worker::command(env!("CARGO_BIN_EXE_puppet")).args(["--initialize-fail", "no model"]);
    let quick = Duration::from_millis(5);
    let pool = Pool::builder(worker).idle(1).backoff(quick, quick);
    let supervisor = supervisor([Unit::new("workers", pool).restart_policy(never())]);
    let mut story = UnitStory::of(&supervisor);
    within(30, supervisor.start()).await.unwrap_err();
    let report = story.until_exited("workers").await;
    let ExitReason::Failed { message } = &report.reason else {
        panic!("{report}");
    };
    assert!(message.contains("no model"), "{message}");
}

#[tokio::test]
async fn a_worker_that_is_not_there_is_fatal() {
    let pool = Pool::builder(Worker::command("/nowhere/at/all"));
    let supervisor = supervisor([Unit::new("workers", pool).restart_policy(quick())]);
    let mut story = UnitStory::of(&supervisor);
    within(30, supervisor.start()).await.unwrap_err();
    let why = story.until_failed("workers").await;
    assert!(why.contains("/nowhere/at/all"), "{why}");
}

#[tokio::test]
async fn a_pool_that_somebody_closes_has_ended() {
    let supervisor = supervisor([Unit::new("workers", puppets())]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let pool = within(5, supervisor.pool("workers")).await.unwrap();
    within(20, pool.close()).await;
    story.until_exited("workers").await;
}
