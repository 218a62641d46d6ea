//! Whatever is done to a process out of turn, nothing hangs and nothing is left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use greenroom::{
    ExitReason, ExitStatus, LaunchError, LaunchRefused, Pool, Process, ProcessError, State, Worker,
    WorkerPolicy,
};
use greenroom_tests::{
    Scratch, given_up_at_its_first_wait, is_there, job, lines, process_gone, within,
};

const KILLED: Option<ExitStatus> = Some(ExitStatus::Signal {
    signal: 9,
    core: false,
});

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

/// A worker that is never ready.
fn slow() -> Worker {
    puppet().args(["--initialize-sleep-ms", "600000"])
}

fn process(worker: &Worker) -> Process {
    // The test's own bounds are to end a wait that the product should have.
    let patient = WorkerPolicy {
        initialize_timeout: Duration::from_secs(600),
        close_timeout: Duration::from_secs(600),
        ..WorkerPolicy::default()
    };
    Process::new(worker, patient).unwrap()
}

async fn ready(worker: &Worker) -> Process {
    let mut process = process(worker);
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    process
}

#[tokio::test]
async fn a_start_that_is_given_up_is_cleaned_up_by_close() {
    let mut process = process(&slow());
    assert!(given_up_at_its_first_wait(process.start()).await);
    let report = within(20, process.close()).await.unwrap();
    assert!(
        matches!(report.reason, ExitReason::Requested { .. }),
        "{report}"
    );
    // It may not have existed yet when it was given up; if it did, it is gone.
    assert!(report.pid.is_none_or(|pid| !is_there(pid)));
    let again = within(5, process.start()).await.unwrap_err();
    assert!(matches!(again, ProcessError::AlreadyStarted));
}

#[tokio::test]
async fn a_start_that_is_given_up_is_cleaned_up_by_kill() {
    let mut process = process(&slow());
    assert!(given_up_at_its_first_wait(process.start()).await);
    let report = within(20, process.kill()).await.unwrap();
    assert!(
        matches!(report.reason, ExitReason::Requested { .. }),
        "{report}"
    );
    assert!(report.pid.is_none_or(|pid| !is_there(pid)));
}

#[tokio::test]
async fn a_start_that_is_given_up_goes_on_for_who_still_wants_it() {
    let mut process = process(&puppet());
    assert!(given_up_at_its_first_wait(process.start()).await);
    within(20, process.initialize()).await.unwrap();
    let report = within(20, process.close()).await.unwrap();
    assert_eq!(report.reason, ExitReason::Clean);
}

#[tokio::test]
async fn a_process_that_nobody_holds_is_killed() {
    let process = ready(&puppet()).await;
    let pid = process.pid().unwrap();
    drop(process);
    process_gone(pid).await;
}

#[tokio::test]
async fn a_process_that_nobody_holds_while_it_initializes_is_killed() {
    let mut process = process(&slow());
    within(20, process.start()).await.unwrap();
    let pid = process.pid().unwrap();
    drop(process);
    process_gone(pid).await;
}

#[tokio::test]
async fn closing_before_it_is_ready_kills_it_at_once() {
    let mut process = process(&slow());
    within(20, process.start()).await.unwrap();
    let (ready, report) = within(20, async {
        tokio::join!(process.initialize(), process.close())
    })
    .await;
    let report = report.unwrap();
    assert_eq!(report.status, KILLED);
    assert!(!is_there(report.pid.unwrap()));
    assert!(
        report.to_string().contains("closed before it was ready"),
        "{report}"
    );
    assert!(matches!(ready.unwrap_err(), ProcessError::Exited(other) if other.pid == report.pid));
}

#[tokio::test]
async fn killing_before_it_is_ready_ends_the_wait_for_it() {
    let mut process = process(&slow());
    within(20, process.start()).await.unwrap();
    let (ready, report) = within(20, async {
        tokio::join!(process.initialize(), process.kill())
    })
    .await;
    let report = report.unwrap();
    assert_eq!(report.status, KILLED);
    assert_eq!(report.reason, ExitReason::Requested { by: "kill".into() });
    assert!(matches!(ready.unwrap_err(), ProcessError::Exited(_)));
    assert!(!is_there(report.pid.unwrap()));
}

#[tokio::test]
async fn closing_and_killing_twice_gives_the_same_report() {
    let process = ready(&puppet()).await;
    let (first, second) =
        within(20, async { tokio::join!(process.close(), process.close()) }).await;
    let third = within(5, process.close()).await.unwrap();
    let fourth = within(5, process.kill()).await.unwrap();
    let fifth = within(5, process.join()).await.unwrap();
    for report in [first.unwrap(), second.unwrap(), third, fourth, fifth] {
        assert_eq!(report.reason, ExitReason::Clean);
        assert_eq!(report.status, Some(ExitStatus::Code(0)));
    }
    assert_eq!(process.report().unwrap().reason, ExitReason::Clean);
}

