//! A worker prepares itself before its first job, within a bound, and says so if it cannot.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use greenroom::{
    CrashReport, EventKind, ExitReason, ExitStatus, InitializePhase, Notice, Pool, Process,
    ProcessError, State, Worker, WorkerPolicy,
};
use greenroom_tests::{Scratch, Story, is_there, job, lines, text, within};

const KILLED: ExitStatus = ExitStatus::Signal {
    signal: 9,
    core: false,
};

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

fn ready_within(limit: Duration) -> WorkerPolicy {
    WorkerPolicy {
        initialize_timeout: limit,
        ..WorkerPolicy::default()
    }
}

/// Starts a worker that must fail to become ready, and returns how it ended.
async fn failing(worker: Worker, policy: WorkerPolicy) -> Arc<CrashReport> {
    let mut process = Process::new(&worker, policy).unwrap();
    within(20, process.start()).await.unwrap();
    let pid = process.pid().unwrap();
    let error = within(20, process.initialize()).await.unwrap_err();
    let ProcessError::Exited(report) = error else {
        panic!("{error:?}");
    };
    assert_eq!(report.pid, Some(pid));
    assert!(!is_there(pid));
    report
}

async fn failing_with(arguments: &[&str]) -> Arc<CrashReport> {
    failing(puppet().args(arguments), WorkerPolicy::default()).await
}

#[tokio::test]
async fn a_worker_learns_its_arguments_and_place_and_initializes_once() {
    let scratch = Scratch::new();
    let prepared = scratch.file("prepared");
    let worker = puppet()
        .args(["--counter", &prepared])
        .user_arguments("what to load");
    let mut process = Process::new(&worker, WorkerPolicy::default()).unwrap();
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    let pid = process.pid().unwrap();
    let handle = within(20, process.launch(job("describe"))).await.unwrap();
    let output = handle.output().await.unwrap();
    for line in ["slot=0", "generation=0", "arguments=what to load"] {
        assert!(
            text(&output).lines().any(|other| other == line),
            "{output:?}"
        );
    }
    let report = within(20, process.close()).await.unwrap();
    assert_eq!(report.reason, ExitReason::Clean);
    assert_eq!(lines(&prepared), [pid.to_string()]);
    let states: Vec<_> = report.journey.iter().map(|(state, _)| *state).collect();
    let all = [
        State::Starting,
        State::Initializing,
        State::Ready,
        State::Closing,
    ];
    assert_eq!(states, all);
}

#[tokio::test]
async fn a_pool_tells_each_worker_its_own_place() {
    let builder = Pool::builder(puppet()).idle(1).max_workers(1);
    let pool = within(20, builder.start()).await.unwrap();
    let mut places = Vec::new();
    for _ in 0..3 {
        let handle = within(20, pool.launch(job("describe"))).await.unwrap();
        let worker = handle.worker().unwrap();
        let output = handle.output().await.unwrap();
        let slot = format!("slot={}", worker.slot);
        let generation = format!("generation={}", worker.generation);
        for line in [&slot, &generation] {
            assert!(
                text(&output).lines().any(|other| other == line),
                "{output:?}"
            );
        }
        places.push((worker.slot, worker.generation));
    }
    assert_eq!(places, [(0, 0), (0, 1), (0, 2)]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_that_is_too_slow_is_killed() {
    let limit = Duration::from_millis(800);
    let sleepy = puppet().args(["--initialize-sleep-ms", "600000"]);
    let report = failing(sleepy, ready_within(limit)).await;
    let reason = ExitReason::InitializeTimeout {
        phase: InitializePhase::Handshake,
        after: limit,
    };
    assert_eq!(report.reason, reason);
    assert_eq!(report.status, Some(KILLED));
}

#[tokio::test]
async fn a_worker_that_blocks_is_killed_as_well() {
    let limit = Duration::from_millis(800);
    let blocked = puppet().args(["--initialize-block-ms", "600000"]);
    let report = failing(blocked, ready_within(limit)).await;
    assert!(
        matches!(report.reason, ExitReason::InitializeTimeout { .. }),
        "{report}"
    );
    assert_eq!(report.status, Some(KILLED));
}

#[tokio::test]
async fn a_failure_comes_with_the_workers_words_and_its_last_lines() {
    let report = failing_with(&[
        "--initialize-print",
        "looking for the model",
        "--initialize-fail",
        "there is no model",
    ])
    .await;
    let message = "there is no model".to_owned();
    assert_eq!(report.reason, ExitReason::InitializeFailed { message });
    assert_eq!(report.status, Some(ExitStatus::Code(1)));
    assert!(
        report
            .last_lines
            .iter()
            .any(|line| line == "looking for the model")
    );
    assert!(report.to_string().contains("there is no model"), "{report}");
}

#[tokio::test]
async fn a_panic_is_a_failure_with_its_message_and_place() {
    let report = failing_with(&["--initialize-panic", "it was not plugged in"]).await;
    let ExitReason::InitializeFailed { message } = &report.reason else {
        panic!("{report}");
    };
    assert!(message.contains("it was not plugged in"), "{message}");
    assert!(message.contains("puppet.rs:"), "{message}");
    assert_eq!(report.status, Some(ExitStatus::Code(1)));
}

#[tokio::test]
async fn an_exit_or_abort_is_told_by_its_code_or_signal() {
    let report = failing_with(&["--initialize-exit", "3"]).await;
    assert_eq!(report.reason, ExitReason::Code { code: 3 });
    let report = failing_with(&["--initialize-exit", "0"]).await;
    assert_eq!(report.reason, ExitReason::Code { code: 0 });
    assert!(
        report.to_string().contains("without being asked"),
        "{report}"
    );
    let report = failing_with(&["--initialize-abort"]).await;
    assert!(
        matches!(report.reason, ExitReason::Signal { signal: 6, .. }),
        "{report}"
    );
}

#[tokio::test]
async fn a_worker_may_ask_for_more_time() {
    let arguments = [
        "--initialize-extend-ms",
        "30000",
        "--initialize-sleep-ms",
        "1500",
    ];
    let (pool, events) = Pool::builder(puppet().args(arguments))
        .idle(1)
        .initialize_timeout(Duration::from_secs(1))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let ready = |kind: &EventKind| matches!(kind, EventKind::Ready { .. });
    story.until(ready).await;
    let extended = Notice::DeadlineExtended {
        asked: Duration::from_secs(30),
        granted: Duration::from_secs(30),
    };
    let is_extended =
        |kind: &EventKind| matches!(kind, EventKind::Worker { notice, .. } if *notice == extended);
    assert_eq!(story.count(is_extended), 1);
    assert_eq!(story.ready().len(), 1, "it was not killed meanwhile");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn more_time_than_the_host_grants_is_not_given() {
    let policy = WorkerPolicy {
        max_extension: Duration::from_millis(200),
        ..ready_within(Duration::from_millis(800))
    };
    let arguments = [
        "--initialize-extend-ms",
        "600000",
        "--initialize-sleep-ms",
        "600000",
    ];
    let report = failing(puppet().args(arguments), policy).await;
    let reason = ExitReason::InitializeTimeout {
        phase: InitializePhase::Handshake,
        after: Duration::from_secs(1),
    };
    assert_eq!(report.reason, reason);
}

#[tokio::test]
async fn what_a_worker_says_does_not_command_a_terminal() {
    let report = failing_with(&["--initialize-fail", "it is \u{1b}[2J\u{7}broken"]).await;
    let ExitReason::InitializeFailed { message } = &report.reason else {
        panic!("{report}");
    };
    assert_eq!(message, "it is \u{fffd}[2J\u{fffd}broken");
}
