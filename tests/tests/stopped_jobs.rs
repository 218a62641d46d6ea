//! A job that its caller has had cancelled or killed is not run again, and one that nobody waits for
//! leaves no place behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use greenroom::{JobError, Pool, PoolBuilder, Worker};
use greenroom_tests::{Kill, Story, job, job_with, kill, text, waits, within};

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

fn one() -> PoolBuilder {
    Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
}

#[tokio::test]
async fn a_killed_job_is_not_run_again_whatever_it_may() {
    let pool = within(20, Pool::builder(puppet()).idle(1).max_workers(2).start())
        .await
        .unwrap();
    let long = job("sleep").metadata("ms", "600000").retries(3);
    let mut handle = within(20, pool.launch(long.clone())).await.unwrap();
    within(20, handle.started()).await.unwrap();
    handle.kill();
    let error = within(20, handle.output()).await.unwrap_err();
    assert!(
        matches!(error, JobError::Lost { started: true, .. }),
        "{error}"
    );

    for _ in 0..10 {
        let handle = within(20, pool.launch(long.clone())).await.unwrap();
        handle.kill();
        let error = within(20, handle.output()).await.unwrap_err();
        let ended = matches!(error, JobError::Lost { .. } | JobError::Cancelled);
        assert!(ended, "{error}");
    }
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_cancelled_job_whose_worker_dies_before_it_begins_is_not_run_again() {
    let (pool, events) = one().start_in_background().unwrap();
    let mut story = Story::new(events);
    within(
        20,
        story.until_count(1, |kind| matches!(kind, greenroom::EventKind::Ready { .. })),
    )
    .await;
    let pid = story.pids()[0];
    kill(pid, Kill::Stop);
    let handle = within(20, pool.launch(job_with("echo", "x")))
        .await
        .unwrap();
    handle.cancel();
    kill(pid, Kill::Now);
    let error = within(20, handle.output()).await.unwrap_err();
    let ended = matches!(error, JobError::Lost { .. } | JobError::Cancelled);
    assert!(ended, "{error}");
    within(20, pool.close()).await;
}

/// The host is held up while the end of the job is already in the socket, so that the free place and
/// the withdrawal reach the pool together, in each order that a few turns of the runtime make of it.
#[tokio::test]
async fn a_reservation_that_is_given_up_as_its_place_comes_free_leaves_the_place() {
    for turns in 0..24 {
        let pool = within(20, one().start()).await.unwrap();
        let short = job("sleep").metadata("ms", "30");
        let mut handle = within(20, pool.launch(short)).await.unwrap();
        within(20, handle.started()).await.unwrap();
        let mut reservation = Box::pin(pool.reserve());
        assert!(waits(&mut reservation).await);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        // Not a wait for the job, but the stall itself: this thread is the whole host.
        std::thread::sleep(Duration::from_millis(60));
        for _ in 0..turns % 6 {
            tokio::task::yield_now().await;
        }
        drop(reservation);
        within(20, handle.finished()).await.unwrap();
        let next = within(5, pool.launch(job_with("echo", "next")))
            .await
            .unwrap();
        assert_eq!(text(&within(20, next.output()).await.unwrap()), "next");
        within(20, pool.close()).await;
    }
}

#[tokio::test]
async fn more_time_for_a_job_that_had_all_there_is_does_no_harm() {
    let pool = within(20, one().start()).await.unwrap();
    let endless = job("extend")
        .metadata("extend_ms", "1000")
        .metadata("ms", "10")
        .deadline(Duration::MAX);
    let handle = within(20, pool.launch(endless)).await.unwrap();
    within(20, handle.output()).await.unwrap();
    within(20, pool.close()).await;
}
