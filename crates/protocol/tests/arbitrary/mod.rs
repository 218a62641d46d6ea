//! Every message that there can be, for property tests.

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, CallResponse, CancelJob, CancelReason, Capabilities, DeadlineKind, Exiting,
    ExtendDeadline, Extension, FailureKind, HostMessage, InitializeCode, InitializeError,
    InitializeRequest, InitializeResponse, JobAccepted, JobFailure, JobFinished, JobInput,
    JobOutput, JobWindow, Limits, Pair, Ping, Pong, Retire, Shutdown, ShutdownReason, ShuttingDown,
    StackDump, StartJob, WorkerMessage,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn host_message() -> impl Strategy<Value = HostMessage> {
    prop_oneof![
        (initialize_request(), data())
            .prop_map(|(fields, data)| HostMessage::InitializeRequest(fields, data)),
        wide().prop_map(|seq| HostMessage::Ping(Ping { seq })),
        (any::<u16>(), wide()).prop_map(|(reason, grace_ms)| {
            let reason = ShutdownReason(reason);
            HostMessage::Shutdown(Shutdown { reason, grace_ms })
        }),
        (start_job(), data()).prop_map(|(fields, data)| HostMessage::StartJob(fields, data)),
        (wide(), any::<bool>(), data())
            .prop_map(|(job, last, data)| HostMessage::JobInput(JobInput { job, last }, data)),
        (wide(), any::<u16>()).prop_map(|(job, reason)| {
            let reason = CancelReason(reason);
            HostMessage::CancelJob(CancelJob { job, reason })
        }),
        (wide(), narrow())
            .prop_map(|(job, bytes)| HostMessage::JobWindow(JobWindow { job, bytes })),
        (wide(), option::of(text()), data()).prop_map(|(call, error, data)| {
            HostMessage::CallResponse(CallResponse { call, error }, data)
        }),
        Just(HostMessage::DumpStacks),
    ]
}

pub(crate) fn worker_message() -> impl Strategy<Value = WorkerMessage> {
    prop_oneof![
        initialize_response().prop_map(WorkerMessage::InitializeResponse),
        (wide(), narrow(), wide()).prop_map(|(seq, jobs, lag_us)| WorkerMessage::Pong(Pong {
            seq,
            jobs,
            lag_us
        })),
        narrow().prop_map(|jobs| WorkerMessage::ShuttingDown(ShuttingDown { jobs })),
        text().prop_map(|reason| WorkerMessage::Exiting(Exiting { reason })),
        (any::<u16>(), wide(), wide()).prop_map(|(which, job, extra_ms)| {
            WorkerMessage::ExtendDeadline(ExtendDeadline {
                which: DeadlineKind(which),
                job,
                extra_ms,
            })
        }),
        text().prop_map(|reason| WorkerMessage::Retire(Retire { reason })),
        wide().prop_map(|job| WorkerMessage::JobAccepted(JobAccepted { job })),
        (wide(), data()).prop_map(|(job, data)| WorkerMessage::JobOutput(JobOutput { job }, data)),
        (job_finished(), data())
            .prop_map(|(fields, data)| WorkerMessage::JobFinished(fields, data)),
        (wide(), text(), data()).prop_map(|(call, method, data)| {
            WorkerMessage::CallRequest(CallRequest { call, method }, data)
        }),
        text().prop_map(|text| WorkerMessage::StackDump(StackDump { text })),
    ]
}

/// Integers of every encoded length.
fn wide() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..300u64,
        65_530..65_540u64,
        u64::from(u32::MAX) - 2..u64::from(u32::MAX) + 2,
        any::<u64>(),
    ]
}

fn narrow() -> impl Strategy<Value = u32> {
    prop_oneof![0..300u32, 65_530..65_540u32, any::<u32>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z]{245,260}"]
}

fn data() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn limits() -> impl Strategy<Value = Limits> {
    (narrow(), wide(), narrow()).prop_map(|(max_frame, max_payload, output_window)| Limits {
        max_frame,
        max_payload,
        output_window,
    })
}

fn extensions() -> impl Strategy<Value = Vec<Extension>> {
    let extension = (narrow(), vec(any::<u8>(), 0..40))
        .prop_map(|(number, content)| Extension { number, content });
    vec(extension, 0..4)
}

fn initialize_request() -> impl Strategy<Value = InitializeRequest> {
    let head = (any::<u16>(), any::<u16>(), wide(), narrow(), wide());
    let host = (text(), text(), limits());
    let times = (wide(), wide(), wide(), wide(), wide());
    (head, host, times, text(), extensions()).prop_map(
        |(head, host, times, log_filter, extensions)| InitializeRequest {
            protocol_min: head.0,
            protocol_max: head.1,
            capabilities: Capabilities(head.2),
            slot: head.3,
            generation: head.4,
            host_name: host.0,
            host_version: host.1,
            limits: host.2,
            ping_interval_ms: times.0,
            ping_timeout_ms: times.1,
            high_ping_ms: times.2,
            initialize_timeout_ms: times.3,
            close_timeout_ms: times.4,
            log_filter,
            extensions,
        },
    )
}

fn initialize_response() -> impl Strategy<Value = InitializeResponse> {
    let error = (any::<u16>(), text()).prop_map(|(code, message)| InitializeError {
        code: InitializeCode(code),
        message,
    });
    let head = (any::<u16>(), wide(), limits(), narrow());
    let names = (text(), text(), text(), text());
    (option::of(error), head, names, narrow(), extensions()).prop_map(
        |(error, head, names, pid, extensions)| InitializeResponse {
            error,
            protocol: head.0,
            capabilities: Capabilities(head.1),
            limits: head.2,
            slots: head.3,
            name: names.0,
            version: names.1,
            build_id: names.2,
            sdk: names.3,
            pid,
            extensions,
        },
    )
}

fn start_job() -> impl Strategy<Value = StartJob> {
    let pair = (text(), text()).prop_map(|(key, value)| Pair { key, value });
    let names = (text(), text(), text());
    (
        wide(),
        names,
        vec(pair, 0..4),
        wide(),
        narrow(),
        any::<bool>(),
    )
        .prop_map(
            |(job, names, metadata, deadline_ms, attempt, last)| StartJob {
                job,
                id: names.0,
                name: names.1,
                metadata,
                traceparent: names.2,
                deadline_ms,
                attempt,
                last,
            },
        )
}

fn job_finished() -> impl Strategy<Value = JobFinished> {
    let failure =
        (any::<u16>(), text(), any::<bool>()).prop_map(|(kind, message, retryable)| JobFailure {
            kind: FailureKind(kind),
            message,
            retryable,
        });
    // A job is not both cancelled and failed.
    let end = prop_oneof![
        Just((false, None)),
        Just((true, None)),
        failure.prop_map(|failure| (false, Some(failure))),
    ];
    (wide(), end).prop_map(|(job, (cancelled, failure))| JobFinished {
        job,
        cancelled,
        failure,
    })
}
