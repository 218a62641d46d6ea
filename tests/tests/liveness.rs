//! A worker that no longer answers is noticed, warned of and ended; one that is only busy is not.

mod common_b;

use std::sync::Arc;
use std::time::Duration;

use common_b::*;
use greenroom::{EventKind, ExitReason, Job, JobError, Notice, Pool, PoolBuilder, State};

const PING_TIMEOUT: Duration = Duration::from_secs(2);

fn quick_pings() -> PoolBuilder {
    Pool::builder(brute())
        .idle(1)
        .max_workers(1)
        .initialize_timeout(Duration::from_secs(30))
        .ping_interval(Duration::from_millis(50))
        .ping_timeout(PING_TIMEOUT)
        .high_ping(Duration::from_millis(300))
}

#[tokio::test]
async fn a_blocked_handler_gives_a_warning_and_then_a_ping_timeout() {
    let (calls, mut begun) = begun();
    let pool = quick_pings().on_call(calls).start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let mut events = pool.events();
    let handle = pool.launch(Job::new("block 60000")).await.expect("a job");
    soon("the job", begun.recv()).await.expect("it has begun");

    let rtt = event(&mut events, "the warning", |kind| match kind {
        EventKind::Worker {
            notice: Notice::HighPing { rtt },
            ..
        } => Some(*rtt),
        EventKind::Closed { report } => panic!("killed without a warning: {report}"),
        _ => None,
    })
    .await;
    assert!(
        rtt >= Duration::from_millis(300) && rtt < PING_TIMEOUT,
        "{rtt:?}"
    );

    let error = soon("the end", handle.output()).await;
    let error = error.expect_err("its worker was killed");
    println!("{error}");
    let report = lost(&error);
    let ExitReason::PingTimeout { silent_for, .. } = report.reason else {
        panic!("{report}");
    };
    assert!(silent_for >= PING_TIMEOUT, "{silent_for:?}");
    assert!(matches!(error, JobError::Lost { started: true, .. }));
    assert!(!exists(report.pid.expect("it ran")));
    assert!(
        report
            .journey
            .iter()
            .any(|(state, _)| *state == State::Killing)
    );

    // The reason is the same for everybody who looks, and no second warning came.
    let closed = event(&mut events, "the end", |kind| match kind {
        EventKind::Closed { report } => Some(Arc::clone(report)),
        EventKind::Worker {
            notice: Notice::HighPing { rtt },
            ..
        } => panic!("warned twice: {rtt:?}"),
        _ => None,
    })
    .await;
    assert_eq!(closed.reason, report.reason);
    soon("the close", pool.close()).await;
}

#[tokio::test]
async fn a_handler_that_is_busy_on_a_thread_of_its_own_is_not_killed() {
    let (calls, _begun) = begun();
    let pool = quick_pings().on_call(calls).start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let busy = (PING_TIMEOUT * 3 / 2).as_millis();
    let job = Job::new(format!("blocking {busy}"));
    let handle = pool.launch(job).await.expect("a job");
    let result = soon("the job", handle.output()).await;
    result.expect("pings were answered all the while");
    soon("the close", pool.close()).await;
    let lost = pool.stats().await.workers_lost;
    assert_eq!(lost, 0);
}

#[tokio::test]
async fn a_worker_that_is_stopped_is_ended_for_its_silence_and_replaced() {
    let (calls, mut begun) = begun();
    let pool = quick_pings().on_call(calls).start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let stopped = pool.launch(Job::new("stop-yourself")).await;
    let stopped = stopped.expect("a job");
    soon("the job", begun.recv()).await.expect("it has begun");
    let error = soon("the end", stopped.output()).await;
    let error = error.expect_err("a stopped process finishes nothing");
    assert!(
        matches!(lost(&error).reason, ExitReason::PingTimeout { .. }),
        "{error}"
    );
    let next = soon("a new worker", pool.launch(Job::new("echo"))).await;
    let output = soon("its job", next.expect("a job").output()).await;
    assert_eq!(output.expect("it is served"), "echo");
    soon("the close", pool.close()).await;
}
