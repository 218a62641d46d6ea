//! A job carries its input and what is said about it to a worker, and brings back its output or one
//! clear reason why there is none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use greenroom::{
    Bytes, Call, EventKind, ExitReason, Job, JobError, JobHandle, LaunchError, LaunchRefused,
    Limits, Notice, Pool, PoolBuilder, Refusal, Worker,
};
use greenroom_tests::{
    Kill, Lines, Scratch, Story, begun, job, job_with, kill, lines, pattern, text, waits, within,
};

const ENDLESS: &str = "600000";

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

/// One worker at most, which runs any number of jobs.
fn one_worker() -> PoolBuilder {
    Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
}

async fn started(builder: PoolBuilder) -> Pool {
    within(20, builder.start()).await.unwrap()
}

async fn launched(pool: &Pool, job: Job) -> JobHandle {
    within(20, pool.launch(job)).await.unwrap()
}

async fn result(pool: &Pool, job: Job) -> Result<Bytes, JobError> {
    within(20, launched(pool, job).await.output()).await
}

/// A job that stays until its worker leaves, and has begun.
async fn staying(pool: &Pool) -> JobHandle {
    let mut handle = launched(pool, job("until_shutdown").metadata("announce", "1")).await;
    begun(&mut handle).await;
    handle
}

// ---- what a job is told