#[tokio::test]
async fn a_kill_during_a_close_ends_the_close() {
    let worker = puppet().args(["--leaving-sleep-ms", "600000"]);
    let process = ready(&worker).await;
    assert!(given_up_at_its_first_wait(process.close()).await);
    let (closed, killed) =
        within(20, async { tokio::join!(process.close(), process.kill()) }).await;
    assert_eq!(killed.unwrap().status, KILLED);
    let report = closed.unwrap();
    assert_eq!(report.reason, ExitReason::Requested { by: "kill".into() });
}

#[tokio::test]
async fn starting_twice_is_an_error_and_harms_nothing() {
    let mut process = ready(&puppet()).await;
    let again = within(5, process.start()).await.unwrap_err();
    assert!(matches!(again, ProcessError::AlreadyStarted));
    assert!(again.to_string().contains("make a new one"), "{again}");
    let handle = within(20, process.launch(job("echo"))).await.unwrap();
    handle.output().await.unwrap();
    within(20, process.close()).await.unwrap();
    let again = within(5, process.start()).await.unwrap_err();
    assert!(matches!(again, ProcessError::AlreadyStarted));
}

#[tokio::test]
async fn nothing_can_be_had_of_a_process_that_was_not_started() {
    let process = process(&puppet());
    assert_eq!(process.pid(), None);
    assert!(process.report().is_none());
    let not_started = |error: ProcessError| matches!(error, ProcessError::NotStarted);
    assert!(not_started(
        within(5, process.initialize()).await.unwrap_err()
    ));
    assert!(not_started(within(5, process.join()).await.unwrap_err()));
    assert!(not_started(within(5, process.close()).await.unwrap_err()));
    assert!(not_started(within(5, process.kill()).await.unwrap_err()));
    let refused = within(5, process.launch(job("echo"))).await.unwrap_err();
    assert!(matches!(refused, LaunchError::NotStarted));
}

#[tokio::test]
async fn a_process_that_was_closed_before_its_start_does_not_live() {
    let scratch = Scratch::new();
    let starts = scratch.file("starts");
    let mut process = process(&puppet().args(["--counter", &starts]));
    within(5, process.close()).await.unwrap_err();
    let error = within(20, process.start()).await;
    let report = within(20, process.join()).await.unwrap();
    assert!(
        matches!(report.reason, ExitReason::Requested { .. }),
        "{report}"
    );
    assert!(report.pid.is_none_or(|pid| !is_there(pid)));
    if let Err(error) = error {
        assert!(matches!(error, ProcessError::Exited(_)), "{error:?}");
    }
    assert!(lines(&starts).len() <= 1);
}

#[tokio::test]
async fn a_job_for_a_process_that_is_not_ready_or_gone_is_refused() {
    let mut process = process(&slow());
    within(20, process.start()).await.unwrap();
    let refused = within(5, process.launch(job("echo"))).await.unwrap_err();
    let LaunchError::Unacceptable(LaunchRefused::Busy { state, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(state, State::Initializing);
    within(20, process.kill()).await.unwrap();
    let refused = within(5, process.launch(job("echo"))).await.unwrap_err();
    assert!(
        matches!(refused, LaunchError::WorkerGone { .. }),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("killed on request"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_job_too_many_is_refused() {
    let process = ready(&puppet()).await;
    let first = within(20, process.launch(job("until_shutdown")))
        .await
        .unwrap();
    let refused = within(20, process.launch(job("echo"))).await.unwrap_err();
    let LaunchError::Unacceptable(LaunchRefused::Busy { jobs, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(jobs, 1);
    within(20, process.close()).await.unwrap();
    first.output().await.unwrap();
}

#[tokio::test]
async fn a_pool_whose_start_is_given_up_leaves_nothing() {
    let scratch = Scratch::new();
    let (starts, mut started) = scratch.pipe("starts");
    let worker = slow().args(["--counter", &starts]);
    let mut start = Box::pin(Pool::builder(worker).idle(2).init_concurrency(2).start());
    let pids = tokio::select! {
        result = &mut start => panic!("{result:?}"),
        pids = async { [started.line().await, started.line().await] } => pids,
    };
    drop(start);
    for pid in pids {
        process_gone(pid.parse().unwrap()).await;
    }
}
