//! A job that kills its workers is kept away from the next one, whoever launches it; and no other is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use greenroom::{
    EventKind, ExitReason, Job, JobError, LaunchError, Pool, PoolBuilder, PoolNotice, Refusal,
    Worker,
};
use greenroom_tests::{Kill, Scratch, Story, begun, job, job_with, kill, lines, waits, within};

const SIGABRT: i32 = 6;

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

/// Workers that take any number of jobs.
fn pool() -> PoolBuilder {
    Pool::builder(puppet())
        .idle(1)
        .max_workers(3)
        .jobs_per_worker(None)
}

async fn result(pool: &Pool, job: Job) -> Result<Bytes, JobError> {
    let handle = within(30, pool.launch(job)).await.unwrap();
    within(30, handle.output()).await
}

/// The worker dies of it, unless its attempt is a later one.
fn deadly() -> Job {
    job("abort").key("poison")
}

/// How its launch is refused.
async fn refusal(pool: &Pool, job: Job) -> Refusal {
    match within(30, pool.launch(job)).await {
        Err(LaunchError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn is_aborted(reason: &ExitReason) -> bool {
    matches!(
        reason,
        ExitReason::Signal {
            signal: SIGABRT,
            ..
        }
    )
}

async fn keys(pool: &Pool) -> Vec<String> {
    let keys = within(20, pool.quarantined()).await;
    keys.into_iter().map(|it| it.key.to_string()).collect()
}

#[tokio::test]
async fn a_key_that_three_workers_have_died_of_is_refused_until_it_is_released() {
    let (pool, events) = pool().start_in_background().unwrap();
    let mut story = Story::new(events);
    let mut victims = Vec::new();
    for _ in 0..3 {
        assert_eq!(keys(&pool).await, [""; 0]);
        let error = result(&pool, deadly()).await.unwrap_err();
        let JobError::Lost { report, .. } = &error else {
            panic!("{error:?}");
        };
        victims.push(report.worker);
    }
    victims.dedup();
    assert_eq!(victims.len(), 3);

    let refused = refusal(&pool, deadly()).await;
    assert!(
        matches!(&refused, Refusal::Quarantined { key, died: 3, reason }
            if &**key == "poison" && is_aborted(reason)),
        "{refused:?}"
    );
    let words = refused.to_string();
    assert!(words.contains("\"poison\" is in quarantine"), "{words}");
    let caught = |kind: &EventKind| {
        matches!(kind, EventKind::Pool(PoolNotice::Quarantined { key, died: 3, .. })
            if &**key == "poison")
    };
    story.until(caught).await;
    assert_eq!(story.count(caught), 1);
    assert_eq!(keys(&pool).await, ["poison"]);
    assert_eq!(pool.stats().await.quarantined, 1);
    // Nobody else is refused.
    let good = job_with("echo", "fine").key("good");
    assert_eq!(result(&pool, good).await.unwrap(), "fine");
    assert_eq!(
        result(&pool, job_with("echo", "fine")).await.unwrap(),
        "fine"
    );

    assert!(pool.release("poison").await);
    assert!(!pool.release("poison").await);
    let cured = job_with("echo", "cured").key("poison");
    assert_eq!(result(&pool, cured).await.unwrap(), "cured");
    story
        .until(|kind| matches!(kind, EventKind::Pool(PoolNotice::Released { .. })))
        .await;
    assert_eq!(pool.stats().await.quarantined, 0);
    within(20, pool.close()).await;
    assert_eq!(keys(&pool).await, [""; 0]);
    assert!(!pool.release("poison").await);
}

#[tokio::test]
async fn a_job_that_may_run_again_ends_with_its_own_error_when_enough_have_died() {
    let scratch = Scratch::new();
    let attempts = scratch.file("attempts");
    let pool = within(30, pool().start()).await.unwrap();
    let hopeless = || deadly().metadata("append", &attempts).retries(9);
    let error = result(&pool, hopeless()).await.unwrap_err();
    assert!(
        matches!(&error, JobError::Lost { report, started: true } if is_aborted(&report.reason)),
        "{error:?}"
    );
    assert_eq!(lines(&attempts), ["abort 1", "abort 2", "abort 3"]);
    let refused = refusal(&pool, hopeless()).await;
    assert!(matches!(refused, Refusal::Quarantined { died: 3, .. }));
    assert_eq!(lines(&attempts).len(), 3);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_without_a_key_is_compared_with_its_own_attempts_only() {
    let scratch = Scratch::new();
    let attempts = scratch.file("attempts");
    let pool = within(30, pool().start()).await.unwrap();
    let hopeless = || job("abort").metadata("append", &attempts).retries(9);
    for launches in 1..3 {
        let error = result(&pool, hopeless()).await.unwrap_err();
        assert!(
            matches!(error, JobError::Lost { started: true, .. }),
            "{error:?}"
        );
        assert_eq!(lines(&attempts).len(), 3 * launches);
    }
    assert_eq!(keys(&pool).await, [""; 0]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn without_a_quarantine_a_job_runs_as_often_as_it_may() {
    let scratch = Scratch::new();
    let attempts = scratch.file("attempts");
    let pool = within(30, pool().quarantine(None).start()).await.unwrap();
    let lucky_at_last = deadly()
        .metadata("append", &attempts)
        .metadata("until", "5")
        .retries(9);
    assert_eq!(result(&pool, lucky_at_last).await.unwrap(), "5");
    assert_eq!(lines(&attempts).len(), 5);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_success_clears_the_key() {
    let pool = within(30, pool().start()).await.unwrap();
    for _ in 0..3 {
        for _ in 0..2 {
            result(&pool, deadly()).await.unwrap_err();
        }
        let well = job_with("echo", "").key("poison");
        result(&pool, well).await.unwrap();
    }
    assert_eq!(keys(&pool).await, [""; 0]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn what_waits_with_the_key_is_refused_at_once() {
    let pool = pool().max_workers(1).quarantine(1);
    let (pool, events) = pool.start_in_background().unwrap();
    let mut story = Story::new(events);
    story
        .until(|kind| matches!(kind, EventKind::Ready { .. }))
        .await;
    let running = job("hang").metadata("announce", "1").key("poison");
    let mut running = within(20, pool.launch(running)).await.unwrap();
    begun(&mut running).await;
    let mut waiting = Box::pin(pool.launch(job("echo").key("poison")));
    let mut good = Box::pin(pool.launch(job_with("echo", "good").key("good")));
    assert!(waits(&mut waiting).await && waits(&mut good).await);
    kill(story.pids()[0], Kill::Now);
    let refused = within(30, waiting).await.unwrap_err();
    assert!(
        matches!(
            refused,
            LaunchError::Refused(Refusal::Quarantined { died: 1, .. })
        ),
        "{refused:?}"
    );
    let good = within(30, good).await.unwrap();
    assert_eq!(within(30, good.output()).await.unwrap(), "good");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn every_job_that_ran_in_the_worker_is_a_suspect() {
    let pool = Pool::builder(puppet().args(["--slots", "2"]))
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .quarantine(1);
    let pool = within(30, pool.start()).await.unwrap();
    let bystander = job("hang").metadata("announce", "1").key("bystander");
    let mut bystander = within(20, pool.launch(bystander)).await.unwrap();
    begun(&mut bystander).await;
    result(&pool, deadly()).await.unwrap_err();
    within(20, bystander.finished()).await.unwrap_err();
    assert_eq!(keys(&pool).await, ["bystander", "poison"]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_that_hangs_with_the_job_has_died_of_it() {
    let pool = pool()
        .quarantine(1)
        .ping_interval(Duration::from_millis(50))
        .ping_timeout(Duration::from_millis(300));
    let pool = within(30, pool.start()).await.unwrap();
    let deaf = job("hang_blocking").key("deaf");
    result(&pool, deaf.clone()).await.unwrap_err();
    let refused = refusal(&pool, deaf).await;
    assert!(
        matches!(
            refused,
            Refusal::Quarantined {
                reason: ExitReason::PingTimeout { .. },
                ..
            }
        ),
        "{refused:?}"
    );
    within(20, pool.close()).await;
}

#[tokio::test]
async fn what_the_caller_has_ended_is_not_held_against_the_job() {
    let pool = pool()
        .quarantine(1)
        .cancel_grace(Duration::from_millis(100));
    let pool = within(30, pool.start()).await.unwrap();
    let deaf = || {
        let deaf = job("hang_blocking").metadata("announce", "1");
        deaf.key("deaf")
    };
    let ends: [fn(&greenroom::JobHandle); 2] = [|handle| handle.kill(), |handle| handle.cancel()];
    for end in ends {
        let mut handle = within(30, pool.launch(deaf())).await.unwrap();
        begun(&mut handle).await;
        end(&handle);
        within(30, handle.finished()).await.unwrap_err();
    }
    let spiteful = job("abort_when_cancelled").metadata("announce", "1");
    let mut handle = within(30, pool.launch(spiteful.key("deaf"))).await.unwrap();
    begun(&mut handle).await;
    handle.cancel();
    let error = within(30, handle.finished()).await.unwrap_err();
    assert!(
        matches!(error, JobError::Lost { started: true, .. }),
        "{error:?}"
    );
    let late = deaf().deadline(Duration::from_millis(100));
    let error = result(&pool, late).await.unwrap_err();
    assert!(
        matches!(error, JobError::DeadlineExceeded { .. }),
        "{error:?}"
    );
    let fails = job_with("fail", "no").key("deaf");
    result(&pool, fails).await.unwrap_err();
    assert_eq!(keys(&pool).await, [""; 0]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_reserved_worker_is_given_back_when_the_job_is_refused() {
    let pool = pool().max_workers(1).quarantine(1);
    let pool = within(30, pool.start()).await.unwrap();
    result(&pool, deadly()).await.unwrap_err();
    let reservation = within(30, pool.reserve()).await.unwrap();
    let refused = within(20, reservation.launch(deadly())).await.unwrap_err();
    assert!(
        matches!(refused, LaunchError::Refused(Refusal::Quarantined { .. })),
        "{refused:?}"
    );
    // So is one whose job's key is too long.
    let reservation = within(30, pool.reserve()).await.unwrap();
    let long = job("echo").key("k".repeat(257));
    let refused = within(20, reservation.launch(long)).await.unwrap_err();
    assert!(
        matches!(
            refused,
            LaunchError::KeyTooLong {
                size: 257,
                limit: 256
            }
        ),
        "{refused:?}"
    );
    let good = job_with("echo", "there").key("k".repeat(256));
    assert_eq!(result(&pool, good).await.unwrap(), "there");
    assert_eq!(pool.stats().await.workers_created, 2);
    within(20, pool.close()).await;
}
