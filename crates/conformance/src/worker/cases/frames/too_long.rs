//! Lengths that no frame may have: refused by the header alone.

use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    let refused = |id, requirements, sends, run| WorkerCase {
        about: Case {
            id,
            requirements,
            sends,
            expects: "the end of the connection, though the body never comes",
        },
        needs: &[],
        closing: Closing::Refused,
        run,
    };
    vec![
        refused(
            "frames/length-over-the-agreed-limit",
            &["GR-2.2-1", "GR-2.2-3", "GR-1.3-4"],
            "a header whose length is the agreed max_frame and 1, and no body",
            |session| Box::pin(over_the_agreed_limit(session, None)),
        ),
        refused(
            "frames/length-over-the-agreed-least",
            &["GR-2.2-1", "GR-2.2-3", "GR-4.3-2", "GR-1.3-4"],
            "max_frame 65,536 in the request, then a header whose length is 65,537",
            |session| Box::pin(over_the_agreed_limit(session, Some(65_536))),
        ),
        refused(
            "frames/length-of-4-gib-first",
            &["GR-2.2-1", "GR-2.2-2", "GR-1.3-4"],
            "ff ff ff ff as the first bytes of the connection, and a type",
            |session| Box::pin(header_first(session, u32::MAX)),
        ),
        refused(
            "frames/length-of-0-first",
            &["GR-2.1-3", "GR-1.3-4"],
            "a length of 0 as the first bytes of the connection",
            |session| Box::pin(header_first(session, 0)),
        ),
        refused(
            "frames/another-protocol",
            &["GR-2.1-1", "GR-2.2-1", "GR-1.3-4"],
            "a request of HTTP",
            |session| Box::pin(another_protocol(session)),
        ),
    ]
}

async fn over_the_agreed_limit(session: &mut Session, max: Option<u32>) -> Result<(), Stop> {
    let mut request = session.request();
    if let Some(max) = max {
        request.limits.max_frame = max;
    }
    session.ready_with(request, "").await?;
    let limit = session.limits().max_frame;
    // Skipped if it were shorter, and data of any length is right in it: only the length is wrong.
    header(session, limit + 1, 0xfff0).await
}

async fn header_first(session: &mut Session, length: u32) -> Result<(), Stop> {
    header(session, length, 1).await
}

async fn header(session: &mut Session, length: u32, kind: u16) -> Result<(), Stop> {
    let bytes = [&length.to_le_bytes()[..], &kind.to_le_bytes()].concat();
    session
        .send_raw(format!("the header of a frame of {length} bytes"), &bytes)
        .await?;
    let requirement = if length < 2 { "GR-2.1-3" } else { "GR-2.2-1" };
    session
        .expect_end(requirement, "the end of the connection")
        .await
        .map(drop)
}

async fn another_protocol(session: &mut Session) -> Result<(), Stop> {
    let text = b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
    session.send_raw("HTTP", text).await?;
    session
        .expect_end("GR-2.2-1", "the end of the connection")
        .await
        .map(drop)
}
