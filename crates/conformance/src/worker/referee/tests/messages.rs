//! Messages, and referees that have seen some.

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, Capabilities, DeadlineKind, Exiting, ExtendDeadline, FailureKind, HostMessage,
    InitializeRequest, InitializeResponse, JobAccepted, JobFailure, JobFinished, JobOutput, Limits,
    Pong, Shutdown, ShutdownReason, ShuttingDown, StartJob, WorkerMessage,
};

use super::takes;
use crate::worker::referee::Referee;

pub(super) const WINDOW: u32 = 65_536;

pub(super) fn request() -> HostMessage {
    let request = InitializeRequest {
        protocol_min: 1,
        protocol_max: 1,
        capabilities: Capabilities::STACK_DUMP,
        slot: 0,
        generation: 0,
        host_name: String::new(),
        host_version: String::new(),
        limits: Limits {
            output_window: WINDOW,
            ..Limits::default()
        },
        ping_interval_ms: 1,
        ping_timeout_ms: 1,
        high_ping_ms: 1,
        initialize_timeout_ms: 1,
        close_timeout_ms: 1,
        log_filter: String::new(),
        extensions: Vec::new(),
    };
    HostMessage::InitializeRequest(request, Bytes::new())
}

pub(super) fn response() -> InitializeResponse {
    InitializeResponse {
        error: None,
        protocol: 1,
        capabilities: Capabilities::STACK_DUMP,
        limits: Limits::default(),
        slots: 1,
        name: String::new(),
        version: String::new(),
        build_id: String::new(),
        sdk: String::new(),
        pid: 1,
        extensions: Vec::new(),
    }
}

pub(super) fn begun() -> Referee {
    let mut referee = Referee::default();
    referee.sent(&request());
    referee
}

pub(super) fn ready() -> Referee {
    let mut referee = begun();
    takes(&mut referee, WorkerMessage::InitializeResponse(response()));
    referee
}

/// A worker that runs job 1 and has accepted it.
pub(super) fn at_work() -> Referee {
    let mut referee = ready();
    referee.sent(&start(1));
    takes(&mut referee, accepted(1));
    referee
}

pub(super) fn start(job: u64) -> HostMessage {
    let start = StartJob {
        job,
        id: String::new(),
        name: String::new(),
        metadata: Vec::new(),
        traceparent: String::new(),
        deadline_ms: 0,
        attempt: 1,
        last: true,
    };
    HostMessage::StartJob(start, Bytes::new())
}

pub(super) fn shutdown() -> HostMessage {
    HostMessage::Shutdown(Shutdown {
        reason: ShutdownReason::REQUESTED,
        grace_ms: 1,
    })
}

pub(super) fn accepted(job: u64) -> WorkerMessage {
    WorkerMessage::JobAccepted(JobAccepted { job })
}

pub(super) fn output(job: u64, length: usize) -> WorkerMessage {
    WorkerMessage::JobOutput(JobOutput { job }, vec![0; length].into())
}

pub(super) fn finished(job: u64, failure: Option<FailureKind>) -> WorkerMessage {
    let failure = failure.map(|kind| JobFailure {
        kind,
        message: String::new(),
        retryable: false,
    });
    let finished = JobFinished {
        job,
        cancelled: false,
        failure,
    };
    WorkerMessage::JobFinished(finished, Bytes::new())
}

pub(super) fn pong(seq: u64) -> WorkerMessage {
    WorkerMessage::Pong(Pong {
        seq,
        jobs: 0,
        lag_us: 0,
    })
}

pub(super) fn call(call: u64) -> WorkerMessage {
    let request = CallRequest {
        call,
        method: String::new(),
    };
    WorkerMessage::CallRequest(request, Bytes::new())
}

pub(super) fn extend(which: DeadlineKind, job: u64) -> WorkerMessage {
    WorkerMessage::ExtendDeadline(ExtendDeadline {
        which,
        job,
        extra_ms: 1,
    })
}

pub(super) fn shutting_down(jobs: u32) -> WorkerMessage {
    WorkerMessage::ShuttingDown(ShuttingDown { jobs })
}

pub(super) fn exiting() -> WorkerMessage {
    WorkerMessage::Exiting(Exiting {
        reason: String::new(),
    })
}
