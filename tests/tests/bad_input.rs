//! Every refusal comes in bounded time, names what was wrong, and says what to do.

mod common_b;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use common_b::*;
use greenroom::{
    CommandError, ConfigError, ExitReason, Job, LaunchError, LaunchRefused, Limits, Pool,
    PoolBuilder, Refusal, StartError, Worker, WorkerError,
};

/// The whole chain of an error, as a program would print it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    println!("  {text}");
    text
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{text:?} does not say {word:?}");
    }
}

async fn refused(pool: PoolBuilder) -> StartError {
    match soon("a refusal", pool.start()).await {
        Ok(_) => panic!("the pool has started"),
        Err(error) => error,
    }
}

async fn bad_worker(path: &Path) -> (WorkerError, String) {
    match refused(Pool::builder(Worker::command(path))).await {
        StartError::Config(ConfigError::Worker(error)) => {
            let text = told(&error);
            (error, text)
        }
        other => panic!("the worker was to be refused before any start, but {other}"),
    }
}

// ---- the worker's path

#[tokio::test]
async fn a_path_that_cannot_be_run_is_refused_before_anything_is_started() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);

    let (error, text) = bad_worker(&at("nobody")).await;
    assert!(matches!(
        error,
        WorkerError::Command(CommandError::NotFound { .. })
    ));
    says(&text, &["nobody", "does not exist", "give the path"]);

    let (error, text) = bad_worker(directory.path()).await;
    assert!(matches!(
        error,
        WorkerError::Command(CommandError::NotAFile { .. })
    ));
    says(&text, &["is not a file", "give the path"]);

    fs::write(at("plain"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(at("plain"), Permissions::from_mode(0o644)).expect("its mode");
    let (error, text) = bad_worker(&at("plain")).await;
    assert!(matches!(
        error,
        WorkerError::Command(CommandError::NotExecutable { mode: 0o644, .. })
    ));
    says(&text, &["plain", "not executable", "644", "chmod +x"]);

    let (error, text) = bad_worker(Path::new("greenroom-no-such-program")).await;
    assert!(matches!(
        error,
        WorkerError::Command(CommandError::NotInPath { .. })
    ));
    says(
        &text,
        &["greenroom-no-such-program", "PATH", "give its path"],
    );

    let (error, text) = bad_worker(&at("plain/below")).await;
    assert!(matches!(
        error,
        WorkerError::Command(CommandError::Unreadable { .. })
    ));
    says(&text, &["plain/below", "Not a directory"]);

    let (error, text) = bad_worker(Path::new("")).await;
    assert!(
        matches!(error, WorkerError::Command(CommandError::NoProgram)),
        "{error:?}"
    );
    says(&text, &["has no program"]);
}

#[tokio::test]
async fn a_directory_to_start_in_that_does_not_exist_is_named() {
    let worker = brute().current_dir("/no/such/directory");
    let error = refused(Pool::builder(worker)).await;
    assert!(matches!(
        error,
        StartError::Config(ConfigError::Worker(WorkerError::Command(
            CommandError::NoDirectory { .. }
        )))
    ));
    says(&told(&error), &["current_dir", "/no/such/directory"]);
}

// ---- programs that are no workers

async fn no_worker(worker: Worker) -> (ExitReason, String) {
    let pool = Pool::builder(worker)
        .idle(1)
        .initialize_timeout(Duration::from_secs(1))
        .start_attempts(2)
        .backoff(Duration::from_millis(1), Duration::from_millis(2));
    let error = refused(pool).await;
    let text = told(&error);
    match error {
        StartError::NotReady {
            refusal: Refusal::Unavailable { reason, failures },
            ..
        } => {
            says(&text, &[&failures.to_string()]);
            (reason, text)
        }
        other => panic!("the worker was to fail, but {other}"),
    }
}

#[tokio::test]
async fn a_script_without_a_shebang_is_named_and_not_tried_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("script");
    fs::write(&script, "echo hello\n").expect("a file");
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("its mode");
    let (reason, text) = no_worker(Worker::command(&script)).await;
    assert!(matches!(reason, ExitReason::SpawnFailed(failure) if failure.permanent));
    says(&text, &["script", "Exec format error"]);
}

#[tokio::test]
async fn programs_that_exit_at_once_are_told_by_their_code() {
    let (reason, text) = no_worker(Worker::command("/bin/true")).await;
    assert_eq!(reason, ExitReason::Code { code: 0 });
    says(
        &text,
        &[
            "exited with code 0 without being asked before it was ready",
            "is it a program that calls worker::run?",
        ],
    );
    let (reason, _) = no_worker(Worker::command("/bin/echo").arg("hello")).await;
    assert_eq!(reason, ExitReason::Code { code: 0 });
    let (reason, text) = no_worker(rogue("exit")).await;
    assert_eq!(reason, ExitReason::Code { code: 3 });
    says(&text, &["exited with code 3"]);
    let (reason, _) = no_worker(rogue("print")).await;
    assert_eq!(reason, ExitReason::Code { code: 2 });
}

