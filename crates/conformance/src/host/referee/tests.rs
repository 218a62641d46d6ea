//! Each rule: a host that keeps it, and one that breaks it.

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, Extension, InitializeError, InitializeResponse, JobWindow, Ping, Shutdown,
    ShutdownReason,
};

use super::*;
use crate::host::session::{accepted, finished, output};

fn request() -> InitializeRequest {
    InitializeRequest {
        protocol_min: 1,
        protocol_max: 1,
        capabilities: Capabilities::STACK_DUMP,
        slot: 0,
        generation: 0,
        host_name: String::new(),
        host_version: String::new(),
        limits: Limits::default(),
        ping_interval_ms: 1,
        ping_timeout_ms: 1,
        high_ping_ms: 1,
        initialize_timeout_ms: 1,
        close_timeout_ms: 1,
        log_filter: String::new(),
        extensions: Vec::new(),
    }
}

fn response() -> InitializeResponse {
    InitializeResponse {
        error: None,
        protocol: 1,
        capabilities: Capabilities::default(),
        limits: Limits {
            max_payload: 10,
            ..Limits::default()
        },
        slots: 1,
        name: String::new(),
        version: String::new(),
        build_id: String::new(),
        sdk: String::new(),
        pid: 1,
        extensions: Vec::new(),
    }
}

fn asks(request: InitializeRequest) -> HostMessage {
    HostMessage::InitializeRequest(request, Bytes::new())
}

fn answers(response: InitializeResponse) -> WorkerMessage {
    WorkerMessage::InitializeResponse(response)
}

fn starts(job: u64, last: bool, input: &'static str) -> HostMessage {
    let start = StartJob {
        job,
        id: String::new(),
        name: String::new(),
        metadata: Vec::new(),
        traceparent: String::new(),
        deadline_ms: 0,
        attempt: 1,
        last,
    };
    HostMessage::StartJob(start, input.into())
}

fn feeds(job: u64, last: bool, input: &'static str) -> HostMessage {
    HostMessage::JobInput(JobInput { job, last }, input.into())
}

fn allows(job: u64, bytes: u32) -> HostMessage {
    HostMessage::JobWindow(JobWindow { job, bytes })
}

fn answer_to(call: u64) -> HostMessage {
    HostMessage::CallResponse(CallResponse { call, error: None }, Bytes::new())
}

fn calls(call: u64) -> WorkerMessage {
    let method = String::new();
    WorkerMessage::CallRequest(CallRequest { call, method }, Bytes::new())
}

fn retires() -> WorkerMessage {
    WorkerMessage::Retire(greenroom_protocol::Retire {
        reason: String::new(),
    })
}

const SHUTDOWN: HostMessage = HostMessage::Shutdown(Shutdown {
    reason: ShutdownReason::REQUESTED,
    grace_ms: 1,
});
const PING: HostMessage = HostMessage::Ping(Ping { seq: 1 });

/// After the handshake with this response.
fn after(response: InitializeResponse) -> Referee {
    let mut referee = Referee::default();
    assert_eq!(referee.received(&asks(request())), None);
    referee.sent(&answers(response));
    referee
}

fn hears(referee: &mut Referee, message: &HostMessage) -> Option<&'static str> {
    referee.received(message).map(|finding| finding.requirement)
}

#[test]
fn the_handshake_is_asked_for_first_and_once() {
    let mut referee = Referee::default();
    assert_eq!(hears(&mut referee, &PING), Some("GR-4.1-2"));
    let mut referee = Referee::default();
    assert_eq!(hears(&mut referee, &asks(request())), None);
    assert_eq!(hears(&mut referee, &asks(request())), Some("GR-4.1-2"));
}

#[test]
fn nothing_but_shutdown_comes_before_the_response() {
    let mut referee = Referee::default();
    assert_eq!(hears(&mut referee, &asks(request())), None);
    assert_eq!(hears(&mut referee, &PING), Some("GR-4.1-3"));
    assert_eq!(hears(&mut referee, &SHUTDOWN), None);
    referee.sent(&answers(response()));
    assert_eq!(hears(&mut referee, &PING), None);
}

#[test]
fn a_request_keeps_its_ranges() {
    let with = |change: fn(&mut InitializeRequest)| {
        let mut request = request();
        change(&mut request);
        hears(&mut Referee::default(), &asks(request))
    };
    assert_eq!(
        with(|request| request.limits.max_frame = 1),
        Some("GR-4.3-1")
    );
    assert_eq!(with(|request| request.protocol_min = 2), Some("GR-4.2-1"));
    assert_eq!(
        with(|request| request.initialize_timeout_ms = 0),
        Some("GR-4.1-6")
    );
    let twice = with(|request| {
        let content = Vec::new();
        request.extensions = vec![Extension { number: 3, content }; 2];
    });
    assert_eq!(twice, Some("GR-4.5-2"));
}

