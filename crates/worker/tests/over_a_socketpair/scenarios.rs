//! What a worker promises, one function for each promise.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

use bytes::Bytes;
use greenroom_protocol::*;

use crate::peer::{HOST_PID, Peer, ROLE, WORKER, command, request, start_job, wait_for_end_of};

type Scenario = (&'static str, fn());

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        /// All of them, by name.
        pub const ALL: &[Scenario] = &[$((stringify!($name), $name)),*];
    };
}

// The list would otherwise be written twice.
scenarios![
    by_hand_it_explains_itself_and_exits_64,
    without_a_socket_it_explains_itself,
    with_another_parent_it_says_that_the_host_is_gone,
    the_handshake_says_who_the_worker_is,
    another_protocol_version_is_refused_with_both_ranges,
    a_failed_initialize_says_why_and_exits_1,
    a_panic_in_initialize_says_where,
    shutdown_during_initialize_leaves_with_0,
    a_closure_a_function_and_a_blocking_function_are_handlers,
    the_handler_sees_what_the_host_said,
    input_in_pieces_is_put_together,
    a_failure_keeps_its_kind_and_message,
    a_panic_fails_one_job_with_its_place,
    a_panic_on_a_blocking_thread_has_its_place,
    a_job_that_aborts_the_process_was_accepted,
    a_job_over_the_slots_is_rejected,
    a_cancelled_job_is_dropped_at_its_next_await,
    an_attentive_job_ends_by_itself_when_cancelled,
    a_job_cancelled_before_its_input_is_complete_never_starts,
    output_waits_for_the_window,
    a_large_result_is_streamed_and_ends_in_the_last_message,
    a_call_goes_to_the_host_and_back,
    extensions_are_added_up_and_the_first_retire_counts,
    pongs_go_on_during_blocking_work,
    shutdown_without_jobs_exits_0,
    shutdown_notice_lets_a_job_finish_and_ask_for_time,
    callbacks_run_when_a_hanging_job_is_dropped,
    callbacks_run_when_a_job_fails_or_panics_late,
    a_job_that_ended_before_the_shutdown_has_no_callbacks,
    a_job_after_shutdown_is_rejected,
    logs_are_one_json_object_a_line,
    a_malformed_log_filter_falls_back_to_info,
    garbage_from_the_host_exits_70,
    every_message_out_of_place_exits_70,
    a_host_that_asks_and_never_reads_is_left,
    a_gone_host_ends_an_idle_worker,
    a_gone_host_lets_callbacks_run,
    a_gone_host_ends_a_spinning_worker_and_its_children,
    a_host_that_dies_and_leaves_its_socket_open_ends_the_worker,
];

fn by_hand_it_explains_itself_and_exits_64() {
    let output = command("closure")
        .env_remove(WORKER)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("is a Greenroom worker: it is started by a host"),
        "{text}"
    );
    assert!(text.contains("GREENROOM_WORKER is not set"), "{text}");
    assert!((3..=4).contains(&text.lines().count()), "{text}");
}

fn without_a_socket_it_explains_itself() {
    let output = command("closure").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("standard input is not a socket"), "{text}");
}

fn with_another_parent_it_says_that_the_host_is_gone() {
    let mut command = command("closure");
    command.env(HOST_PID, "1");
    let (status, text) = Peer::start_as(command).exit();
    assert_eq!(status.code(), Some(69));
    assert!(text.contains("the host is gone"), "{text}");
}

fn the_handshake_says_who_the_worker_is() {
    let mut peer = Peer::start("actor");
    let response = peer.initialize(request(), b"");
    assert_eq!(response.error, None);
    assert_eq!((response.protocol, response.slots), (1, 2));
    assert!(response.name.starts_with("over_a_socketpair"));
    assert_eq!(response.version, "7.1");
    assert_eq!(response.pid, peer.child.id());
    assert!(response.sdk.starts_with("greenroom-worker "));
    peer.leave();
}