#[tokio::test]
async fn a_program_that_never_answers_runs_out_of_its_time() {
    for worker in [rogue("mute"), Worker::command("/bin/cat")] {
        let (reason, text) = no_worker(worker).await;
        assert!(matches!(reason, ExitReason::InitializeTimeout { .. }));
        says(
            &text,
            &["was not ready after 1s", "InitializeRequest", "worker::run"],
        );
    }
}

#[tokio::test]
async fn what_a_program_printed_before_it_left_is_in_its_report() {
    let report = end_of_greeting("print", patient()).await;
    let text = report.to_string();
    println!("  {text}");
    says(&text, &["exited with code 2", "usage: rogue FILE..."]);
}

#[tokio::test]
async fn a_worker_of_another_protocol_version_is_told_both_versions() {
    let (reason, text) = no_worker(rogue("protocol-7")).await;
    assert!(matches!(
        reason,
        ExitReason::ProtocolViolation {
            requirement: "GR-4.2-1",
            ..
        }
    ));
    says(&text, &["protocol 7", "1 to 1"]);

    let (reason, text) = no_worker(rogue("version-error")).await;
    assert!(matches!(reason, ExitReason::InitializeFailed { .. }));
    says(&text, &["speaks protocol", "1 to 1", "same release"]);
}

// ---- limits

#[tokio::test]
async fn each_absurd_limit_is_refused_by_its_name_with_what_it_must_be() {
    let new = || Pool::builder(brute());
    let ms = Duration::from_millis;
    let none = Duration::ZERO;
    let limits = Limits::default();
    let tiny = |max_frame, output_window| Limits {
        max_frame,
        output_window,
        ..limits
    };
    for (option, pool) in [
        ("max_workers", new().max_workers(0)),
        ("max_workers", new().max_workers(usize::MAX)),
        ("idle", new().idle(5).max_workers(4)),
        ("max_workers", new().idle(usize::MAX)),
        ("init_concurrency", new().init_concurrency(0)),
        ("queue", new().queue(0)),
        ("queue_deadline", new().queue_deadline(none)),
        ("start_attempts", new().start_attempts(0)),
        ("jobs_per_worker", new().jobs_per_worker(0)),
        ("backoff", new().backoff(none, ms(1))),
        ("backoff", new().backoff(ms(2), ms(1))),
        ("initialize_timeout", new().initialize_timeout(none)),
        (
            "initialize_timeout",
            new().initialize_timeout(Duration::MAX),
        ),
        ("close_timeout", new().close_timeout(none)),
        ("close_timeout", new().close_timeout(Duration::MAX)),
        ("ping_interval", new().ping_interval(none)),
        ("ping_interval", new().ping_interval(Duration::MAX)),
        ("ping_timeout", new().ping_timeout(none)),
        (
            "ping_timeout",
            new().ping_interval(ms(50)).ping_timeout(ms(50)),
        ),
        ("high_ping", new().high_ping(none)),
        ("memory_sample", new().memory_sample(none)),
        ("cancel_grace", new().cancel_grace(none)),
        ("cancel_grace", new().cancel_grace(Duration::MAX)),
        ("memory_warn", new().memory_warn(0)),
        ("memory_limit", new().memory_warn(None).memory_limit(1)),
        (
            "memory_warn",
            new().memory_limit(1 << 30).memory_warn(1 << 31),
        ),
        ("max_slots", new().max_slots(0)),
        ("max_frame", new().limits(tiny(0, 1 << 20))),
        ("max_frame", new().limits(tiny(u32::MAX, 1 << 20))),
        ("output_window", new().limits(tiny(1 << 18, 0))),
    ] {
        let error = refused(pool).await;
        let text = told(&error);
        assert!(matches!(error, StartError::Config(ConfigError::Policy(_))));
        says(&text, &[option, "must"]);
    }
}

#[tokio::test]
async fn the_longest_limits_that_are_taken_do_work() {
    let year = Duration::from_secs(366 * 24 * 60 * 60);
    let pool = Pool::builder(brute())
        .idle(1)
        .queue(usize::MAX)
        .queue_deadline(Duration::MAX)
        .linger(Duration::MAX)
        .max_extension(year)
        .initialize_timeout(year)
        .close_timeout(year)
        .cancel_grace(year)
        .ping_timeout(year)
        .memory_limit(u64::MAX)
        .start();
    let pool = soon("the pool", pool).await.expect("it starts");
    let job = Job::new("echo")
        .deadline(Duration::MAX)
        .max_output(usize::MAX);
    let handle = soon("the launch", pool.launch(job)).await.expect("a job");
    let output = soon("the job", handle.output()).await;
    assert_eq!(output.expect("it is served"), "echo");
    soon("the close", pool.close()).await;
}

