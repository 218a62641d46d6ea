//! A worker that lies, floods or stops listening is ended with the reason, costs the host little
//! memory, and hurts nobody else.

mod common_b;

use std::time::{Duration, Instant};

use common_b::*;
use greenroom::{CrashReport, ExitReason, ExitStatus, Job, JobError, Limits, Pool, WorkerPolicy};

/// What the host may grow by while it is attacked.
const ROOM: u64 = 64 << 20;

fn requirement(report: &CrashReport) -> &'static str {
    match &report.reason {
        ExitReason::ProtocolViolation { requirement, .. } => requirement,
        other => panic!("it did not break the protocol, but {other}"),
    }
}

// ---- violations

#[tokio::test]
async fn a_bad_greeting_ends_the_worker_and_names_the_requirement() {
    for (greeting, broken) in [
        ("pong-first", "GR-4.1-1"),
        ("twice", "GR-4.1-1"),
        ("protocol-7", "GR-4.2-1"),
        ("no-slots", "GR-4.3-1"),
        ("many-slots", "GR-4.3-1"),
        ("tiny-frames", "GR-4.3-1"),
        ("garbage", "GR-2.2-1"),
        ("huge-length", "GR-2.2-1"),
        ("over-handshake-limit", "GR-2.2-1"),
        ("zero-length", "GR-2.1-3"),
        ("unknown-critical", "GR-2.4-2"),
        ("echo-back", "GR-2.4-1"),
        ("cut-body", "GR-3.1-1"),
        ("trailing", "GR-3.1-2"),
        ("long-integer", "GR-3.1-3"),
    ] {
        let report = end_of_greeting(greeting, patient()).await;
        println!("{greeting}: {report}");
        assert_eq!(requirement(&report), broken, "{greeting}: {report}");
        assert!(!exists(report.pid.expect("it ran")), "{greeting}");
    }
}

/// One frame of the rogue's is more than this window.
fn narrow() -> WorkerPolicy {
    let mut policy = patient();
    policy.limits.output_window = Limits::MIN_OUTPUT_WINDOW;
    policy
}