fn another_protocol_version_is_refused_with_both_ranges() {
    let mut peer = Peer::start("actor");
    let request = InitializeRequest {
        protocol_min: 2,
        protocol_max: 5,
        ..request()
    };
    let response = peer.initialize(request, b"");
    let error = response.error.unwrap();
    assert_eq!(error.code, InitializeCode::VERSION);
    assert!(error.message.contains("1 to 1") && error.message.contains("2 to 5"));
    assert_eq!(response.protocol, 1);
    assert_eq!(peer.exit().0.code(), Some(1));
}

fn a_failed_initialize_says_why_and_exits_1() {
    let mut peer = Peer::start("actor");
    let error = peer.initialize(request(), b"fail").error.unwrap();
    assert_eq!(error.code, InitializeCode::FAILED);
    assert_eq!(error.message, "the model is missing");
    assert_eq!(peer.exit().0.code(), Some(1));
}

fn a_panic_in_initialize_says_where() {
    let mut peer = Peer::start("actor");
    let message = peer.initialize(request(), b"panic").error.unwrap().message;
    assert!(message.starts_with("no model, at "), "{message}");
    assert!(message.contains("actor.rs:"), "{message}");
    assert_eq!(peer.exit().0.code(), Some(1));
}

fn shutdown_during_initialize_leaves_with_0() {
    let mut peer = Peer::start("actor");
    peer.send(HostMessage::InitializeRequest(
        request(),
        Bytes::from_static(b"slow"),
    ));
    assert_eq!(
        peer.receive(),
        WorkerMessage::ExtendDeadline(ExtendDeadline {
            which: DeadlineKind::INITIALIZE,
            job: 0,
            extra_ms: 3_000
        })
    );
    peer.leave();
}

fn a_closure_a_function_and_a_blocking_function_are_handlers() {
    let mut peer = Peer::ready("closure");
    peer.start_job(1, "", "hello");
    assert_eq!(peer.output(1), b"HELLO");
    peer.leave();

    let mut peer = Peer::ready("function");
    peer.start_job(1, "", "21");
    assert_eq!(peer.output(1), b"42");
    peer.start_job(2, "", "x");
    assert_eq!(peer.failure(2).message, "invalid digit found in string");
    peer.leave();

    let mut peer = Peer::ready("blocking");
    peer.start_job(1, "", "");
    peer.expect_accepted(1);
    assert!(matches!(peer.receive(), WorkerMessage::JobOutput(..)));
    // It looks whether it is cancelled, so it ends in its own way.
    peer.cancel(1);
    assert_eq!(peer.output(1), b"and done");
    peer.leave();
}

fn the_handler_sees_what_the_host_said() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "greet", "");
    assert_eq!(peer.output(1), b"hello");
    peer.start_job(2, "context", "");
    assert_eq!(peer.output(2), b"id-2 Some(\"blue\") None None 2");
    peer.leave();
}

fn input_in_pieces_is_put_together() {
    let mut peer = Peer::ready("actor");
    let first = StartJob {
        last: false,
        ..start_job(1, "upper")
    };
    peer.send(HostMessage::StartJob(first, "one ".into()));
    for (text, last) in [("two ", false), ("", false), ("three", true)] {
        peer.send(HostMessage::JobInput(
            JobInput { job: 1, last },
            text.into(),
        ));
    }
    peer.expect_accepted(1);
    assert_eq!(peer.output(1), b"ONE TWO THREE");
    peer.leave();
}

fn a_failure_keeps_its_kind_and_message() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "fail", "");
    let failure = JobFailure {
        kind: FailureKind::ERROR,
        message: "no luck".into(),
        retryable: true,
    };
    assert_eq!(peer.failure(1), failure);
    peer.leave();
}

fn a_panic_fails_one_job_with_its_place() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "panic", "");
    let failure = peer.failure(1);
    assert_eq!(failure.kind, FailureKind::PANIC);
    let message = &failure.message;
    assert!(message.starts_with("boom id-1, at "), "{message}");
    assert!(message.contains("actor.rs:"), "{message}");
    peer.start_job(2, "upper", "still here");
    assert_eq!(peer.output(2), b"STILL HERE");
    let errors = peer.leave();
    let panics = errors.matches("boom id-1").count();
    assert_eq!(panics, 1, "one log record: {errors}");
}

