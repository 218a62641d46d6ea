//! A worker's death costs its own job and nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use greenroom::{
    EventKind, ExitReason, ExitStatus, FailureKind, Job, JobError, JobHandle, Pool, PoolBuilder,
    Process, Refusal, Worker, WorkerPolicy,
};
use greenroom_tests::{Kill, Story, begun, is_there, job, job_with, kill, text, within};

const KILLED: ExitReason = ExitReason::Signal {
    signal: 9,
    core: false,
};

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

/// A pool that is warm, and its story so far.
async fn warm(builder: PoolBuilder, places: usize) -> (Pool, Story) {
    let (pool, events) = builder.start_in_background().unwrap();
    let mut story = Story::new(events);
    let ready = |kind: &EventKind| matches!(kind, EventKind::Ready { .. });
    story.until_count(places, ready).await;
    (pool, story)
}

fn is_closed(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Closed { .. })
}

#[tokio::test]
async fn an_idle_worker_that_is_killed_from_outside_is_replaced() {
    let (pool, mut story) = warm(Pool::builder(puppet()).idle(2), 2).await;
    let victim = story.ready()[0];
    let pid = story.pid(victim);
    kill(pid, Kill::Now);
    let EventKind::Closed { report } = story.until(is_closed).await else {
        unreachable!()
    };
    assert_eq!((report.worker, report.pid), (victim, Some(pid)));
    assert_eq!(report.reason, KILLED);
    assert!(report.jobs.is_empty());
    assert!(!is_there(pid));
    let ready = |kind: &EventKind| matches!(kind, EventKind::Ready { .. });
    story.until_count(3, ready).await;
    let stats = pool.stats().await;
    assert_eq!((stats.idle, stats.workers_lost), (2, 1));

    // The jobs go to the living.
    for _ in 0..2 {
        let handle = within(20, pool.launch(job("echo"))).await.unwrap();
        assert_ne!(handle.worker(), Some(victim));
        handle.output().await.unwrap();
    }
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_that_comes_when_every_idle_worker_is_being_killed_is_run_all_the_same() {
    for _ in 0..10 {
        let (pool, mut story) = warm(Pool::builder(puppet()).idle(2), 2).await;
        for pid in story.pids() {
            kill(pid, Kill::Now);
        }
        // The host may not have heard of it yet: what it hands out then comes back.
        let handle = within(20, pool.launch(job_with("echo", "still there"))).await;
        let output = within(20, handle.unwrap().output()).await.unwrap();
        assert_eq!(output, "still there");
        within(20, pool.close()).await;
        story.to_the_end().await;
        let finished = |kind: &EventKind| matches!(kind, EventKind::JobFinished { .. });
        assert_eq!(story.count(finished), 1);
        let begun_by: BTreeSet<_> = story.ready().into_iter().skip(2).collect();
        let last = story
            .seen()
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                EventKind::JobFinished { worker, .. } => Some(*worker),
                _ => None,
            });
        assert!(
            begun_by.contains(&last.unwrap()),
            "a dead worker has finished a job"
        );
    }
}

#[tokio::test]
async fn a_job_that_its_worker_never_began_is_the_pools_again() {
    let (pool, mut story) = warm(Pool::builder(puppet()).idle(1), 1).await;
    let victim = story.ready()[0];
    let pid = story.pid(victim);
    // It can be given a job, but cannot begin it.
    kill(pid, Kill::Stop);
    let handle = within(20, pool.launch(job("describe"))).await.unwrap();
    assert_eq!(handle.worker(), Some(victim));
    kill(pid, Kill::Now);
    let output = within(20, handle.output()).await.unwrap();
    assert!(
        text(&output).lines().any(|line| line == "attempt=2"),
        "{output:?}"
    );
    within(20, pool.close()).await;
    story.to_the_end().await;
    let requeued = |kind: &EventKind| matches!(kind, EventKind::JobRequeued { worker, .. } if *worker == victim);
    assert_eq!(story.count(requeued), 1);
    let finished = |kind: &EventKind| matches!(kind, EventKind::JobFinished { .. });
    assert_eq!(story.count(finished), 1);
}

/// A job whose worker has died, and which waits for the next one.
async fn waiting_again() -> (Pool, Story, JobHandle) {
    let slow = puppet().args(["--initialize-sleep-ms", "3000"]);
    let (pool, mut story) = warm(Pool::builder(slow).idle(1), 1).await;
    let victim = story.ready()[0];
    let pid = story.pid(victim);
    kill(pid, Kill::Stop);
    let handle = within(20, pool.launch(job("describe"))).await.unwrap();
    kill(pid, Kill::Now);
    let requeued = |kind: &EventKind| matches!(kind, EventKind::JobRequeued { .. });
    story.until(requeued).await;
    (pool, story, handle)
}

