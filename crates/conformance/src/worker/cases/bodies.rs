//! Bodies: values at their edges, numbers that nobody knows, and what is malformed (section 3).

use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CancelJob, CancelReason, HostMessage, MAX_FIELDS, Pair, Ping, Shutdown, ShutdownReason,
    StartJob,
};

use super::vectors;
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

/// Where integers change their length, and around it.
const EDGES: [u64; 10] = [
    0,
    1,
    250,
    251,
    65_535,
    65_536,
    4_294_967_295,
    4_294_967_296,
    9_007_199_254_740_993,
    u64::MAX,
];

pub(super) fn cases() -> Vec<WorkerCase> {
    let mut cases = vec![
        WorkerCase {
            about: Case {
                id: "bodies/integers-at-their-edges",
                requirements: &["GR-3.1-3", "GR-3.1-1", "GR-3.1-2"],
                sends: "Pings with the numbers 0, 250, 251, 65,535, 65,536, 2^32-1, 2^32, 2^53+1 and \
                        2^64-1",
                expects: "Pongs with the same numbers in their shortest form",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(edges(session)),
        },
        WorkerCase {
            about: Case {
                id: "bodies/any-character",
                requirements: &["GR-3.1-1"],
                sends: "a job whose id, traceparent and metadata have a zero, characters of four bytes, \
                        empty strings and equal keys",
                expects: "that the job sees them as they were sent, in their order",
            },
            needs: &["conformance.describe"],
            closing: Closing::Orderly,
            run: |session| Box::pin(any_character(session)),
        },
        WorkerCase {
            about: Case {
                id: "bodies/most-fields",
                requirements: &["GR-3.1-1"],
                sends: "a job whose fields are exactly 131,072 bytes",
                expects: "its output",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(most_fields(session)),
        },
        WorkerCase {
            about: Case {
                id: "bodies/more-fields-than-the-most",
                requirements: &["GR-3.1-1", "GR-3.1-4", "GR-1.3-4"],
                sends: "a job whose fields are 131,073 bytes",
                expects: "the end of the connection, and no answer",
            },
            needs: &[],
            closing: Closing::Refused,
            run: |session| Box::pin(too_many_fields(session)),
        },
        WorkerCase {
            about: Case {
                id: "bodies/unknown-shutdown-reason",
                requirements: &["GR-3.3-1"],
                sends: "Shutdown with reason 999",
                expects: "the same as with a reason that is known",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(unknown_shutdown(session)),
        },
        WorkerCase {
            about: Case {
                id: "bodies/unknown-cancel-reason",
                requirements: &["GR-3.3-1"],
                sends: "CancelJob with reason 65,535 for a job that waits for it",
                expects: "the job's JobFinished",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(unknown_cancel(session)),
        },
    ];
    cases.extend(vectors::of("bodies"));
    cases
}

async fn edges(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for seq in EDGES {
        session.send(HostMessage::Ping(Ping { seq })).await?;
        session.expect_pong(seq).await?;
    }
    Ok(())
}

async fn any_character(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut start = session.start_message("conformance.describe");
    start.id = "a\0b \u{1f600} \u{10ffff}".into();
    start.traceparent = "\u{feff}ü".into();
    let pair = |key: &str, value: &str| Pair {
        key: key.into(),
        value: value.into(),
    };
    start.metadata = vec![pair("same", "2"), pair("", ""), pair("same", "1")];
    let job = start.job;
    let wanted = [
        format!("id={}", start.id),
        format!("traceparent={}", start.traceparent),
        "meta.same=2\nmeta.=\nmeta.same=1".into(),
    ];
    session
        .send(HostMessage::StartJob(start, Bytes::new()))
        .await?;
    let end = session.finish_job(job).await?;
    let text = String::from_utf8_lossy(&end.output);
    match wanted.iter().find(|part| !text.contains(part.as_str())) {
        None => Ok(()),
        Some(part) => {
            let expected = format!("a description with {part:?}");
            let got = format!("{text:?}");
            Err(Stop::Fail(Finding::new("GR-3.1-1", expected, got)))
        }
    }
}

/// Fills the fields up to this many bytes.
fn fill(start: &mut StartJob, fields: usize) {
    let bare = |start: &StartJob| {
        let message = HostMessage::StartJob(start.clone(), Bytes::new());
        message.encode().expect("it is small").length() - 2
    };
    let long = |length: usize| Pair {
        key: "long".into(),
        value: "v".repeat(length),
    };
    start.metadata = vec![long(66_000)];
    // Its length takes as many bytes as that of the final one.
    let room = fields - bare(start);
    start.metadata = vec![long(66_000 + room)];
}

async fn most_fields(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut start = session.start_message("conformance.echo");
    fill(&mut start, MAX_FIELDS as usize);
    if session.limits().max_frame < MAX_FIELDS + 100 {
        return Err(Stop::Skip("the worker's max_frame is smaller".into()));
    }
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "data".into()))
        .await?;
    let end = session.finish_job(job).await?;
    if end.output == "data" {
        return Ok(());
    }
    let expected = "the output \"data\"";
    let got = format!("{:?}", String::from_utf8_lossy(&end.output));
    Err(Stop::Fail(Finding::new("GR-3.1-1", expected, got)))
}

async fn too_many_fields(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    if session.limits().max_frame < MAX_FIELDS + 100 {
        session.close_as(Closing::Orderly);
        return Err(Stop::Skip("the worker's max_frame is smaller".into()));
    }
    let mut start = session.start_message("conformance.echo");
    fill(&mut start, MAX_FIELDS as usize);
    let message = HostMessage::StartJob(start, Bytes::new());
    let frame = message.encode().expect("it is the most that fits");
    // One byte more in the text and in its length.
    let text = frame.head.windows(2).position(|pair| pair == b"vv");
    let text = text.expect("the text is there");
    let mut bytes = frame.head.to_vec();
    let length = &mut bytes[text - 4..text];
    let longer = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) + 1;
    length.copy_from_slice(&longer.to_le_bytes());
    bytes.insert(text, b'v');
    let whole = u32::try_from(bytes.len() - 4).expect("it is small");
    bytes[..4].copy_from_slice(&whole.to_le_bytes());
    session
        .send_raw("StartJob with fields of 131,073 bytes", &bytes)
        .await?;
    session.expect_refusal().await
}

async fn unknown_shutdown(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let reason = ShutdownReason(999);
    let grace = Duration::from_secs(1);
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    session
        .send(HostMessage::Shutdown(Shutdown { reason, grace_ms }))
        .await?;
    session.expect_shutting_down().await.map(drop)
}

async fn unknown_cancel(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.wait", "", &[]).await?;
    session.expect_output(job, "section 9.1").await?;
    let reason = CancelReason(u16::MAX);
    session
        .send(HostMessage::CancelJob(CancelJob { job, reason }))
        .await?;
    session.expect_finished(job).await.map(drop)
}