fn a_panic_on_a_blocking_thread_has_its_place() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "panic elsewhere", "");
    let failure = peer.failure(1);
    assert_eq!(failure.kind, FailureKind::PANIC);
    assert!(failure.message.starts_with("deep, at "), "{failure:?}");
    assert!(failure.message.contains("actor.rs:"), "{failure:?}");
    peer.leave();
}

fn a_job_that_aborts_the_process_was_accepted() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "abort", "");
    peer.expect_accepted(1);
    assert_eq!(peer.next(), None);
    assert_eq!(peer.exit().0.signal(), Some(6));
}

fn a_job_over_the_slots_is_rejected() {
    let mut peer = Peer::ready("actor");
    for job in 1..=2 {
        peer.start_job(job, "hang", "");
        peer.expect_accepted(job);
    }
    peer.start_job(3, "hang", "");
    assert_eq!(peer.failure(3).kind, FailureKind::REJECTED);
    peer.cancel(1);
    assert!(peer.outcome(1).0.cancelled);
    peer.start_job(4, "upper", "free again");
    assert_eq!(peer.output(4), b"FREE AGAIN");
}

fn a_cancelled_job_is_dropped_at_its_next_await() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "hang", "");
    peer.expect_accepted(1);
    peer.cancel(1);
    assert!(peer.outcome(1).0.cancelled);
    // May cross the end of the job.
    peer.cancel(1);
    peer.grant(1, 5);
    peer.leave();
}

fn an_attentive_job_ends_by_itself_when_cancelled() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "finisher", "");
    peer.expect_accepted(1);
    // The pong comes after the handler has begun to wait.
    peer.ping(1);
    assert!(matches!(peer.receive(), WorkerMessage::Pong(_)));
    peer.cancel(1);
    assert_eq!(peer.output(1), b"told: requested");
    peer.start_job(2, "attentive", "");
    peer.expect_accepted(2);
    peer.cancel(2);
    let (finished, _) = peer.outcome(2);
    assert!(finished.cancelled, "an error after a cancel is the cancel");
    peer.leave();
}

fn a_job_cancelled_before_its_input_is_complete_never_starts() {
    let mut peer = Peer::ready("actor");
    let first = StartJob {
        last: false,
        ..start_job(1, "upper")
    };
    peer.send(HostMessage::StartJob(first, Bytes::new()));
    peer.cancel(1);
    assert!(matches!(
        peer.receive(),
        WorkerMessage::JobFinished(
            JobFinished {
                job: 1,
                cancelled: true,
                ..
            },
            _
        )
    ));
    // Was on its way.
    let more = JobInput { job: 1, last: true };
    peer.send(HostMessage::JobInput(more, "late".into()));
    peer.leave();
}

fn output_waits_for_the_window() {
    let mut peer = Peer::ready("actor");
    let window = Limits::MIN_OUTPUT_WINDOW as usize;
    peer.start_job(1, "stream", "");
    peer.expect_accepted(1);
    let mut output = Vec::new();
    while output.len() < window {
        let WorkerMessage::JobOutput(_, data) = peer.receive() else {
            panic!("expected output");
        };
        output.extend_from_slice(&data);
    }
    assert_eq!(output.len(), window);
    peer.ping(9);
    match peer.receive() {
        WorkerMessage::Pong(pong) => assert_eq!((pong.seq, pong.jobs), (9, 1)),
        other => panic!("nothing may pass the window, got {other:?}"),
    }
    // Each output costs 64 at least: with less credit nothing is sent.
    peer.grant(1, 63);
    peer.ping(10);
    match peer.receive() {
        WorkerMessage::Pong(pong) => assert_eq!(pong.seq, 10),
        other => panic!("63 bytes of credit are too few, got {other:?}"),
    }
    peer.grant(1, 1);
    match peer.receive() {
        WorkerMessage::JobOutput(_, data) => output.extend_from_slice(&data),
        other => panic!("expected 64 bytes of output, got {other:?}"),
    }
    assert_eq!(output.len(), window + 64);
    peer.grant(1, 64 << 10);
    output.extend(peer.output(1));
    let expected: Vec<u8> = (0..8).flat_map(|byte| vec![byte; 50_000]).collect();
    assert!(output.strip_suffix(b"end") == Some(&expected));
    peer.leave();
}

