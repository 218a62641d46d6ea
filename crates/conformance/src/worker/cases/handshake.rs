//! The handshake (section 4).

mod limits;
mod order;
mod versions;

use bytes::Bytes;
use greenroom_protocol::{HostMessage, InitializeRequest, WorkerMessage};

use crate::case::{Case, Finding};
use crate::words;
use crate::worker::case::{BoxFuture, Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    [order::cases(), versions::cases(), limits::cases()].concat()
}

type Run = for<'a> fn(&'a mut Session) -> BoxFuture<'a, Result<(), Stop>>;

/// A case of a handshake that a worker without any jobs can show.
fn case(about: Case, closing: Closing, run: Run) -> WorkerCase {
    WorkerCase {
        about,
        needs: &[],
        closing,
        run,
    }
}

/// A case that takes the ways of section 9.1 to prepare.
fn prepared(about: Case, closing: Closing, run: Run) -> WorkerCase {
    WorkerCase {
        needs: &["conformance.jobs"],
        ..case(about, closing, run)
    }
}

fn initialize(request: InitializeRequest, arguments: &str) -> HostMessage {
    HostMessage::InitializeRequest(request, Bytes::copy_from_slice(arguments.as_bytes()))
}

/// After a violation in place of the first message: sends a good request behind it, and waits for the
/// end of the connection without an answer.
pub(super) async fn expect_no_response(
    session: &mut Session,
    requirement: &'static str,
) -> Result<(), Stop> {
    let request = initialize(session.request(), "");
    session.send(request).await?;
    refuses_request(session, requirement).await
}

/// The worker must not become ready, and must end the connection. It may say why, with an error.
async fn refuses_request(session: &mut Session, requirement: &'static str) -> Result<(), Stop> {
    let expected = "the end of the connection, and no worker that is ready";
    let deadline = session.deadline();
    while let Some(message) = session.arrival(deadline, requirement, expected).await? {
        if matches!(&message, WorkerMessage::InitializeResponse(response) if response.error.is_none())
        {
            let got = words::worker(&message);
            return Err(Stop::Fail(Finding::new(requirement, expected, got)));
        }
    }
    Ok(())
}

/// After a response with an error: the end of the stream, and an exit that is not 0.
pub(super) async fn leaves_with_an_error(session: &mut Session) -> Result<(), Stop> {
    session
        .expect_end("GR-4.6-2", "the end of the stream after an error")
        .await?;
    let expected = "exit after an error, and not with 0";
    let exit = session.expect_exit("GR-4.6-2", expected).await?;
    match exit.code() {
        Some(1..) => Ok(()),
        _ => Err(Stop::Fail(Finding::new(
            "GR-4.6-2",
            expected,
            exit.to_string(),
        ))),
    }
}