// ---- what is too large

#[tokio::test]
async fn what_does_not_fit_is_refused_and_the_worker_serves_on() {
    let mut policy = patient();
    policy.limits.max_payload = 1 << 20;
    let process = ready(&brute(), policy).await.expect("ready");
    let limit = 1 << 20;

    let job = Job::new(vec![0; limit + 1]);
    let error = soon("the refusal", process.launch(job)).await;
    let error = error.expect_err("it is too large");
    assert!(matches!(
        error,
        LaunchError::Unacceptable(LaunchRefused::PayloadTooLarge { .. })
    ));
    says(&told(&error), &["1048577", "1048576", "max_payload"]);

    for job in [
        Job::new("echo").name("n".repeat(300 << 10)),
        Job::new("echo").id("i".repeat(300 << 10)),
        Job::new("echo").traceparent("t".repeat(300 << 10)),
        Job::new("echo").metadata("key", "v".repeat(20 << 20)),
        (0..20_000).fold(Job::new("echo"), |job, _| job.metadata("key", "value")),
    ] {
        let error = soon("the refusal", process.launch(job)).await;
        let error = error.expect_err("it is too large");
        assert!(matches!(
            error,
            LaunchError::Unacceptable(LaunchRefused::HeaderTooLarge { .. })
        ));
        says(&told(&error), &["name, metadata", "bytes", "send less"]);
    }

    let exactly = Job::new("echo").metadata("fill", " ".repeat(100 << 10));
    let handle = soon("the launch", process.launch(exactly)).await;
    soon("the job", handle.expect("it fits").output())
        .await
        .expect("it is served");
    soon("the close", process.close()).await.expect("a report");
}

#[tokio::test]
async fn a_worker_that_takes_less_than_its_host_gives_the_limit() {
    let worker = rogue("small-payload");
    let process = ready(&worker, patient()).await.expect("ready");
    let job = Job::new(vec![0; 1_001]).name("size");
    let error = soon("the refusal", process.launch(job)).await;
    says(&told(&error.expect_err("too large")), &["1001", "1000"]);
    let job = Job::new(vec![0; 1_000]).name("size");
    let handle = soon("the launch", process.launch(job))
        .await
        .expect("a job");
    let output = soon("the job", handle.output()).await;
    assert_eq!(output.expect("it fits"), "1000");
    soon("the close", process.close()).await.expect("a report");
}

#[tokio::test]
async fn user_arguments_that_do_not_fit_the_handshake_are_refused() {
    let limit = 60 << 10;
    let worker = brute().user_arguments(vec![0; limit + 1]);
    let error = refused(Pool::builder(worker)).await;
    assert!(matches!(
        error,
        StartError::Config(ConfigError::Worker(
            WorkerError::UserArgumentsTooLarge { .. }
        ))
    ));
    says(&told(&error), &["user_arguments", "61441", "61440"]);

    let process = ready(&brute().user_arguments(vec![b' '; limit]), patient()).await;
    let process = process.expect("that fits");
    soon("the close", process.close()).await.expect("a report");
}

#[tokio::test]
async fn a_log_filter_that_does_not_fit_the_handshake_is_refused() {
    let limit = 2 << 10;
    let error = refused(Pool::builder(brute().log_filter("f".repeat(limit + 1)))).await;
    assert!(matches!(
        error,
        StartError::Config(ConfigError::Worker(WorkerError::LogFilterTooLarge { .. }))
    ));
    says(&told(&error), &["log_filter", "2049", "2048"]);

    // The most of everything still makes a handshake.
    let worker = brute()
        .log_filter(",".repeat(limit))
        .user_arguments(vec![b' '; 60 << 10]);
    let process = ready(&worker, patient()).await.expect("that fits");
    soon("the close", process.close()).await.expect("a report");
}

#[tokio::test]
async fn a_job_whose_input_is_nonsense_fails_alone_with_the_workers_words() {
    let process = ready(&brute(), patient()).await.expect("ready");
    let job = Job::new(vec![0xff; 100]);
    let handle = soon("the launch", process.launch(job))
        .await
        .expect("a job");
    let error = soon("the job", handle.output()).await;
    says(&told(&error.expect_err("it is nonsense")), &["no such job"]);
    soon("the close", process.close()).await.expect("a report");
}