fn a_large_result_is_streamed_and_ends_in_the_last_message() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "big", "");
    assert_eq!(peer.output(1), vec![7; 400 << 10]);
    // Cancelled while it waits for a window that never comes.
    peer.start_job(2, "big", "");
    peer.expect_accepted(2);
    peer.cancel(2);
    assert!(peer.outcome(2).0.cancelled);
    peer.leave();
}

fn a_call_goes_to_the_host_and_back() {
    let mut peer = Peer::ready("actor");
    for (job, error, expected) in [(1, None, "abab"), (2, Some("busy"), "")] {
        peer.start_job(job, "call", "ab");
        peer.expect_accepted(job);
        let WorkerMessage::CallRequest(request, argument) = peer.receive() else {
            panic!("expected a call");
        };
        assert_eq!((request.call, request.method.as_str()), (job, "double"));
        let response = CallResponse {
            call: request.call,
            error: error.map(Into::into),
        };
        let data = argument.repeat(2).into();
        peer.send(HostMessage::CallResponse(response, data));
        match error {
            None => assert_eq!(peer.output(job), expected.as_bytes()),
            Some(_) => assert_eq!(peer.failure(job).message, "the host answered: busy"),
        }
    }
    peer.start_job(3, "too large a call", "");
    let message = peer.failure(3).message;
    assert!(message.contains("there is room for 262144"), "{message}");
    peer.leave();
}

fn extensions_are_added_up_and_the_first_retire_counts() {
    let mut peer = Peer::ready("actor");
    peer.start_job(5, "extend", "");
    peer.expect_accepted(5);
    assert_eq!(
        peer.receive(),
        WorkerMessage::ExtendDeadline(ExtendDeadline {
            which: DeadlineKind::JOB,
            job: 5,
            extra_ms: 1_000
        })
    );
    assert_eq!(
        peer.receive(),
        WorkerMessage::Retire(Retire {
            reason: "tired".into()
        })
    );
    assert_eq!(peer.output(5), b"");
    peer.leave();
}

fn pongs_go_on_during_blocking_work() {
    let mut peer = Peer::ready("blocking");
    peer.start_job(1, "", "");
    peer.expect_accepted(1);
    assert!(matches!(peer.receive(), WorkerMessage::JobOutput(..)));
    for seq in [4, 2, 900] {
        peer.ping(seq);
        match peer.receive() {
            WorkerMessage::Pong(pong) => assert_eq!((pong.seq, pong.jobs), (seq, 1)),
            other => panic!("expected a pong, got {other:?}"),
        }
    }
    // It has blocking work under way and has looked: it is not dropped.
    peer.cancel(1);
    assert_eq!(peer.output(1), b"and done");
    peer.leave();
}

fn shutdown_without_jobs_exits_0() {
    let errors = Peer::ready("actor").leave();
    assert!(errors.contains("\"reason\":\"surplus\""), "{errors}");
}

fn shutdown_notice_lets_a_job_finish_and_ask_for_time() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "notice", "");
    peer.expect_accepted(1);
    peer.shut_down(60_000);
    assert_eq!(
        peer.receive(),
        WorkerMessage::ShuttingDown(ShuttingDown { jobs: 1 })
    );
    assert_eq!(
        peer.receive(),
        WorkerMessage::ExtendDeadline(ExtendDeadline {
            which: DeadlineKind::CLOSE,
            job: 0,
            extra_ms: 5_000
        })
    );
    assert_eq!(peer.output(1), b"must leave: surplus");
    peer.expect_exiting();
    assert_eq!(peer.exit().0.code(), Some(0));
}

/// Shuts down while a job with callbacks runs that then ends as told.
fn callbacks_after(ending: &'static str, grace_ms: u64) -> (JobFinished, Vec<u8>) {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "callbacks", ending);
    peer.expect_accepted(1);
    assert!(matches!(peer.receive(), WorkerMessage::JobOutput(_, data) if data == "ready"));
    peer.shut_down(grace_ms);
    assert_eq!(
        peer.receive(),
        WorkerMessage::ShuttingDown(ShuttingDown { jobs: 1 })
    );
    let outcome = peer.outcome(1);
    peer.expect_exiting();
    let (status, errors) = peer.exit();
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(errors.contains("a bad callback"), "{errors}");
    outcome
}

