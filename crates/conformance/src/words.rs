//! Messages in words, for the transcript.

use greenroom_protocol::{HostMessage, WorkerMessage};

/// What a host's message says, in a few words.
pub(crate) fn host(message: &HostMessage) -> String {
    let kind = message.kind();
    match message {
        HostMessage::InitializeRequest(request, data) => format!(
            "{kind}, protocol {} to {}, {}",
            request.protocol_min,
            request.protocol_max,
            amount(data)
        ),
        HostMessage::Ping(ping) => format!("{kind} seq {}", ping.seq),
        HostMessage::Shutdown(shutdown) => {
            format!(
                "{kind} ({}), grace {} ms",
                shutdown.reason, shutdown.grace_ms
            )
        }
        HostMessage::StartJob(start, data) => format!(
            "{kind} {} {:?}, {}{}",
            start.job,
            start.name,
            amount(data),
            last(start.last)
        ),
        HostMessage::JobInput(input, data) => {
            format!("{kind} {}, {}{}", input.job, amount(data), last(input.last))
        }
        HostMessage::CancelJob(cancel) => format!("{kind} {} ({})", cancel.job, cancel.reason),
        HostMessage::JobWindow(window) => {
            format!("{kind} {}, {} bytes more", window.job, window.bytes)
        }
        HostMessage::CallResponse(response, data) => match &response.error {
            Some(error) => format!("{kind} {}, error {error:?}", response.call),
            None => format!("{kind} {}, {}", response.call, amount(data)),
        },
        HostMessage::DumpStacks => kind.to_string(),
    }
}

/// What a worker's message says, in a few words.
pub(crate) fn worker(message: &WorkerMessage) -> String {
    let kind = message.kind();
    match message {
        WorkerMessage::InitializeResponse(response) => match &response.error {
            Some(error) => format!("{kind}, error {} {:?}", error.code, error.message),
            None => format!(
                "{kind}, protocol {}, slots {}",
                response.protocol, response.slots
            ),
        },
        WorkerMessage::Pong(pong) => format!("{kind} seq {}, {} jobs", pong.seq, pong.jobs),
        WorkerMessage::ShuttingDown(leaving) => format!("{kind}, {} jobs", leaving.jobs),
        WorkerMessage::Exiting(exiting) => format!("{kind} {:?}", exiting.reason),
        WorkerMessage::ExtendDeadline(extend) => format!(
            "{kind} ({}), job {}, {} ms more",
            extend.which, extend.job, extend.extra_ms
        ),
        WorkerMessage::Retire(retire) => format!("{kind} {:?}", retire.reason),
        WorkerMessage::JobAccepted(accepted) => format!("{kind} {}", accepted.job),
        WorkerMessage::JobOutput(output, data) => {
            format!("{kind} {}, {}", output.job, amount(data))
        }
        WorkerMessage::JobFinished(finished, data) => {
            let end = match (&finished.failure, finished.cancelled) {
                (Some(failure), _) => format!("failed, {} {:?}", failure.kind, failure.message),
                (None, true) => "cancelled".into(),
                (None, false) => "ok".into(),
            };
            format!("{kind} {}, {end}, {}", finished.job, amount(data))
        }
        WorkerMessage::CallRequest(request, data) => {
            format!(
                "{kind} {} {:?}, {}",
                request.call,
                request.method,
                amount(data)
            )
        }
        WorkerMessage::StackDump(dump) => format!("{kind}, {} bytes", dump.text.len()),
    }
}

fn amount(data: &[u8]) -> String {
    match data.len() {
        0 => "no data".into(),
        1 => "1 byte".into(),
        count => format!("{count} bytes"),
    }
}

fn last(last: bool) -> &'static str {
    if last { ", last" } else { "" }
}