/// That it ended so in the events and in the numbers too.
async fn ended_once(pool: Pool, mut story: Story, expected: fn(&JobError) -> bool) {
    within(20, pool.close()).await;
    let stats = pool.stats().await;
    assert_eq!((stats.succeeded, stats.failed), (0, 1));
    drop(pool);
    story.to_the_end().await;
    let ended = |kind: &EventKind| matches!(kind, EventKind::JobFinished { error: Some(error), .. } if expected(error));
    assert_eq!(story.count(ended), 1);
    let finished = |kind: &EventKind| matches!(kind, EventKind::JobFinished { .. });
    assert_eq!(story.count(finished), 1);
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_waits_to_run_again_has_ended() {
    let (pool, story, handle) = waiting_again().await;
    handle.cancel();
    let error = within(20, handle.output()).await.unwrap_err();
    assert!(matches!(error, JobError::Cancelled), "{error}");
    ended_once(pool, story, |error| matches!(error, JobError::Cancelled)).await;
}

#[tokio::test]
async fn a_job_that_waits_to_run_again_when_its_pool_closes_has_ended() {
    let (pool, story, handle) = waiting_again().await;
    within(20, pool.close()).await;
    let error = within(20, handle.output()).await.unwrap_err();
    assert!(
        matches!(error, JobError::NotRunAgain(Refusal::Closed)),
        "{error}"
    );
    ended_once(pool, story, |error| {
        matches!(error, JobError::NotRunAgain(_))
    })
    .await;
}

/// Runs a job that takes its worker down, and returns how it ended once it is sure that it has ended
/// once.
async fn lost(job: Job) -> ExitReason {
    let (pool, mut story) = warm(Pool::builder(puppet()).idle(1), 1).await;
    let handle = within(20, pool.launch(job.id("the victim"))).await.unwrap();
    let worker = handle.worker().unwrap();
    let error = within(20, handle.output()).await.unwrap_err();
    let JobError::Lost { report, started } = error else {
        panic!("{error:?}");
    };
    assert!(started);
    assert_eq!(report.worker, worker);
    assert_eq!(report.jobs, ["the victim"]);
    assert!(!is_there(report.pid.unwrap()));

    // The pool goes on.
    let next = within(20, pool.launch(job_with("echo", "next"))).await;
    assert_eq!(next.unwrap().output().await.unwrap(), "next");
    within(20, pool.close()).await;
    story.to_the_end().await;
    let of_the_victim = |kind: &EventKind| {
        matches!(kind, EventKind::JobFinished { job, error, .. }
            if job == "the victim" && matches!(error, Some(JobError::Lost { .. })))
    };
    assert_eq!(story.count(of_the_victim), 1);
    let launched = |kind: &EventKind| matches!(kind, EventKind::JobLaunched { job, .. } if job == "the victim");
    assert_eq!(story.count(launched), 1, "it is not run again unasked");
    report.reason.clone()
}

#[tokio::test]
async fn a_job_that_exits_is_lost_whatever_the_code() {
    let exit = |code| job("exit").metadata("code", code);
    assert_eq!(lost(exit("3")).await, ExitReason::Code { code: 3 });
    assert_eq!(lost(exit("0")).await, ExitReason::Code { code: 0 });
}

#[tokio::test]
async fn a_job_that_aborts_or_crashes_is_lost_with_the_signal() {
    let is = |reason: &ExitReason, number: i32| matches!(reason, ExitReason::Signal { signal, .. } if *signal == number);
    let reason = lost(job("abort")).await;
    assert!(is(&reason, 6), "{reason}");
    let reason = lost(job("signal").metadata("number", "11")).await;
    assert!(is(&reason, 11), "{reason}");
    let reason = lost(job("signal").metadata("number", "9")).await;
    assert!(is(&reason, 9), "{reason}");
}

#[tokio::test]
async fn a_job_whose_worker_is_killed_from_outside_is_lost() {
    let (pool, story) = warm(Pool::builder(puppet()).idle(1), 1).await;
    let long = job("sleep")
        .metadata("ms", "600000")
        .metadata("announce", "1");
    let mut handle = within(20, pool.launch(long)).await.unwrap();
    begun(&mut handle).await;
    kill(story.pid(handle.worker().unwrap()), Kill::Now);
    let error = within(20, handle.finished()).await.unwrap_err();
    let JobError::Lost { report, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(report.reason, KILLED);
    assert!(error.to_string().contains("killed by SIGKILL"), "{error}");
    // It stays that way.
    within(5, handle.finished()).await.unwrap_err();
    assert!(within(5, handle.chunk()).await.is_none());
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_that_the_caller_kills_is_lost_with_its_worker() {
    let pool = within(20, Pool::builder(puppet()).idle(1).start())
        .await
        .unwrap();
    let deaf = job("hang_blocking").metadata("announce", "1");
    let mut handle = within(20, pool.launch(deaf)).await.unwrap();
    begun(&mut handle).await;
    handle.kill();
    let error = within(20, handle.finished()).await.unwrap_err();
    let JobError::Lost { report, .. } = error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(&report.reason, ExitReason::Requested { .. }),
        "{report}"
    );
    within(20, pool.close()).await;
}

#[tokio::test]
async fn all_jobs_of_a_worker_are_lost_with_it_and_no_other() {
    let builder = Pool::builder(puppet().args(["--slots", "3"]));
    let builder = builder.idle(1).max_workers(2).jobs_per_worker(None);
    let (pool, mut story) = warm(builder, 1).await;
    let mut handles = Vec::new();
    for _ in 0..6 {
        let waiting = job("until_shutdown").metadata("announce", "1");
        let mut handle = within(20, pool.launch(waiting)).await.unwrap();
        begun(&mut handle).await;
        handles.push(handle);
    }
    let victim = handles[0].worker().unwrap();
    let ready = |kind: &EventKind| matches!(kind, EventKind::Ready { .. });
    story.until_count(2, ready).await;
    kill(story.pid(victim), Kill::Now);
    let (mut dead, living): (Vec<_>, Vec<_>) = handles
        .into_iter()
        .partition(|handle| handle.worker() == Some(victim));
    assert_eq!((dead.len(), living.len()), (3, 3));
    for handle in &mut dead {
        let error = within(20, handle.finished()).await.unwrap_err();
        let JobError::Lost { report, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(report.jobs.len(), 3);
    }
    within(20, pool.close()).await;
    for handle in living {
        assert_eq!(text(&handle.output().await.unwrap()), "requested");
    }
}

#[tokio::test]
async fn a_panic_fails_its_job_and_leaves_the_worker_alive() {
    let builder = Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None);
    let pool = within(20, builder.start()).await.unwrap();
    let mut workers = BTreeSet::new();
    for command in ["panic", "panic_blocking", "panic"] {
        let handle = within(20, pool.launch(job_with(command, "no more paper")))
            .await
            .unwrap();
        workers.insert(handle.worker());
        let error = within(20, handle.output()).await.unwrap_err();
        let JobError::Failed { kind, message, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*kind, FailureKind::PANIC);
        assert!(message.contains("no more paper"), "{message}");
        assert!(message.contains("puppet.rs:"), "{message}");
    }
    let handle = within(20, pool.launch(job_with("echo", "alive")))
        .await
        .unwrap();
    workers.insert(handle.worker());
    assert_eq!(handle.output().await.unwrap(), "alive");
    assert_eq!(workers.len(), 1);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_failure_is_told_with_its_kind_and_words() {
    let builder = Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None);
    let pool = within(20, builder.start()).await.unwrap();
    for (job, expected, message) in [
        (
            job_with("fail", "out of ink"),
            FailureKind::ERROR,
            "out of ink",
        ),
        (
            job_with("fail", "not a picture").metadata("kind", "invalid_input"),
            FailureKind::INVALID_INPUT,
            "not a picture",
        ),
        (
            job("dance"),
            FailureKind::INVALID_INPUT,
            "unknown command \"dance\"",
        ),
    ] {
        let handle = within(20, pool.launch(job)).await.unwrap();
        let error = within(20, handle.output()).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(
            matches!(error, JobError::Failed { kind, retryable: false, .. } if kind == expected),
            "it is of another kind"
        );
    }
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_crash_report_tells_the_whole_story() {
    let mut process = Process::new(&puppet(), WorkerPolicy::default()).unwrap();
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    let words = job_with("print", "almost there").metadata("lines", "60");
    let handle = within(20, process.launch(words)).await.unwrap();
    handle.output().await.unwrap();
    let last = job("abort").id("the last job");
    let handle = within(20, process.launch(last)).await.unwrap();
    within(20, handle.output()).await.unwrap_err();
    let report = within(20, process.join()).await.unwrap();

    assert_eq!(report.pid, process.pid());
    assert!(
        matches!(report.reason, ExitReason::Signal { signal: 6, .. }),
        "{report}"
    );
    assert!(matches!(
        report.status,
        Some(ExitStatus::Signal { signal: 6, .. })
    ));
    assert_eq!(report.jobs, ["the last job"]);
    let states: Vec<_> = report
        .journey
        .iter()
        .map(|(state, _)| state.to_string())
        .collect();
    assert!(states.len() >= 3, "{states:?}");
    let lines: Vec<_> = (10..60)
        .map(|line| format!("almost there {line}"))
        .collect();
    assert_eq!(report.last_lines, lines, "the last 50");
    assert!(!report.output_held_open);
    let shown = report.to_string();
    assert!(shown.contains("killed by SIGABRT"), "{shown}");
    assert!(shown.contains("almost there 59"), "{shown}");
}

#[tokio::test]
async fn a_pool_whose_every_job_crashes_goes_on() {
    let pool = within(20, Pool::builder(puppet()).idle(2).start())
        .await
        .unwrap();
    for _ in 0..10 {
        let handle = within(20, pool.launch(job("abort"))).await.unwrap();
        let error = within(20, handle.output()).await.unwrap_err();
        assert!(
            matches!(error, JobError::Lost { started: true, .. }),
            "{error:?}"
        );
    }
    let stats = pool.stats().await;
    assert_eq!((stats.launched, stats.failed), (10, 10));
    assert!(within(20, pool.drain(Duration::from_secs(20))).await);
}