fn callbacks_run_when_a_hanging_job_is_dropped() {
    let (finished, output) = callbacks_after("hang", 50);
    assert!(finished.cancelled);
    assert_eq!(output, b"saved: surplus");
}

fn callbacks_run_when_a_job_fails_or_panics_late() {
    let (finished, output) = callbacks_after("fail", 60_000);
    assert_eq!(finished.failure.unwrap().message, "failed late");
    assert_eq!(output, b"saved: surplus");
    let (finished, output) = callbacks_after("panic", 60_000);
    assert_eq!(finished.failure.unwrap().kind, FailureKind::PANIC);
    assert_eq!(output, b"saved: surplus");
}

fn a_job_that_ended_before_the_shutdown_has_no_callbacks() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "callbacks", "finish");
    assert_eq!(peer.output(1), b"ready");
    let errors = peer.leave();
    assert!(!errors.contains("callback"), "{errors}");
}

fn a_job_after_shutdown_is_rejected() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "hang", "");
    let unfinished = StartJob {
        last: false,
        ..start_job(2, "upper")
    };
    peer.send(HostMessage::StartJob(unfinished, Bytes::new()));
    peer.expect_accepted(1);
    peer.shut_down(2_000);
    assert!(matches!(peer.receive(), WorkerMessage::ShuttingDown(_)));
    assert_eq!(peer.failure(2).kind, FailureKind::REJECTED);
    peer.start_job(3, "upper", "");
    let failure = peer.failure(3);
    assert_eq!(failure.kind, FailureKind::REJECTED);
    assert!(failure.message.contains("shutting down"));
    peer.cancel(1);
    assert!(peer.outcome(1).0.cancelled);
    peer.expect_exiting();
}

fn logs_are_one_json_object_a_line() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "log", "");
    peer.output(1);
    let errors = peer.leave();
    let lines: Vec<serde_json::Value> = errors
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let find = |message: &str| {
        lines
            .iter()
            .find(|line| line["message"] == message)
            .unwrap()
    };
    let event = find("two\nlines");
    assert_eq!(event["level"], "WARN");
    assert_eq!(event["span"], "inner");
    assert_eq!(
        event["fields"],
        serde_json::json!({"width": 640, "ok": true, "path": "a\nb\u{1b}[31m"})
    );
    assert!(event["elapsed_us"].is_u64());
    let record = find("from log 1");
    assert_eq!(record["target"], "old_crate");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["fields"], serde_json::json!({}));
    assert!(find("leaving").get("span").is_none());
    assert!(!errors.contains("not wanted"));
}

fn a_malformed_log_filter_falls_back_to_info() {
    let mut peer = Peer::start("actor");
    let request = InitializeRequest {
        log_filter: "my_crate=loudly".into(),
        ..request()
    };
    peer.initialize(request, b"");
    let errors = peer.leave();
    assert!(errors.contains("log filter is malformed"), "{errors}");
    assert!(errors.contains("\"leaving\""), "{errors}");
}

fn garbage_from_the_host_exits_70() {
    for (garbage, requirement) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "GR-2.2-1"),
        (&[1, 0, 0, 0, 0, 0], "GR-2.1-3"),
        (&[2, 0, 0, 0, 99, 0], "GR-2.4-2"),
        (&[2, 0, 0, 0, 20, 0], "GR-2.4-1"),
    ] {
        for mut peer in [Peer::start("actor"), Peer::ready("actor")] {
            peer.socket.write_all(garbage).unwrap();
            let (status, errors) = peer.exit();
            assert_eq!(status.code(), Some(70), "{errors}");
            assert!(errors.contains(requirement), "{errors}");
        }
    }
}