#[tokio::test]
async fn a_job_knows_everything_that_was_said_about_it() {
    let pool = started(one_worker()).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let job = job("describe")
        .id("picture 7")
        .metadata("width", "200")
        .metadata("title", "Été à la plage")
        .metadata("width", "300")
        .traceparent(traceparent);
    let output = result(&pool, job).await.unwrap();
    let said: Vec<_> = text(&output).lines().collect();
    let traceparent = format!("traceparent={traceparent}");
    for line in [
        "id=picture 7",
        "name=describe",
        "attempt=1",
        "deadline=none",
        &traceparent,
    ] {
        assert!(said.contains(&line), "{said:?}");
    }
    let metadata: Vec<_> = said
        .iter()
        .filter(|line| line.starts_with("meta."))
        .collect();
    let expected = [
        "meta.width=200",
        "meta.title=Été à la plage",
        "meta.width=300",
    ];
    assert!(metadata.into_iter().eq(&expected), "{said:?}");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_learns_how_much_time_it_has() {
    let pool = started(one_worker()).await;
    let output = result(&pool, job("describe").deadline(Duration::from_secs(500))).await;
    let output = output.unwrap();
    let left = text(&output)
        .lines()
        .find_map(|line| line.strip_prefix("deadline="));
    let left: u64 = left.unwrap().parse().unwrap();
    assert!((1..=500_000).contains(&left), "{left}");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn metadata_that_fits_in_no_frame_is_refused() {
    let pool = started(one_worker()).await;
    let huge = job("echo").metadata("essay", "a".repeat(1 << 20));
    let error = within(20, pool.launch(huge)).await.unwrap_err();
    assert!(
        matches!(
            error,
            LaunchError::Unacceptable(LaunchRefused::HeaderTooLarge { .. })
        ),
        "{error:?}"
    );
    // Nobody died of it, and the worker is free again.
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    assert_eq!(pool.stats().await.workers_created, 1);
    within(20, pool.close()).await;
}

// ---- payloads and streams

#[tokio::test]
async fn payloads_of_any_size_come_back_whole() {
    let pool = started(one_worker()).await;
    for size in [0, 1, 65_536, 262_143, 262_144, 262_145, 5_000_000] {
        let input = pattern(size);
        let output = result(&pool, job_with("echo", input.clone()))
            .await
            .unwrap();
        assert_eq!(output.len(), size);
        assert!(output == input, "{size} bytes came back changed");
    }
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused_with_both_numbers() {
    let limits = Limits {
        max_payload: 1_000,
        ..Limits::default()
    };
    let pool = started(one_worker().limits(limits)).await;
    let error = within(20, pool.launch(job_with("echo", vec![7; 1_001]))).await;
    let error = error.unwrap_err();
    let LaunchError::Unacceptable(LaunchRefused::PayloadTooLarge { size, limit }) = error else {
        panic!("{error:?}");
    };
    assert_eq!((size, limit), (1_001, 1_000));
    assert!(
        error
            .to_string()
            .contains("send less, or raise max_payload")
    );
    assert_eq!(
        result(&pool, job_with("echo", vec![7; 1_000]))
            .await
            .unwrap()
            .len(),
        1_000
    );
    assert_eq!(pool.stats().await.workers_created, 1);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_is_never_further_ahead_of_its_reader_than_the_window() {
    const WINDOW: usize = 128 << 10;
    const CHUNK: usize = 16 << 10;
    const SIZE: usize = 4 << 20;
    let scratch = Scratch::new();
    let sent = scratch.file("sent");
    let limits = Limits {
        output_window: WINDOW as u32,
        ..Limits::default()
    };
    let pool = started(one_worker().limits(limits)).await;
    let job = job("stream")
        .metadata("bytes", SIZE.to_string())
        .metadata("chunk", CHUNK.to_string())
        .metadata("file", &sent);
    let mut handle = launched(&pool, job).await;
    let mut received = Vec::new();
    while let Some(chunk) = within(20, handle.chunk()).await {
        let before = received.len();
        received.extend_from_slice(&chunk);
        let ahead = lines(&sent).len() * CHUNK;
        // What was read is granted anew, so what counts is what had been read before this.
        assert!(
            ahead <= received.len() + WINDOW,
            "{ahead} sent, {before} read"
        );
    }
    handle.finished().await.unwrap();
    assert!(received == pattern(SIZE), "the output is changed");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn output_that_nobody_reads_holds_only_its_own_job_up() {
    let scratch = Scratch::new();
    let sent = scratch.file("sent");
    let builder = Pool::builder(puppet().args(["--slots", "2"]))
        .idle(1)
        .max_workers(1);
    let pool = started(builder.jobs_per_worker(None)).await;
    let big = job("stream")
        .metadata("bytes", "8000000")
        .metadata("file", &sent);
    let mut unread = launched(&pool, big).await;
    unread.started().await.unwrap();
    for _ in 0..20 {
        assert_eq!(
            result(&pool, job_with("echo", "beside it")).await.unwrap(),
            "beside it"
        );
    }
    assert!(lines(&sent).len() * 65_536 <= Limits::default().output_window as usize);
    let output = within(20, unread.output()).await.unwrap();
    assert!(output == pattern(8_000_000), "the output is changed");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_whose_handle_was_dropped_goes_on_to_its_end() {
    let scratch = Scratch::new();
    let sent = scratch.file("sent");
    let (pool, events) = one_worker().start_in_background().unwrap();
    let mut story = Story::new(events);
    let big = job("stream")
        .metadata("bytes", "8000000")
        .metadata("file", &sent);
    let mut handle = launched(&pool, big).await;
    assert!(within(20, handle.chunk()).await.is_some());
    drop(handle);
    let finished = |kind: &EventKind| matches!(kind, EventKind::JobFinished { error: None, .. });
    story.until(finished).await;
    let sizes = lines(&sent);
    let total: usize = sizes
        .iter()
        .map(|size| size.parse::<usize>().unwrap())
        .sum();
    assert_eq!(total, 8_000_000);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_result_larger_than_a_frame_and_the_window_arrives_whole() {
    let pool = started(one_worker()).await;
    let big = job("result").metadata("bytes", "5000000");
    assert!(
        result(&pool, big).await.unwrap() == pattern(5_000_000),
        "it is changed"
    );
    within(20, pool.close()).await;
}

#[tokio::test]
async fn more_output_than_was_to_be_collected_cancels_the_job() {
    let pool = started(one_worker()).await;
    let big = job("stream")
        .metadata("bytes", "100000000")
        .max_output(1_000_000);
    let error = result(&pool, big).await.unwrap_err();
    assert!(
        matches!(error, JobError::OutputTooLarge { limit: 1_000_000 }),
        "{error:?}"
    );
    // The only worker is free again soon, which it would not be if the job went on.
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    assert_eq!(pool.stats().await.workers_created, 1);
    within(20, pool.close()).await;
}

// ---- cancel and deadline

#[tokio::test]
async fn a_job_that_is_cancelled_stops_and_its_worker_lives() {
    let pool = started(one_worker()).await;
    let long = job("sleep")
        .metadata("ms", ENDLESS)
        .metadata("announce", "1");
    let mut handle = launched(&pool, long).await;
    begun(&mut handle).await;
    handle.cancel();
    handle.cancel();
    let error = within(20, handle.finished()).await.unwrap_err();
    assert!(matches!(error, JobError::Cancelled), "{error:?}");
    handle.cancel();
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    assert_eq!(pool.stats().await.workers_created, 1);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_that_listens_may_end_a_cancel_in_its_own_way() {
    let pool = started(one_worker()).await;
    let mut handle = launched(&pool, job("wait").metadata("announce", "1")).await;
    begun(&mut handle).await;
    handle.cancel();
    let output = within(20, handle.output()).await.unwrap();
    assert_eq!(text(&output), "cancelled: requested");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_that_ignores_its_cancel_is_cancelled_with_its_worker() {
    let grace = Duration::from_millis(300);
    let (pool, events) = one_worker()
        .cancel_grace(grace)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    for command in ["hang", "hang_blocking"] {
        let deaf = job(command).metadata("announce", "1").id(command);
        let mut handle = launched(&pool, deaf).await;
        begun(&mut handle).await;
        handle.cancel();
        let error = within(20, handle.finished()).await.unwrap_err();
        assert!(matches!(error, JobError::Cancelled), "{error:?}");
    }
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    within(20, pool.close()).await;
    story.to_the_end().await;
    let reasons: Vec<_> = story
        .reports()
        .iter()
        .map(|report| report.reason.clone())
        .collect();
    let ignored = |job: &str| ExitReason::CancelIgnored {
        job: job.into(),
        after: grace,
    };
    let expected = [ignored("hang"), ignored("hang_blocking"), ExitReason::Clean];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn a_launch_that_nobody_waits_for_any_more_leaves_the_queue() {
    let pool = started(one_worker()).await;
    let scratch = Scratch::new();
    let begun_file = scratch.file("begun");
    let long = job("sleep")
        .metadata("ms", ENDLESS)
        .metadata("announce", "1");
    let mut first = launched(&pool, long).await;
    begun(&mut first).await;
    let unwanted = job("echo").metadata("append", &begun_file);
    let mut waiting = Box::pin(pool.launch(unwanted));
    assert!(waits(&mut waiting).await);
    assert_eq!(pool.stats().await.waiting, 1);
    drop(waiting);
    assert_eq!(pool.stats().await.waiting, 0);
    first.cancel();
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    within(20, pool.close()).await;
    assert!(lines(&begun_file).is_empty(), "it was run for nobody");
}

#[tokio::test]
async fn a_job_is_stopped_at_its_deadline() {
    let deadline = Duration::from_millis(200);
    let pool = started(one_worker()).await;
    let long = job("sleep").metadata("ms", ENDLESS).deadline(deadline);
    let error = result(&pool, long).await.unwrap_err();
    assert!(
        matches!(error, JobError::DeadlineExceeded { deadline: said } if said == deadline),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("its deadline of 200ms"),
        "{error}"
    );
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    assert_eq!(pool.stats().await.workers_created, 1);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_that_does_not_stop_at_its_deadline_ends_with_its_worker() {
    let deadline = Duration::from_millis(200);
    let (pool, events) = one_worker()
        .cancel_grace(Duration::from_millis(200))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    for command in ["hang", "hang_blocking"] {
        let deaf = job(command).deadline(deadline).id(command);
        let error = result(&pool, deaf).await.unwrap_err();
        assert!(
            matches!(error, JobError::DeadlineExceeded { deadline: said } if said == deadline),
            "{error:?}"
        );
    }
    within(20, pool.close()).await;
    story.to_the_end().await;
    for (report, job) in story.reports().iter().zip(["hang", "hang_blocking"]) {
        let job = job.into();
        assert_eq!(report.reason, ExitReason::JobDeadline { job, deadline });
    }
}

#[tokio::test]
async fn a_job_that_asks_for_more_time_gets_it_up_to_the_hosts_maximum() {
    let granted = |wanted: u64| {
        move |kind: &EventKind| {
            matches!(kind, EventKind::Worker { notice: Notice::DeadlineExtended { granted, .. }, .. }
                if *granted == Duration::from_millis(wanted))
        }
    };
    let job = || {
        job("extend")
            .metadata("extend_ms", "30000")
            .deadline(Duration::from_secs(1))
    };
    let (pool, events) = one_worker().start_in_background().unwrap();
    let mut story = Story::new(events);
    assert_eq!(
        result(&pool, job().metadata("ms", "1500")).await.unwrap(),
        "slept"
    );
    within(20, pool.close()).await;
    story.to_the_end().await;
    assert_eq!(story.count(granted(30_000)), 1);

    let builder = one_worker().max_extension(Duration::from_millis(200));
    let (pool, events) = builder.start_in_background().unwrap();
    let mut story = Story::new(events);
    let error = result(&pool, job().metadata("ms", ENDLESS))
        .await
        .unwrap_err();
    let total = Duration::from_millis(1_200);
    assert!(
        matches!(error, JobError::DeadlineExceeded { deadline } if deadline == total),
        "{error:?}"
    );
    within(20, pool.close()).await;
    story.to_the_end().await;
    assert_eq!(story.count(granted(200)), 1);
}

// ---- retries and retirement

#[tokio::test]
async fn a_failure_is_tried_again_as_often_as_the_caller_allows_if_the_handler_says_so() {
    let pool = started(one_worker()).await;
    let shaky = || {
        job_with("fail", "try again")
            .metadata("retryable", "1")
            .metadata("until", "3")
    };
    assert_eq!(result(&pool, shaky().retries(2)).await.unwrap(), "3");
    let error = result(&pool, shaky().retries(1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            JobError::Failed {
                retryable: true,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "try again");

    let hopeless = job_with("fail", "never").metadata("until", "2").retries(5);
    let error = result(&pool, hopeless).await.unwrap_err();
    assert!(
        matches!(
            error,
            JobError::Failed {
                retryable: false,
                ..
            }
        ),
        "{error:?}"
    );
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_whose_worker_died_is_tried_again_only_if_the_caller_allows_it() {
    let scratch = Scratch::new();
    let attempts = scratch.file("attempts");
    let pool = started(Pool::builder(puppet()).idle(1)).await;
    let deadly = || {
        job("abort")
            .metadata("until", "2")
            .metadata("append", &attempts)
    };
    let error = result(&pool, deadly()).await.unwrap_err();
    assert!(
        matches!(error, JobError::Lost { started: true, .. }),
        "{error:?}"
    );
    assert_eq!(lines(&attempts), ["abort 1"]);
    assert_eq!(result(&pool, deadly().retries(1)).await.unwrap(), "2");
    assert_eq!(lines(&attempts), ["abort 1", "abort 1", "abort 2"]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_job_whose_output_was_streamed_is_not_tried_again() {
    let scratch = Scratch::new();
    let attempts = scratch.file("attempts");
    let pool = started(Pool::builder(puppet()).idle(1)).await;
    let deadly = job("abort")
        .metadata("announce", "1")
        .metadata("append", &attempts)
        .retries(5);
    let mut handle = launched(&pool, deadly).await;
    begun(&mut handle).await;
    let error = within(20, handle.finished()).await.unwrap_err();
    assert!(
        matches!(error, JobError::Lost { started: true, .. }),
        "{error:?}"
    );
    assert_eq!(lines(&attempts), ["abort 1"]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_that_retires_is_replaced_and_leaves_cleanly() {
    // With a place that stays free, nothing but the wish calls for another worker.
    let (pool, events) = Pool::builder(puppet().args(["--slots", "2"]))
        .idle(1)
        .jobs_per_worker(None)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let handle = launched(&pool, job_with("retire", "my cache is full")).await;
    let retiring = handle.worker().unwrap();
    assert_eq!(within(20, handle.output()).await.unwrap(), "retired");
    story
        .until(|kind| matches!(kind, EventKind::Closed { .. }))
        .await;
    let reports = story.reports();
    assert_eq!(reports[0].worker, retiring);
    assert_eq!(reports[0].reason, ExitReason::Clean);
    let wish = |kind: &EventKind| {
        matches!(kind, EventKind::Worker { worker, notice: Notice::Retiring { reason } }
            if *worker == retiring && reason == "my cache is full")
    };
    assert_eq!(story.count(wish), 1);
    let created = |kind: &EventKind| matches!(kind, EventKind::Created { .. });
    assert_eq!(story.count(created), 2, "its replacement was started first");
    assert_eq!(
        result(&pool, job_with("echo", "next")).await.unwrap(),
        "next"
    );
    within(20, pool.close()).await;
}

// ---- calls

#[tokio::test]
async fn a_job_asks_its_host_and_gets_the_answer_or_the_refusal() {
    let serve = async |call: Call| match call.method.as_str() {
        "double" => Ok([call.argument.clone(), call.argument].concat()),
        other => Err(format!("there is no {other}")),
    };
    let builder = one_worker().on_call(move |call| Box::pin(serve(call)));
    let pool = started(builder).await;
    let ask = |method: &str| job_with("call", "abc").metadata("method", method);
    assert_eq!(result(&pool, ask("double")).await.unwrap(), "abcabc");
    let error = result(&pool, ask("triple")).await.unwrap_err();
    assert!(error.to_string().contains("there is no triple"), "{error}");
    let large = job_with("call", vec![7; 1 << 20]).metadata("method", "double");
    let error = result(&pool, large).await.unwrap_err();
    assert!(error.to_string().contains("send less"), "{error}");
    // More at a time than the host serves at once.
    let many = job_with("calls", "x")
        .metadata("method", "double")
        .metadata("count", "500");
    let output = result(&pool, many).await.unwrap();
    let mut answers: Vec<_> = text(&output).lines().map(str::to_owned).collect();
    let mut expected: Vec<_> = (0..500)
        .map(|number| format!("x {number}x {number}"))
        .collect();
    answers.sort_unstable();
    expected.sort_unstable();
    assert_eq!(answers, expected);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_call_to_a_host_that_serves_none_is_refused() {
    let pool = started(one_worker()).await;
    let ask = job_with("call", "abc").metadata("method", "double");
    let error = result(&pool, ask).await.unwrap_err();
    assert!(error.to_string().contains("serves no calls"), "{error}");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn calls_can_be_served_by_another_pool() {
    let servants = started(one_worker()).await;
    let pool = started(one_worker().on_call(servants.clone())).await;
    let ask = |method: &str| job_with("call", "abc").metadata("method", method);
    assert_eq!(result(&pool, ask("echo")).await.unwrap(), "abc");
    let error = result(&pool, ask("fail")).await.unwrap_err();
    assert!(error.to_string().contains("abc"), "{error}");
    // A servant that dies costs its call, not the worker that called.
    let error = result(&pool, ask("abort")).await.unwrap_err();
    assert!(matches!(error, JobError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("SIGABRT"), "{error}");
    assert_eq!(result(&pool, ask("echo")).await.unwrap(), "abc");
    assert_eq!(pool.stats().await.workers_created, 1);
    within(20, pool.close()).await;
    within(20, servants.close()).await;
}

#[tokio::test]
async fn a_call_ends_with_its_worker() {
    let (asked, mut questions) = tokio::sync::mpsc::unbounded_channel();
    let never = move |_: Call| {
        let asked = asked.clone();
        async move {
            // Dropped, it tells that nobody serves the call any more.
            let (guard, dropped) = tokio::sync::oneshot::channel::<()>();
            asked.send(dropped).unwrap();
            std::future::pending::<()>().await;
            drop(guard);
            Ok::<_, String>(Bytes::new())
        }
    };
    let pool = started(one_worker().on_call(never)).await;
    let handle = launched(&pool, job("call").metadata("method", "wait")).await;
    let dropped = within(20, questions.recv()).await.unwrap();
    handle.kill();
    within(20, dropped).await.unwrap_err();
    within(20, handle.output()).await.unwrap_err();
    within(20, pool.close()).await;
}

// ---- waiting for a place

#[tokio::test]
async fn a_reservation_holds_a_worker_for_a_job_to_come() {
    let pool = started(one_worker()).await;
    let reservation = within(20, pool.reserve()).await.unwrap();
    assert_eq!(pool.stats().await.busy, 1);
    let mut other = Box::pin(pool.launch(job_with("echo", "second")));
    assert!(waits(&mut other).await);
    assert_eq!(pool.stats().await.waiting, 1);

    let worker = reservation.worker();
    let handle = within(20, reservation.launch(job_with("echo", "first")))
        .await
        .unwrap();
    assert_eq!(handle.worker(), Some(worker));
    assert_eq!(handle.output().await.unwrap(), "first");
    let handle = within(20, other).await.unwrap();
    assert_eq!(handle.output().await.unwrap(), "second");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_reservation_that_is_dropped_gives_its_worker_back_unused() {
    let pool = started(Pool::builder(puppet()).idle(1).max_workers(1)).await;
    for _ in 0..3 {
        drop(within(20, pool.reserve()).await.unwrap());
    }
    assert_eq!(
        result(&pool, job_with("echo", "mine")).await.unwrap(),
        "mine"
    );
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_reservation_whose_worker_dies_gets_another() {
    let (pool, events) = one_worker().start_in_background().unwrap();
    let mut story = Story::new(events);
    let reservation = within(20, pool.reserve()).await.unwrap();
    story
        .until(|kind| matches!(kind, EventKind::Ready { .. }))
        .await;
    kill(story.pid(reservation.worker()), Kill::Now);
    story
        .until(|kind| matches!(kind, EventKind::Closed { .. }))
        .await;
    let dead = reservation.worker();
    let handle = within(20, reservation.launch(job_with("echo", "anyway")))
        .await
        .unwrap();
    assert_ne!(handle.worker(), Some(dead));
    assert_eq!(handle.output().await.unwrap(), "anyway");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_an_old_wait_is_given_up() {
    let builder = one_worker()
        .queue(2)
        .queue_deadline(Duration::from_millis(500));
    let pool = started(builder).await;
    let running = staying(&pool).await;
    let mut first = Box::pin(pool.launch(job("echo")));
    let mut second = Box::pin(pool.reserve());
    assert!(waits(&mut first).await);
    assert!(waits(&mut second).await);
    let refused = within(5, pool.launch(job("echo"))).await.unwrap_err();
    assert!(
        matches!(
            refused,
            LaunchError::Refused(Refusal::Saturated { waiting: 2 })
        ),
        "{refused:?}"
    );
    let given_up = within(20, first).await.unwrap_err();
    let LaunchError::Refused(Refusal::QueueDeadline { waited }) = given_up else {
        panic!("{given_up:?}");
    };
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
    let given_up = within(20, second).await.unwrap_err();
    assert!(matches!(
        given_up,
        LaunchError::Refused(Refusal::QueueDeadline { .. })
    ));
    within(20, pool.close()).await;
    assert_eq!(running.output().await.unwrap(), "requested");
}

#[tokio::test]
async fn jobs_are_run_in_the_order_in_which_they_were_launched() {
    let scratch = Scratch::new();
    let order = scratch.file("order");
    let pool = started(one_worker()).await;
    let (go, mut going): (String, Lines) = scratch.pipe("go");
    let first = job("sleep").metadata("ms", "50").metadata("append", &go);
    let first = launched(&pool, first).await;
    going.line().await;
    let mut waiting = Vec::new();
    for command in ["print", "echo", "describe", "log"] {
        let mut launch = Box::pin(pool.launch(job(command).metadata("append", &order)));
        assert!(waits(&mut launch).await);
        waiting.push(launch);
    }
    first.output().await.unwrap();
    for launch in waiting {
        within(20, launch).await.unwrap().output().await.unwrap();
    }
    assert_eq!(lines(&order), ["print 1", "echo 1", "describe 1", "log 1"]);
    within(20, pool.close()).await;
}

// ---- blocking work, and many jobs

#[tokio::test]
async fn blocking_work_leaves_the_other_slots_free() {
    let builder = Pool::builder(puppet().args(["--slots", "2"]))
        .idle(1)
        .max_workers(1);
    let pool = started(builder.jobs_per_worker(None)).await;
    let busy = job("busy").metadata("ms", "1000").metadata("announce", "1");
    let mut busy = launched(&pool, busy).await;
    begun(&mut busy).await;
    let beside = launched(&pool, job_with("echo", "beside it")).await;
    assert_eq!(beside.worker(), busy.worker());
    assert_eq!(within(20, beside.output()).await.unwrap(), "beside it");
    assert_eq!(pool.stats().await.running, 1, "the busy one still runs");
    assert_eq!(within(20, busy.output()).await.unwrap(), "busy");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_handle_tells_when_its_job_was_launched_and_begun() {
    let pool = started(one_worker()).await;
    let mut handle = launched(&pool, job_with("echo", "x").id("the one")).await;
    assert_eq!(handle.id(), "the one");
    assert!(handle.launch_latency().is_none());
    within(20, handle.started()).await.unwrap();
    let latency = handle.launch_latency().unwrap();
    within(20, handle.started()).await.unwrap();
    assert_eq!(handle.launch_latency(), Some(latency));
    assert_eq!(handle.output().await.unwrap(), "x");
    within(20, pool.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_from_many_tasks_each_get_their_own_answer() {
    let builder = Pool::builder(puppet().args(["--slots", "8"]));
    let pool = started(builder.idle(2).max_workers(3).jobs_per_worker(50)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..20 {
        let pool = pool.clone();
        tasks.spawn(async move {
            let mut workers = BTreeSet::new();
            for number in 0..25 {
                let words = format!("{task}/{number}");
                let handle = pool.launch(job_with("echo", words.clone())).await.unwrap();
                workers.insert(handle.worker());
                assert_eq!(handle.output().await.unwrap(), words);
            }
            workers
        });
    }
    let workers = within(60, tasks.join_all()).await;
    let workers: BTreeSet<_> = workers.into_iter().flatten().collect();
    assert!(
        workers.len() >= 10,
        "500 jobs, 50 for each worker: {workers:?}"
    );
    let stats = pool.stats().await;
    assert_eq!(
        (stats.launched, stats.succeeded, stats.failed),
        (500, 500, 0)
    );
    within(20, pool.close()).await;
}