#[tokio::test]
async fn a_violation_during_a_job_loses_the_job_and_names_the_requirement() {
    for (name, broken, started) in [
        ("output-first", "GR-5.4-3", false),
        ("finish-unaccepted", "GR-5.4-4", false),
        ("reject-late", "GR-5.4-13", true),
        ("flood-dumps", "GR-4.4-1", true),
        ("crumbs", "GR-5.5-1", true),
        ("finish-unknown", "GR-5.4-1", false),
        ("accept-unknown", "GR-5.4-1", false),
        ("output-unknown", "GR-5.4-1", false),
        ("cancelled-and-failed", "GR-3.1-1", false),
        ("accept-twice", "GR-5.4-3", true),
        ("overrun", "GR-5.5-1", true),
        ("oversized-frame", "GR-2.2-1", true),
        ("wrong-pong", "GR-5.2-1", true),
        ("call-again", "GR-5.6-1", true),
        ("shutting-down", "GR-5.3-1", true),
        ("greet-again", "GR-4.1-1", true),
        ("garbage", "GR-2.2-1", true),
        ("huge-length", "GR-2.2-1", true),
        ("zero-length", "GR-2.1-3", true),
        ("unknown-critical", "GR-2.4-2", true),
        ("host-message", "GR-2.4-1", true),
    ] {
        let (result, report) = end_of_job(name, narrow()).await;
        let error = result.expect_err(name);
        println!("{name}: {error}");
        assert_eq!(requirement(lost(&error)), broken, "{name}: {error}");
        assert_eq!(requirement(&report), broken, "{name}");
        let JobError::Lost { started: begun, .. } = error else {
            unreachable!("it was lost");
        };
        assert_eq!(begun, started, "{name}");
        assert_eq!(report.jobs.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_lie_after_the_end_of_a_job_costs_the_worker_and_not_the_job() {
    for name in ["finish-twice", "output-after-the-end"] {
        let (result, report) = end_of_job(name, patient()).await;
        result.expect(name);
        assert_eq!(requirement(&report), "GR-5.4-1", "{name}");
        assert!(report.jobs.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_ping_that_is_answered_twice_is_a_violation() {
    let policy = WorkerPolicy {
        ping_interval: Duration::from_millis(20),
        ..patient()
    };
    let report = end_of_greeting("pong-twice", policy).await;
    assert_eq!(requirement(&report), "GR-5.2-1");
}

#[tokio::test]
async fn a_message_of_the_future_is_skipped_if_it_may_be() {
    let worker = rogue("unknown-ignorable");
    let process = ready(&worker, patient()).await.expect("it is ready");
    for (name, result) in [("unknown-ignorable", ""), ("echo", "still there")] {
        let job = Job::new("still there").name(name);
        let handle = soon(name, process.launch(job)).await.expect("a job");
        assert_eq!(soon(name, handle.output()).await.expect(name), result);
    }
    let report = soon("the end", process.close()).await.expect("a report");
    assert_eq!(report.reason, ExitReason::Clean);
}

// ---- ends that are no violation

#[tokio::test]
async fn a_connection_that_ends_is_a_disconnect_and_the_process_goes_with_it() {
    let report = end_of_greeting("hang-up", patient()).await;
    assert_eq!(report.reason, ExitReason::Disconnected);
    assert!(!exists(report.pid.expect("it ran")));
    let (result, _) = end_of_job("hang-up", patient()).await;
    let error = result.expect_err("the job is lost");
    assert_eq!(lost(&error).reason, ExitReason::Disconnected);
}

#[tokio::test]
async fn a_frame_that_is_cut_by_a_worker_that_lives_on_is_a_violation() {
    let report = end_of_greeting("half-a-frame", patient()).await;
    assert_eq!(requirement(&report), "GR-2.3-2");
    assert!(!exists(report.pid.expect("it ran")));
}

#[tokio::test]
async fn a_worker_that_dies_with_a_job_loses_it_with_its_exit_code() {
    for (name, code, began) in [("die-before-accepting", 5, false), ("die", 6, true)] {
        let (result, report) = end_of_job(name, patient()).await;
        let error = result.expect_err(name);
        assert_eq!(lost(&error).reason, ExitReason::Code { code }, "{name}");
        assert!(matches!(error, JobError::Lost { started, .. } if started == began));
        assert_eq!(report.status, Some(ExitStatus::Code(code)), "{name}");
    }
}

#[tokio::test]
async fn a_result_that_was_sent_before_death_counts() {
    let (result, report) = end_of_job("finish-and-die", patient()).await;
    assert_eq!(result.expect("it was finished"), "the result");
    assert_eq!(report.reason, ExitReason::Code { code: 7 });
    assert!(report.jobs.is_empty());
}

#[tokio::test]
async fn a_goodbye_that_nobody_follows_up_is_a_close_timeout() {
    let policy = WorkerPolicy {
        close_timeout: Duration::from_millis(200),
        ..patient()
    };
    let after = policy.close_timeout;
    let (result, report) = end_of_job("say-goodbye-and-stay", policy).await;
    let error = result.expect_err("the job is lost");
    assert_eq!(lost(&error).reason, ExitReason::CloseTimeout { after });
    assert_eq!(report.farewell.as_deref(), Some("bored"));
}

#[tokio::test]
async fn a_worker_that_refuses_and_stays_is_ended_with_its_own_words() {
    let policy = WorkerPolicy {
        close_timeout: Duration::from_millis(200),
        ..patient()
    };
    let report = end_of_greeting("refuse-and-stay", policy).await;
    let message = "the model file is missing".into();
    assert_eq!(report.reason, ExitReason::InitializeFailed { message });
    assert!(!exists(report.pid.expect("it ran")));
}

#[tokio::test]
async fn a_shutdown_may_take_its_time_and_may_not_be_ignored() {
    let hesitant = ready(&rogue("hesitant"), patient()).await.expect("ready");
    let report = soon("the close", hesitant.close()).await.expect("a report");
    assert_eq!(report.reason, ExitReason::Clean);

    let policy = WorkerPolicy {
        close_timeout: Duration::from_millis(200),
        ..patient()
    };
    let after = policy.close_timeout;
    let deaf = ready(&rogue("deaf"), policy).await.expect("ready");
    let report = soon("the close", deaf.close()).await.expect("a report");
    assert_eq!(report.reason, ExitReason::CloseTimeout { after });
    assert!(!exists(report.pid.expect("it ran")));
}

#[tokio::test]
async fn a_start_cannot_be_extended_beyond_the_hosts_maximum() {
    let policy = WorkerPolicy {
        initialize_timeout: Duration::from_millis(300),
        max_extension: Duration::from_millis(200),
        ..WorkerPolicy::default()
    };
    let most = policy.initialize_timeout + policy.max_extension;
    let report = end_of_greeting("extend-forever", policy).await;
    match report.reason {
        ExitReason::InitializeTimeout { after, .. } => assert_eq!(after, most),
        ref other => panic!("it was to run out of time, but {other}"),
    }
}

// ---- what it leaves behind

#[tokio::test]
async fn a_child_outside_the_group_that_holds_stdout_is_reported_and_not_waited_for() {
    let process = ready(&rogue("serve"), patient()).await.expect("ready");
    let job = Job::new("").name("hold-output");
    let handle = soon("the launch", process.launch(job))
        .await
        .expect("a job");
    let held_by = soon("the job", handle.output())
        .await
        .expect("it ends well");
    let begun = Instant::now();
    let report = soon("the close", process.close()).await.expect("a report");
    println!("closed after {:?}", begun.elapsed());
    end(&held_by);
    assert_eq!(report.reason, ExitReason::Clean);
    // Far below the life of who holds it; the drain itself takes 200 ms.
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(report.output_held_open, "{report:?}");
}

#[tokio::test]
async fn a_child_in_the_group_goes_with_its_worker_and_delays_nothing() {
    let process = ready(&rogue("serve"), patient()).await.expect("ready");
    let job = Job::new("").name("leave-child");
    let handle = soon("the launch", process.launch(job))
        .await
        .expect("a job");
    soon("the job", handle.output())
        .await
        .expect("it ends well");
    let group = process.pid().expect("it runs");
    let report = soon("the close", process.close()).await.expect("a report");
    assert_eq!(report.reason, ExitReason::Clean);
    assert!(!report.output_held_open);
    // It was killed; how long the system takes over that is the system's affair.
    let left = extinction(|| living_in_group(group), Duration::from_secs(10));
    left.expect("nobody is left");
}

#[tokio::test]
async fn what_a_worker_prints_does_not_command_the_terminal_of_who_reads_its_report() {
    let report = end_of_greeting("print-escapes", patient()).await;
    let text = report.to_string();
    assert!(text.contains("Accept me"), "{text}");
    assert!(!text.contains(char::is_control), "{text:?}");
}

// ---- attacks on the host itself

/// What a host has to say after an attack.
struct Attack {
    error: String,
    reason: String,
    served: u64,
}

/// One of two workers runs this job. Whatever it does, the host stays small, nobody else dies, and
/// the other worker goes on serving.
async fn attack(name: &str, deadline_ms: u64, megabytes: u64) -> Attack {
    let (deadline_ms, megabytes) = (deadline_ms.to_string(), megabytes.to_string());
    let rogue = env!("CARGO_BIN_EXE_rogue");
    let arguments = ["attack", rogue, name, &deadline_ms, &megabytes];
    let mut host = Host::start(&arguments, &mark(name));
    let error = host.says("error").await;
    let reason = host.says("reason").await;
    let growth = host.says_number("growth").await;
    let served = host.says_number("served").await;
    let deaths = host.says_number("deaths").await;
    println!("{name}: {reason}; {growth} bytes more, {served} jobs served");
    assert!(
        growth < ROOM,
        "{name}: the host has grown by {growth} bytes"
    );
    assert_eq!(deaths, 1, "{name}: {reason}");
    Attack {
        error,
        reason,
        served,
    }
}

#[tokio::test]
async fn a_flood_of_output_lines_costs_the_host_no_memory() {
    for name in [
        "flood-stderr",
        "flood-stdout",
        "flood-newlines",
        "flood-one-line",
        "flood-records",
    ] {
        let end = attack(name, 500, 0).await;
        assert!(end.error.contains("deadline of 500ms"), "{}", end.error);
        assert!(end.reason.contains("did not stop"), "{}", end.reason);
        assert!(end.served > 0, "{name}: nobody else was served");
    }
}

#[tokio::test]
async fn a_flood_of_messages_costs_the_host_no_memory() {
    for name in ["flood-empty-output", "flood-retire", "flood-ignorable"] {
        let end = attack(name, 500, 0).await;
        assert!(end.reason.contains("did not stop"), "{}", end.reason);
        assert!(end.served > 0, "{name}: nobody else was served");
    }
}

#[tokio::test]
async fn a_flood_of_wishes_for_more_time_costs_the_host_no_memory() {
    let end = attack("flood-extensions", 500, 0).await;
    assert!(end.reason.contains("did not"), "{}", end.reason);
}

#[tokio::test]
async fn a_worker_that_asks_without_end_and_never_listens_is_ended_for_its_silence() {
    let end = attack("flood-calls", 0, 0).await;
    assert!(
        end.reason.contains("did not answer a ping"),
        "{}",
        end.reason
    );
    assert!(end.served > 0, "nobody else was served");
}

#[tokio::test]
async fn a_worker_that_stops_reading_in_the_middle_of_a_job_is_ended_for_its_silence() {
    let end = attack("stop-reading", 0, 48).await;
    assert!(
        end.reason.contains("did not answer a ping"),
        "{}",
        end.reason
    );
    assert!(end.served > 0, "nobody else was served");
}

#[tokio::test]
async fn output_beyond_the_window_a_huge_length_and_garbage_cost_the_host_no_memory() {
    for (name, broken) in [
        ("overrun", "GR-5.5-1"),
        ("huge-length", "GR-2.2-1"),
        ("garbage", "GR-2.2-1"),
    ] {
        let end = attack(name, 0, 0).await;
        assert!(end.reason.contains(broken), "{}", end.reason);
        assert!(end.error.contains(broken), "{}", end.error);
    }
}

// ---- a job is not lost before it began

#[tokio::test]
async fn a_job_that_no_worker_began_is_tried_again_in_others_and_then_given_back() {
    let pool = Pool::builder(rogue("serve"))
        .idle(1)
        .initialize_timeout(Duration::from_secs(30))
        .start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let job = Job::new("").name("die-before-accepting");
    let handle = soon("the launch", pool.launch(job)).await.expect("a job");
    let error = soon("the end", handle.output()).await;
    let error = error.expect_err("every worker dies of it");
    assert!(
        matches!(error, JobError::Lost { started: false, .. }),
        "{error}"
    );
    assert_eq!(lost(&error).reason, ExitReason::Code { code: 5 });
    let stats = soon("the numbers", pool.stats()).await;
    assert_eq!((stats.launched, stats.failed), (3, 1));
    soon("the close", pool.close()).await;
}
