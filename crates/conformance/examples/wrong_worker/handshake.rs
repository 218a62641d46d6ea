//! From the first message to the second.

use std::process::exit;
use std::sync::mpsc::{Receiver, sync_channel};

use greenroom_protocol::{
    Capabilities, DeadlineKind, Exiting, ExtendDeadline, Extension, HostMessage, InitializeCode,
    InitializeError, InitializeRequest, InitializeResponse, Limits, Retire, ShuttingDown,
    WorkerMessage,
};

use crate::Planted;
use crate::checks::{check_request, demand};
use crate::fault::Fault;
use crate::reader::{Reader, stay};
use crate::writer::{Outbox, shortened};

/// What both sides use from now on.
pub(crate) struct Agreed {
    pub(crate) limits: Limits,
    pub(crate) slots: u32,
    pub(crate) messages: Receiver<HostMessage>,
}

/// What the data of the request wants of the preparation.
struct Wanted {
    slots: u32,
    failure: Option<InitializeError>,
}

pub(crate) fn shake_hands(mut reader: Reader, outbox: &Outbox, planted: Planted) -> Agreed {
    if planted.is(Fault::SpeaksBeforeItsResponse) {
        let reason = "tired".into();
        outbox.send(&WorkerMessage::Retire(Retire { reason }));
    }
    if planted.is(Fault::RespondsUnasked) {
        outbox.send(&WorkerMessage::InitializeResponse(response(planted)));
    }
    let (request, data) = first(&mut reader, outbox, planted);
    check_request(&request, planted);
    let mut response = response(planted);
    let wanted = match version_error(&request, planted) {
        Some(failure) => Wanted {
            slots: 0,
            failure: Some(failure),
        },
        None => prepare(&data, &mut reader, outbox, planted),
    };
    if planted.is(Fault::TakesTheHostsVersion) {
        response.protocol = request.protocol_max;
    }
    if let Some(error) = wanted.failure {
        fail(error, response, outbox, planted);
    }
    response.slots = match planted {
        _ if planted.is(Fault::NoSlots) => 0,
        _ if planted.is(Fault::TooManySlots) => 65_537,
        _ => wanted.slots,
    };
    let dumps = request.capabilities.common(response.capabilities).0 == 1;
    let limits = request.limits.common(response.limits);
    if !planted.is(Fault::RespondsUnasked) {
        outbox.send(&WorkerMessage::InitializeResponse(response.clone()));
    }
    if planted.is(Fault::RespondsTwice) {
        outbox.send(&WorkerMessage::InitializeResponse(response));
    }
    let window = match planted.is(Fault::UsesItsOwnWindow) {
        true => Limits::default().output_window,
        false => limits.output_window,
    };
    reader.set_max_frame(limits.max_frame);
    let (sender, messages) = sync_channel(planted.under_way());
    let outbox = outbox.clone();
    std::thread::spawn(move || reader.read_on(dumps, &sender, &outbox));
    Agreed {
        limits: Limits {
            output_window: window,
            ..limits
        },
        slots: wanted.slots,
        messages,
    }
}

/// The request, with its data as text.
fn first(reader: &mut Reader, outbox: &Outbox, planted: Planted) -> (InitializeRequest, String) {
    loop {
        match reader.next() {
            Some(HostMessage::InitializeRequest(request, data)) => {
                return (request, String::from_utf8_lossy(&data).into_owned());
            }
            Some(_) => demand(false, planted, Fault::BeginsWithoutARequest),
            None => end(outbox, planted),
        }
    }
}

/// What was said is written first.
fn end(outbox: &Outbox, planted: Planted) -> ! {
    if planted.is(Fault::StaysAfterTheEnd) {
        stay();
    }
    outbox.leave(0)
}

