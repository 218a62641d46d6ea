//! What comes first, what only once, and what in between (sections 4.1 and 4.6).

use greenroom_protocol::{DeadlineKind, HostMessage, InitializeCode, Ping, WorkerMessage};

use super::{
    case, expect_no_response, initialize, leaves_with_an_error, prepared, refuses_request,
};
use crate::case::{Case, Finding};
use crate::words;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

/// What the failing preparation says.
const WHY: &str = "the model is missing: müller/ß.bin";

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        case(
            Case {
                id: "handshake/one-response-first",
                requirements: &["GR-4.1-1", "GR-4.3-1", "GR-4.5-2"],
                sends: "InitializeRequest and a Ping after the response",
                expects: "InitializeResponse as the first message, with limits and slots in range, and \
                          no second one",
            },
            Closing::Orderly,
            |session| Box::pin(one_response(session)),
        ),
        case(
            Case {
                id: "handshake/no-response-unasked",
                requirements: &["GR-4.1-4", "GR-2.3-2"],
                sends: "InitializeRequest without its last byte, and then the end of the stream",
                expects: "no response to what has not come, and exit",
            },
            Closing::HostGone,
            |session| Box::pin(unasked(session)),
        ),
        case(
            Case {
                id: "handshake/ping-comes-first",
                requirements: &["GR-4.1-2", "GR-1.3-4"],
                sends: "a Ping in place of InitializeRequest, and then InitializeRequest",
                expects: "the end of the connection, and no response",
            },
            Closing::Refused,
            |session| Box::pin(ping_first(session)),
        ),
        case(
            Case {
                id: "handshake/second-request",
                requirements: &["GR-4.1-2", "GR-1.3-4", "GR-4.1-1"],
                sends: "InitializeRequest again after the response",
                expects: "the end of the connection, and no second response",
            },
            Closing::Refused,
            |session| Box::pin(second_request(session)),
        ),
        prepared(
            Case {
                id: "handshake/second-request-during-the-preparation",
                requirements: &["GR-4.1-2", "GR-1.3-4"],
                sends: "InitializeRequest with the arguments `wait`, and then another",
                expects: "the end of the connection, and no response",
            },
            Closing::Refused,
            |session| Box::pin(second_request_too_soon(session)),
        ),
        prepared(
            Case {
                id: "handshake/ping-during-the-preparation",
                requirements: &["GR-4.1-3", "GR-1.3-4"],
                sends: "InitializeRequest with the arguments `wait`, and then a Ping",
                expects: "the end of the connection, and no answer",
            },
            Closing::Refused,
            |session| Box::pin(too_soon(session, HostMessage::Ping(Ping { seq: 1 }))),
        ),
        prepared(
            Case {
                id: "handshake/job-during-the-preparation",
                requirements: &["GR-4.1-3", "GR-1.3-4"],
                sends: "InitializeRequest with the arguments `wait`, and then a StartJob",
                expects: "the end of the connection, and no answer",
            },
            Closing::Refused,
            |session| Box::pin(job_too_soon(session)),
        ),
        prepared(
            Case {
                id: "handshake/shutdown-during-the-preparation",
                requirements: &["GR-4.1-4", "GR-4.1-5", "GR-4.1-1"],
                sends: "InitializeRequest with the arguments `wait`, and then Shutdown",
                expects: "no InitializeResponse, but ShuttingDown and Exiting, and the end",
            },
            Closing::Judged,
            |session| Box::pin(shutdown_too_soon(session)),
        ),
        prepared(
            Case {
                id: "handshake/extend-during-the-preparation",
                requirements: &["GR-4.1-1", "GR-5.7-1"],
                sends: "InitializeRequest with the arguments `extend 1234`",
                expects: "ExtendDeadline (initialize) with job 0 and 1234 ms, and then the response",
            },
            Closing::Orderly,
            |session| Box::pin(extends(session)),
        ),
        prepared(
            Case {
                id: "handshake/preparation-fails",
                requirements: &["GR-4.6-1", "GR-4.6-2"],
                sends: "InitializeRequest with the arguments `fail` and a message",
                expects: "InitializeResponse with error code 1 and this message, and an exit that is not \
                          0",
            },
            Closing::Judged,
            |session| Box::pin(fails(session)),
        ),
    ]
}

async fn one_response(session: &mut Session) -> Result<(), Stop> {
    let request = initialize(session.request(), "");
    session.send(request).await?;
    // The referee has the rules for what comes before, and for what is in it.
    session.expect_ready().await?;
    session.barrier().await.map(drop)
}

