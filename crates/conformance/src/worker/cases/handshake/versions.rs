//! Versions, capabilities and extensions (sections 4.2, 4.4 and 4.5).

use greenroom_protocol::{Capabilities, Extension, InitializeCode};

use super::{case, initialize, leaves_with_an_error, refuses_request};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        case(
            Case {
                id: "handshake/version-1-only",
                requirements: &["GR-4.2-1", "GR-4.2-2"],
                sends: "InitializeRequest with the versions 1 to 1",
                expects: "version 1",
            },
            Closing::Orderly,
            |session| Box::pin(chooses_1(session, 1, 1)),
        ),
        case(
            Case {
                id: "handshake/version-1-of-many",
                requirements: &["GR-4.2-2", "GR-4.2-1"],
                sends: "InitializeRequest with the versions 1 to 300",
                expects: "version 1, the only one that there is",
            },
            Closing::Orderly,
            |session| Box::pin(chooses_1(session, 1, 300)),
        ),
        case(
            Case {
                id: "handshake/version-1-of-0-to-65535",
                requirements: &["GR-4.2-2", "GR-4.2-1"],
                sends: "InitializeRequest with the versions 0 to 65,535",
                expects: "version 1, the only one that there is",
            },
            Closing::Orderly,
            |session| Box::pin(chooses_1(session, 0, u16::MAX)),
        ),
        case(
            Case {
                id: "handshake/versions-too-high",
                requirements: &["GR-4.2-3", "GR-4.6-1", "GR-4.6-2"],
                sends: "InitializeRequest with the versions 2 to 5",
                expects: "error code 2 with the worker's highest version, and an exit that is not 0",
            },
            Closing::Judged,
            |session| Box::pin(speaks_none(session, 2, 5)),
        ),
        case(
            Case {
                id: "handshake/versions-too-low",
                requirements: &["GR-4.2-3", "GR-4.6-1", "GR-4.6-2"],
                sends: "InitializeRequest with the versions 0 to 0",
                expects: "error code 2 with the worker's highest version, and an exit that is not 0",
            },
            Closing::Judged,
            |session| Box::pin(speaks_none(session, 0, 0)),
        ),
        case(
            Case {
                id: "handshake/unknown-capabilities",
                requirements: &["GR-3.3-2", "GR-4.4-1"],
                sends: "InitializeRequest with all 64 capability bits",
                expects: "a worker that is ready and uses none of what it does not know",
            },
            Closing::Orderly,
            |session| Box::pin(all_capabilities(session)),
        ),
        case(
            Case {
                id: "handshake/unknown-extensions",
                requirements: &["GR-4.5-1"],
                sends: "InitializeRequest with three extensions that nobody knows",
                expects: "a worker that is ready",
            },
            Closing::Orderly,
            |session| Box::pin(extensions(session)),
        ),
        case(
            Case {
                id: "handshake/extension-twice",
                requirements: &["GR-4.5-2", "GR-1.3-4"],
                sends: "InitializeRequest that lists an extension twice",
                expects: "the end of the connection, and no worker that is ready",
            },
            Closing::Refused,
            |session| Box::pin(extension_twice(session)),
        ),
    ]
}

async fn chooses_1(session: &mut Session, min: u16, max: u16) -> Result<(), Stop> {
    let mut request = session.request();
    request.protocol_min = min;
    request.protocol_max = max;
    let response = session.ready_with(request, "").await?;
    if response.protocol == 1 {
        return session.barrier().await.map(drop);
    }
    let got = response.protocol.to_string();
    Err(Stop::Fail(Finding::new("GR-4.2-2", "version 1", got)))
}

async fn speaks_none(session: &mut Session, min: u16, max: u16) -> Result<(), Stop> {
    let mut request = session.request();
    request.protocol_min = min;
    request.protocol_max = max;
    session.send(initialize(request, "")).await?;
    let response = session.expect_response().await?;
    let expected = "error code 2 (version), and 1 as protocol";
    let got = match response.error {
        None => "a worker that is ready".into(),
        Some(error) if error.code != InitializeCode::VERSION => format!("error {}", error.code),
        Some(_) if response.protocol != 1 => format!("{} as protocol", response.protocol),
        Some(_) => return leaves_with_an_error(session).await,
    };
    Err(Stop::Fail(Finding::new("GR-4.2-3", expected, got)))
}

async fn all_capabilities(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.capabilities = Capabilities(u64::MAX);
    session.ready_with(request, "").await?;
    session.barrier().await.map(drop)
}

fn extension(number: u32, content: &[u8]) -> Extension {
    Extension {
        number,
        content: content.to_vec(),
    }
}

async fn extensions(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.extensions = vec![
        extension(0, b""),
        extension(70_000, &[0xff; 300]),
        extension(u32::MAX, b"a thing of the future"),
    ];
    session.ready_with(request, "").await?;
    session.barrier().await.map(drop)
}

async fn extension_twice(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.extensions = vec![
        extension(9, b"one"),
        extension(8, b""),
        extension(9, b"two"),
    ];
    session.send(initialize(request, "")).await?;
    refuses_request(session, "GR-4.5-2").await
}
