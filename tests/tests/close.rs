//! A worker that is asked to leave finishes what it must, or is killed when its time is up.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use greenroom::{
    CrashReport, ExitReason, ExitStatus, FailureKind, Job, JobError, JobHandle, Process, Worker,
    WorkerPolicy,
};
use greenroom_tests::{Scratch, begun, is_there, job, lines, text, within};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);
/// For a close whose 60 % must pass before the handler is dropped, while the rest must not.
const ENOUGH: Duration = Duration::from_secs(4);

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

async fn ready(worker: &Worker, close_timeout: Duration) -> Process {
    let policy = WorkerPolicy {
        close_timeout,
        ..WorkerPolicy::default()
    };
    let mut process = Process::new(worker, policy).unwrap();
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    process
}

/// Closes a process while it has this job, whose command has begun.
async fn closed_during(
    job: Job,
    close_timeout: Duration,
) -> (Result<greenroom::Bytes, JobError>, Arc<CrashReport>) {
    let process = ready(&puppet(), close_timeout).await;
    let mut handle = launched(&process, job).await;
    begun(&mut handle).await;
    let report = within(20, process.close()).await.unwrap();
    assert!(!is_there(report.pid.unwrap()));
    (within(20, handle.output()).await, report)
}

async fn launched(process: &Process, job: Job) -> JobHandle {
    let job = job.metadata("announce", "1");
    within(20, process.launch(job)).await.unwrap()
}

#[track_caller]
fn assert_left(report: &CrashReport) {
    assert_eq!(report.reason, ExitReason::Clean, "{report}");
    assert_eq!(report.status, Some(ExitStatus::Code(0)));
}

#[track_caller]
fn assert_killed_when_its_time_was_up(report: &CrashReport, after: Duration) {
    assert_eq!(report.reason, ExitReason::CloseTimeout { after });
    let killed = ExitStatus::Signal {
        signal: 9,
        core: false,
    };
    assert_eq!(report.status, Some(killed));
}

#[tokio::test]
async fn a_worker_without_a_job_leaves_at_once_and_runs_no_callback() {
    let scratch = Scratch::new();
    let (left, told) = (scratch.file("left"), scratch.file("told"));
    let process = ready(&puppet().args(["--on-leaving", &left]), LONG).await;
    // A job that ended before the close has no callback to run any more.
    let earlier = job("echo").metadata("on_shutdown", &told);
    let handle = within(20, process.launch(earlier)).await.unwrap();
    handle.output().await.unwrap();
    let report = within(20, process.close()).await.unwrap();
    assert_left(&report);
    assert!(report.jobs.is_empty());
    assert!(lines(&told).is_empty());
    assert_eq!(lines(&left), ["leaving requested"]);
}

#[tokio::test]
async fn a_job_that_runs_is_told_finishes_and_has_its_callback_run() {
    let scratch = Scratch::new();
    let told = scratch.file("told");
    let job = job("until_shutdown")
        .metadata("on_shutdown", &told)
        .metadata("on_shutdown_ms", "100");
    let (output, report) = closed_during(job, LONG).await;
    assert_eq!(text(&output.unwrap()), "requested");
    assert_left(&report);
    assert_eq!(lines(&told), ["callback requested", "callback done"]);
}

#[tokio::test]
async fn a_callback_slower_than_the_close_timeout_is_killed_and_the_reason_says_so() {
    let scratch = Scratch::new();
    let told = scratch.file("told");
    let job = job("until_shutdown")
        .metadata("on_shutdown", &told)
        .metadata("on_shutdown_ms", "600000");
    let (output, report) = closed_during(job, SHORT).await;
    assert_killed_when_its_time_was_up(&report, SHORT);
    assert_eq!(lines(&told), ["callback requested"]);
    let error = output.unwrap_err();
    let JobError::Lost { report, started } = &error else {
        panic!("{error:?}");
    };
    assert!(started);
    assert_killed_when_its_time_was_up(report, SHORT);
    assert!(
        error.to_string().contains("did not leave within 300ms"),
        "{error}"
    );
}

#[tokio::test]
async fn a_job_that_fails_after_the_shutdown_began_has_its_callback_run() {
    let scratch = Scratch::new();
    let told = scratch.file("told");
    let job = job("until_shutdown")
        .metadata("then", "fail")
        .metadata("on_shutdown", &told);
    let (output, report) = closed_during(job, LONG).await;
    let JobError::Failed { kind, message, .. } = output.unwrap_err() else {
        panic!("it did not fail");
    };
    assert_eq!(kind, FailureKind::ERROR);
    assert_eq!(message, "failed after requested");
    assert_left(&report);
    assert_eq!(lines(&told), ["callback requested"]);
}