fn every_message_out_of_place_exits_70() {
    let initialize = || HostMessage::InitializeRequest(request(), Bytes::new());
    let answer = CallResponse {
        call: 7,
        error: None,
    };
    let hang = || HostMessage::StartJob(start_job(1, "hang"), Bytes::new());
    let late = JobInput { job: 1, last: true };
    let huge = Bytes::from(vec![0; 250 << 10]);
    let piece = |n: u64| match n {
        0 => HostMessage::StartJob(
            StartJob {
                last: false,
                ..start_job(1, "upper")
            },
            huge.clone(),
        ),
        _ => HostMessage::JobInput(
            JobInput {
                job: 1,
                last: false,
            },
            huge.clone(),
        ),
    };
    let cases: [(Vec<HostMessage>, &str); 5] = [
        (vec![initialize()], "GR-4.1-2"),
        (
            vec![HostMessage::CallResponse(answer, Bytes::new())],
            "GR-5.6-2",
        ),
        (vec![hang(), hang()], "GR-5.4-7"),
        (
            vec![hang(), HostMessage::JobInput(late, Bytes::new())],
            "GR-5.4-8",
        ),
        ((0..5).map(piece).collect(), "GR-5.4-9"),
    ];
    for (messages, requirement) in cases {
        let mut peer = Peer::ready("actor");
        for message in messages {
            peer.send(message);
        }
        let (status, errors) = peer.exit();
        assert_eq!(status.code(), Some(70), "{requirement}: {errors}");
        assert!(errors.contains(requirement), "{errors}");
    }
}

fn a_host_that_asks_and_never_reads_is_left() {
    let mut peer = Peer::ready("actor");
    let pings: Vec<u8> = [3, 0, 0, 0, 3, 0, 7].repeat(10_000);
    // The worker always reads, so this only ends when it has given up.
    let error = loop {
        if let Err(error) = peer.socket.write_all(&pings) {
            break error;
        }
    };
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
    let (status, errors) = peer.exit();
    assert_eq!(status.code(), Some(70), "{errors}");
    assert!(errors.contains("does not read the answers"), "{errors}");
}

fn a_gone_host_ends_an_idle_worker() {
    for mut peer in [Peer::start("actor"), Peer::ready("actor")] {
        peer.socket.shutdown(Shutdown::Both).unwrap();
        assert_eq!(peer.exit().0.signal(), Some(9));
    }
}

fn a_gone_host_lets_callbacks_run() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "callbacks", "fail");
    peer.expect_accepted(1);
    assert!(matches!(peer.receive(), WorkerMessage::JobOutput(..)));
    peer.socket.shutdown(Shutdown::Both).unwrap();
    let (_, errors) = peer.exit();
    assert!(errors.contains("callback ran"), "{errors}");
    assert!(errors.contains("\"sent\":false"), "{errors}");
    assert!(errors.contains("\"reason\":\"host gone\""), "{errors}");
}

fn a_gone_host_ends_a_spinning_worker_and_its_children() {
    let mut peer = Peer::ready("actor");
    peer.start_job(1, "grandchild", "");
    peer.expect_accepted(1);
    let WorkerMessage::JobOutput(_, pid) = peer.receive() else {
        panic!("expected the grandchild's process number");
    };
    let grandchild = std::str::from_utf8(&pid).unwrap().parse().unwrap();
    peer.socket.shutdown(Shutdown::Both).unwrap();
    assert_eq!(peer.exit().0.signal(), Some(9));
    wait_for_end_of(grandchild);
}

fn a_host_that_dies_and_leaves_its_socket_open_ends_the_worker() {
    let mut host = Command::new(std::env::current_exe().unwrap());
    host.env(ROLE, "middleman").stderr(Stdio::piped());
    let mut peer = Peer::start_as(host);
    let worker = peer.initialize(request(), b"").pid;
    assert_ne!(worker, peer.child.id());
    peer.start_job(1, "spin", "");
    peer.expect_accepted(1);
    peer.child.kill().unwrap();
    peer.child.wait().unwrap();
    wait_for_end_of(worker);
}

/// A host whose socket somebody else holds too: it starts a worker on its own standard input.
pub fn middleman() -> ExitCode {
    let mut child = command("actor").stdin(Stdio::inherit()).spawn().unwrap();
    child.wait().unwrap();
    ExitCode::SUCCESS
}