/// Whoever sends a response of its own accord has sent it before it ends the stream.
async fn unasked(session: &mut Session) -> Result<(), Stop> {
    let request = initialize(session.request(), "");
    let frame = request.encode().expect("it is small");
    let (_, rest) = frame.head.split_last().expect("it is not empty");
    session
        .send_raw("InitializeRequest without its last byte", rest)
        .await?;
    session.half_close()?;
    // The referee refuses a response before the request.
    session
        .expect_end("GR-1.3-2", "the worker's end of the stream")
        .await
        .map(drop)
}

async fn ping_first(session: &mut Session) -> Result<(), Stop> {
    session
        .send_raw("Ping seq 1", &[3, 0, 0, 0, 3, 0, 1])
        .await?;
    expect_no_response(session, "GR-4.1-2").await
}

async fn second_request(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let request = initialize(session.request(), "");
    session.send(request).await?;
    session.expect_refusal().await
}

async fn second_request_too_soon(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    too_soon(session, initialize(request, "")).await
}

/// Behind a preparation that does not end there is no other way to the end of the connection.
async fn too_soon(session: &mut Session, message: HostMessage) -> Result<(), Stop> {
    let request = initialize(session.request(), "wait");
    session.send(request).await?;
    session.send(message).await?;
    refuses_request(session, "GR-1.3-4").await
}

async fn job_too_soon(session: &mut Session) -> Result<(), Stop> {
    let start = session.start_message("conformance.echo");
    too_soon(session, HostMessage::StartJob(start, "too soon".into())).await
}

async fn shutdown_too_soon(session: &mut Session) -> Result<(), Stop> {
    let request = initialize(session.request(), "wait");
    session.send(request).await?;
    session.shut_down(session.timeout()).await?;
    let mut leaving = false;
    let mut exiting = false;
    let expected = "ShuttingDown, Exiting and the end";
    let deadline = session.deadline();
    // It must have exited when the grace is over, whatever it says before.
    while let Some(message) = session.arrival(deadline, "GR-5.3-4", expected).await? {
        match &message {
            WorkerMessage::InitializeResponse(response) if response.error.is_none() => {
                let expected = "no response, because the preparation never ends";
                let got = words::worker(&message);
                return Err(Stop::Fail(Finding::new("GR-4.1-4", expected, got)));
            }
            WorkerMessage::ShuttingDown(_) => leaving = true,
            WorkerMessage::Exiting(_) => exiting = true,
            _ => {}
        }
    }
    let exit = session
        .expect_exit("GR-5.3-4", "exit within the grace")
        .await?;
    let got = match (leaving, exiting) {
        (true, true) if exit.code() == Some(0) => return Ok(()),
        (true, true) => {
            let expected = "exit with 0 after leaving in order";
            return Err(Stop::Fail(Finding::new(
                "GR-5.3-7",
                expected,
                exit.to_string(),
            )));
        }
        (true, false) => "only ShuttingDown",
        (false, true) => "only Exiting",
        (false, false) => "neither",
    };
    Err(Finding::new("GR-4.1-5", "ShuttingDown and Exiting", got).into())
}

async fn extends(session: &mut Session) -> Result<(), Stop> {
    let request = initialize(session.request(), "extend 1234");
    session.send(request).await?;
    let expected = "ExtendDeadline (initialize), 1234 ms";
    session
        .expect("section 9.1", expected, |message| match message {
            WorkerMessage::ExtendDeadline(extend) => {
                let initialize = extend.which == DeadlineKind::INITIALIZE;
                (initialize && extend.extra_ms == 1234).then_some(())
            }
            _ => None,
        })
        .await?;
    session.expect_ready().await.map(drop)
}

async fn fails(session: &mut Session) -> Result<(), Stop> {
    let request = initialize(session.request(), &format!("fail {WHY}"));
    session.send(request).await?;
    let response = session.expect_response().await?;
    let expected = format!("error code 1 (failed): {WHY}");
    let got = match response.error {
        None => "a worker that is ready".into(),
        Some(error) if error.code != InitializeCode::FAILED => format!("error {}", error.code),
        Some(error) if !error.message.contains(WHY) => error.message,
        Some(_) => return leaves_with_an_error(session).await,
    };
    Err(Stop::Fail(Finding::new("section 9.1", expected, got)))
}
