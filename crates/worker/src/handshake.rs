//! The first exchange: what the host offers, the handler's preparation, what the worker is.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::process;
use std::sync::Arc;

use bytes::Bytes;
use greenroom_protocol::version::{SUPPORTED, negotiate};
use greenroom_protocol::{
    Capabilities, DeadlineKind, Exiting, ExtendDeadline, HostMessage, InitializeCode,
    InitializeError, InitializeRequest, InitializeResponse, Limits, ShuttingDown, WorkerMessage,
};
use tokio::sync::mpsc;

use crate::connection::{Connection, Fault};
use crate::failure::capped;
use crate::guard::Guard;
use crate::link::{Command, Link};
use crate::run::End;
use crate::watched::{Lag, Watched};
use crate::{Failure, Handler, Start, boot, logs};

/// The most that the protocol knows.
const MAX_SLOTS: u32 = 65_536;

/// A worker that the host knows to be ready.
pub(crate) struct Ready<H> {
    pub(crate) handler: H,
    pub(crate) slots: u32,
    pub(crate) link: Arc<Link>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// Ends with a ready worker, or with the reason why there is none.
pub(crate) async fn shake_hands<H: Handler>(
    connection: &mut Connection,
    mut handler: H,
    guard: &Guard,
) -> Result<ControlFlow<End, Ready<H>>, Fault> {
    let (request, arguments) = first_message(connection, guard).await?;
    logs::install(&request.log_filter);
    let mut seen = BTreeSet::new();
    if let Some(twice) = request
        .extensions
        .iter()
        .find(|extension| !seen.insert(extension.number))
    {
        return Err(Fault::out_of_place(
            "GR-4.5-2",
            format!("extension {} is listed twice", twice.number),
        ));
    }
    let theirs = request.protocol_min..=request.protocol_max;
    let Some(version) = negotiate(SUPPORTED, theirs.clone()) else {
        let message = format!(
            "this worker speaks protocol versions {} to {}, its host {} to {}: build both with the \
             same release",
            SUPPORTED.start(),
            SUPPORTED.end(),
            theirs.start(),
            theirs.end()
        );
        return refuse(connection, guard, InitializeCode::VERSION, &message).await;
    };
    if let Some(problem) = request.limits.out_of_range() {
        return Err(Fault::out_of_place(
            "GR-4.3-1",
            format!("the host's limits: {problem}"),
        ));
    }
    let limits = request.limits.common(Limits::default());

    let (link, commands) = Link::new(limits);
    let link = Arc::new(link);
    let start = Start::new(request, arguments, Arc::clone(&link));
    match prepare(connection, &mut handler, &start, &link, guard).await? {
        Prepared::Yes => {}
        Prepared::No(failure) => {
            return refuse(connection, guard, InitializeCode::FAILED, &failure.message).await;
        }
        Prepared::NotWanted => return Ok(ControlFlow::Break(End::Left)),
    }
    let slots = handler.slots().clamp(1, MAX_SLOTS);
    let response = InitializeResponse {
        slots,
        version: capped(handler.version()).to_owned(),
        build_id: capped(&handler.build_id()).to_owned(),
        ..response(version, None)
    };
    connection.send(&WorkerMessage::InitializeResponse(response))?;
    connection.handshake_done(limits);
    Ok(ControlFlow::Continue(Ready {
        handler,
        slots,
        link,
        commands,
    }))
}

async fn first_message(
    connection: &mut Connection,
    guard: &Guard,
) -> Result<(InitializeRequest, Bytes), Fault> {
    let message = tokio::select! {
        message = connection.receive() => message?,
        () = guard.host_gone().wait() => return Err(Fault::HostGone),
    };
    match message {
        Some(HostMessage::InitializeRequest(request, arguments)) => Ok((request, arguments)),
        Some(other) => Err(Fault::out_of_place(
            "GR-4.1-2",
            format!("expected InitializeRequest first, got {}", other.kind()),
        )),
        None => unreachable!("nothing has been sent yet, so nothing waited to be written"),
    }
}

enum Prepared {
    Yes,
    No(Failure),
    /// The host has changed its mind.
    NotWanted,
}

/// Runs the handler's preparation, and listens to the host meanwhile.
async fn prepare<H: Handler>(
    connection: &mut Connection,
    handler: &mut H,
    start: &Start,
    link: &Link,
    guard: &Guard,
) -> Result<Prepared, Fault> {
    let lag = Lag::default();
    let mut work = Watched::new(handler.initialize(start), &lag);
    loop {
        let message = tokio::select! {
            biased;
            result = &mut work => return Ok(match result {
                Ok(Ok(())) => Prepared::Yes,
                Ok(Err(failure)) => Prepared::No(failure),
                Err(panic) => Prepared::No(panic.into()),
            }),
            () = link.notices.notified() => {
                if let Some(extra_ms) = link.initialize_extension.take() {
                    connection.send(&WorkerMessage::ExtendDeadline(ExtendDeadline {
                        which: DeadlineKind::INITIALIZE,
                        job: 0,
                        extra_ms,
                    }))?;
                }
                continue;
            }
            message = connection.receive() => message?,
            () = guard.host_gone().wait() => return Err(Fault::HostGone),
        };
        match message {
            None => {}
            Some(HostMessage::Shutdown(shutdown)) => {
                work.abandon();
                guard.stand_down();
                connection.send(&WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }))?;
                connection.send(&WorkerMessage::Exiting(Exiting {
                    reason: format!("shutdown before initialized: {}", shutdown.reason),
                }))?;
                connection.flush().await?;
                return Ok(Prepared::NotWanted);
            }
            Some(other) => {
                return Err(Fault::out_of_place(
                    "GR-4.1-3",
                    format!("{} came before this worker was ready", other.kind()),
                ));
            }
        }
    }
}

async fn refuse<H>(
    connection: &mut Connection,
    guard: &Guard,
    code: InitializeCode,
    message: &str,
) -> Result<ControlFlow<End, Ready<H>>, Fault> {
    tracing::error!(target: "worker", "cannot initialize: {message}");
    let error = InitializeError {
        code,
        message: capped(message).to_owned(),
    };
    let response = response(*SUPPORTED.end(), Some(error));
    guard.stand_down();
    connection.send(&WorkerMessage::InitializeResponse(response))?;
    connection.flush().await?;
    Ok(ControlFlow::Break(End::InitializeFailed))
}

/// What is the same whether or not the worker is ready.
fn response(protocol: u16, error: Option<InitializeError>) -> InitializeResponse {
    InitializeResponse {
        error,
        protocol,
        capabilities: Capabilities::default(),
        limits: Limits::default(),
        slots: 0,
        name: capped(&boot::program_name()).to_owned(),
        version: String::new(),
        build_id: String::new(),
        sdk: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        pid: process::id(),
        extensions: Vec::new(),
    }
}