#[test]
fn the_smaller_limits_hold_from_the_response_on() {
    let mut referee = Referee::default();
    assert_eq!(hears(&mut referee, &asks(request())), None);
    assert_eq!(referee.max_frame(), HANDSHAKE_FRAME);
    referee.sent(&answers(InitializeResponse {
        limits: Limits {
            max_frame: 70_000,
            ..Limits::default()
        },
        ..response()
    }));
    assert_eq!(referee.max_frame(), 70_000);
}

#[test]
fn jobs_keep_to_the_slots_and_have_new_numbers() {
    let mut referee = after(response());
    assert_eq!(hears(&mut referee, &starts(1, true, "")), None);
    assert_eq!(hears(&mut referee, &starts(2, true, "")), Some("GR-5.4-6"));
    let mut referee = after(response());
    assert_eq!(hears(&mut referee, &starts(1, true, "")), None);
    referee.sent(&finished(1, ""));
    assert_eq!(hears(&mut referee, &starts(1, true, "")), Some("GR-5.4-7"));
    assert_eq!(hears(&mut referee, &starts(2, true, "")), None);
}

#[test]
fn an_input_ends_once_and_within_the_limit() {
    let mut referee = after(response());
    assert_eq!(hears(&mut referee, &starts(1, false, "12345")), None);
    assert_eq!(hears(&mut referee, &feeds(1, true, "67890")), None);
    assert_eq!(hears(&mut referee, &feeds(1, true, "")), Some("GR-5.4-8"));
    assert_eq!(hears(&mut referee, &feeds(7, true, "")), Some("GR-5.4-8"));
    let mut referee = after(response());
    assert_eq!(
        hears(&mut referee, &starts(1, true, "12345678901")),
        Some("GR-5.4-9")
    );
}

#[test]
fn no_job_goes_to_a_worker_that_does_not_take_any() {
    let mut referee = after(response());
    assert_eq!(hears(&mut referee, &SHUTDOWN), None);
    assert_eq!(hears(&mut referee, &starts(1, true, "")), Some("GR-5.3-3"));
    let mut referee = after(InitializeResponse {
        error: Some(InitializeError {
            code: greenroom_protocol::InitializeCode::FAILED,
            message: String::new(),
        }),
        ..response()
    });
    assert_eq!(hears(&mut referee, &starts(1, true, "")), Some("GR-4.6-3"));
}

#[test]
fn a_job_may_cross_a_retire_that_was_not_read() {
    let mut referee = after(response());
    referee.sent(&retires());
    assert_eq!(hears(&mut referee, &starts(1, true, "")), None);
    referee.sent(&finished(1, ""));
    referee.sent(&calls(1));
    assert_eq!(hears(&mut referee, &answer_to(1)), None);
    assert_eq!(hears(&mut referee, &starts(2, true, "")), Some("GR-5.8-1"));
}

#[test]
fn a_window_grows_by_what_was_sent() {
    let mut referee = after(response());
    assert_eq!(hears(&mut referee, &starts(1, true, "")), None);
    referee.sent(&accepted(1));
    referee.sent(&output(1, "x"));
    assert_eq!(hears(&mut referee, &allows(1, 64)), None);
    assert_eq!(hears(&mut referee, &allows(1, 1)), Some("GR-5.5-3"));
    assert_eq!(hears(&mut referee, &allows(2, 1)), Some("GR-5.5-3"));
}

#[test]
fn each_call_has_one_answer() {
    let mut referee = after(response());
    referee.sent(&calls(1));
    assert_eq!(referee.open_calls(), 1);
    assert_eq!(hears(&mut referee, &answer_to(1)), None);
    assert_eq!(hears(&mut referee, &answer_to(1)), Some("GR-5.6-2"));
}

#[test]
fn stacks_are_asked_for_only_in_common() {
    let mut referee = after(response());
    assert_eq!(
        hears(&mut referee, &HostMessage::DumpStacks),
        Some("GR-5.9-1")
    );
    let mut referee = after(InitializeResponse {
        capabilities: Capabilities::STACK_DUMP,
        ..response()
    });
    assert_eq!(hears(&mut referee, &HostMessage::DumpStacks), None);
}