fn response(planted: Planted) -> InitializeResponse {
    let twice = Extension {
        number: 9,
        content: Vec::new(),
    };
    InitializeResponse {
        error: None,
        protocol: 1,
        capabilities: Capabilities::STACK_DUMP,
        limits: Limits {
            max_frame: match planted.is(Fault::LimitsOutOfRange) {
                true => 16,
                false => Limits::default().max_frame,
            },
            ..Limits::default()
        },
        slots: 1,
        name: "wrong-worker".into(),
        version: "1".into(),
        build_id: String::new(),
        sdk: "none".into(),
        pid: std::process::id() + u32::from(planted.is(Fault::SaysAnotherPid)),
        extensions: match planted.is(Fault::DoublesAnExtension) {
            true => vec![twice.clone(), twice],
            false => Vec::new(),
        },
    }
}

fn version_error(request: &InitializeRequest, planted: Planted) -> Option<InitializeError> {
    let offered = request.protocol_min..=request.protocol_max;
    let ignores = [Fault::IgnoresTheVersions, Fault::TakesTheHostsVersion];
    if offered.contains(&1) || ignores.iter().any(|fault| planted.is(*fault)) {
        return None;
    }
    if planted.is(Fault::ExitsWithoutAVersionError) {
        exit(1);
    }
    Some(InitializeError {
        code: match planted.is(Fault::GivesAnotherVersionError) {
            true => InitializeCode::FAILED,
            false => InitializeCode::VERSION,
        },
        message: "this worker speaks version 1".into(),
    })
}

fn prepare(data: &str, reader: &mut Reader, outbox: &Outbox, planted: Planted) -> Wanted {
    let (word, rest) = data.split_once(' ').unwrap_or((data, ""));
    let mut wanted = Wanted {
        slots: 1,
        failure: None,
    };
    match word {
        "slots" => match rest.parse() {
            Ok(slots @ 1..=65_536) => wanted.slots = slots,
            _ => wanted.failure = Some(failed("slots must be 1 to 65,536")),
        },
        "fail" => wanted.failure = Some(failed(shortened(rest))),
        "extend" => outbox.send(&WorkerMessage::ExtendDeadline(ExtendDeadline {
            which: DeadlineKind::INITIALIZE,
            job: planted.is(Fault::ExtendsItsPreparationForAJob).into(),
            extra_ms: rest.parse().unwrap_or(0),
        })),
        "wait" if !planted.is(Fault::RespondsUnprepared) => wait(reader, outbox, planted),
        _ => {}
    }
    wanted
}

fn failed(message: &str) -> InitializeError {
    InitializeError {
        code: InitializeCode::FAILED,
        message: message.into(),
    }
}

/// Returns only if the fault is to be ready after all.
fn wait(reader: &mut Reader, outbox: &Outbox, planted: Planted) {
    loop {
        match reader.next() {
            Some(HostMessage::Shutdown(_)) if planted.is(Fault::PreparesOnThroughShutdown) => {}
            Some(HostMessage::Shutdown(_)) => break,
            Some(_) => demand(false, planted, Fault::AcceptsAnythingWhilePreparing),
            None => end(outbox, planted),
        }
    }
    if planted.is(Fault::RespondsAfterShutdown) {
        outbox.send(&WorkerMessage::InitializeResponse(response(planted)));
    }
    outbox.send(&WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }));
    let reason = "told to".into();
    outbox.send(&WorkerMessage::Exiting(Exiting { reason }));
    outbox.leave(0)
}

/// Says that it cannot be used, and leaves.
fn fail(
    error: InitializeError,
    mut response: InitializeResponse,
    outbox: &Outbox,
    planted: Planted,
) -> ! {
    if planted.is(Fault::FailsSilently) {
        exit(1);
    }
    if planted.is(Fault::HidesItsVersion) {
        response.protocol = 0;
    }
    response.error = Some(error);
    response.slots = 0;
    outbox.send(&WorkerMessage::InitializeResponse(response));
    if planted.is(Fault::StaysAfterAnError) {
        stay();
    }
    outbox.leave(i32::from(!planted.is(Fault::ExitsWellAfterAnError)))
}