#[tokio::test]
async fn a_job_that_panics_after_the_shutdown_began_has_its_callback_run() {
    let scratch = Scratch::new();
    let told = scratch.file("told");
    let job = job("until_shutdown")
        .metadata("then", "panic")
        .metadata("on_shutdown", &told);
    let (output, report) = closed_during(job, LONG).await;
    let JobError::Failed { kind, message, .. } = output.unwrap_err() else {
        panic!("it did not fail");
    };
    assert_eq!(kind, FailureKind::PANIC);
    assert!(message.contains("panicked after requested"), "{message}");
    assert_left(&report);
    assert_eq!(lines(&told), ["callback requested"]);
}

#[tokio::test]
async fn a_job_that_does_not_listen_is_dropped_in_time_for_its_callback() {
    let scratch = Scratch::new();
    let told = scratch.file("told");
    let job = job("sleep")
        .metadata("ms", "600000")
        .metadata("on_shutdown", &told);
    let (output, report) = closed_during(job, ENOUGH).await;
    assert!(matches!(output.unwrap_err(), JobError::Cancelled));
    assert_left(&report);
    assert_eq!(lines(&told), ["callback requested"]);
}

#[tokio::test]
async fn a_job_that_hangs_past_its_grace_has_its_callback_run() {
    let scratch = Scratch::new();
    let told = scratch.file("told");
    let job = job("until_shutdown")
        .metadata("then", "hang")
        .metadata("on_shutdown", &told);
    let (output, report) = closed_during(job, ENOUGH).await;
    assert!(matches!(output.unwrap_err(), JobError::Cancelled));
    assert_left(&report);
    assert_eq!(lines(&told), ["callback requested"]);
}

#[tokio::test]
async fn a_job_that_blocks_the_executor_is_killed_when_the_time_is_up() {
    let (output, report) = closed_during(job("hang_blocking"), SHORT).await;
    assert_killed_when_its_time_was_up(&report, SHORT);
    assert!(matches!(
        output.unwrap_err(),
        JobError::Lost { started: true, .. }
    ));
    assert_eq!(report.jobs.len(), 1);
}

#[tokio::test]
async fn blocking_work_that_goes_on_does_not_keep_the_worker() {
    let busy = job("busy").metadata("ms", "600000");
    let (output, report) = closed_during(busy, ENOUGH).await;
    assert!(matches!(output.unwrap_err(), JobError::Cancelled));
    assert_left(&report);
}

#[tokio::test]
async fn a_worker_that_takes_too_long_to_leave_is_killed() {
    let scratch = Scratch::new();
    let left = scratch.file("left");
    let slow = ["--on-leaving", &left, "--leaving-sleep-ms", "600000"];
    let process = ready(&puppet().args(slow), SHORT).await;
    let report = within(20, process.close()).await.unwrap();
    assert_killed_when_its_time_was_up(&report, SHORT);
}

#[tokio::test]
async fn a_job_may_ask_for_more_time_to_leave() {
    let job = job("until_shutdown")
        .metadata("then", "extend")
        .metadata("extend_ms", "30000")
        .metadata("ms", "1500");
    let (output, report) = closed_during(job, Duration::from_secs(1)).await;
    assert_eq!(text(&output.unwrap()), "requested");
    assert_left(&report);
}

#[tokio::test]
async fn no_job_is_taken_once_the_worker_was_asked_to_leave() {
    let process = ready(&puppet(), LONG).await;
    let scratch = Scratch::new();
    let (told, mut telling) = scratch.pipe("told");
    let slow = job("until_shutdown")
        .metadata("on_shutdown", &told)
        .metadata("on_shutdown_ms", "600000");
    let mut handle = launched(&process, slow).await;
    begun(&mut handle).await;
    let mut close = Box::pin(process.close());
    tokio::select! {
        report = &mut close => panic!("{report:?}"),
        line = telling.line() => assert_eq!(line, "callback requested"),
    }
    within(5, process.launch(job("echo"))).await.unwrap_err();
    within(20, process.kill()).await.unwrap();
    within(5, close).await.unwrap();
}
