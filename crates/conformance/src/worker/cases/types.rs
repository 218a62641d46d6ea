//! Types: those that a worker skips, and those that it refuses (section 2.4).

use greenroom_protocol::{Capabilities, WorkerMessage};

use super::vectors;
use crate::case::{Case, Finding};
use crate::words;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

/// Numbers that nobody knows and everybody may skip: the lowest, those of messages with the high bit,
/// the highest.
const IGNORABLE: [u16; 6] = [0x8000, 0x8001, 0x8003, 0x8010, 0xfff0, 0xffff];

pub(super) fn cases() -> Vec<WorkerCase> {
    let mut cases = vec![
        WorkerCase {
            about: Case {
                id: "types/unknown-ignorable-is-skipped",
                requirements: &["GR-2.4-3"],
                sends: "frames of six unknown types with the high bit, without a body, with one that \
                        would be a Ping's, and with garbage",
                expects: "no answer to them, and an answer to the Ping behind each",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(skipped(session)),
        },
        WorkerCase {
            about: Case {
                id: "types/unknown-ignorable-is-skipped-first",
                requirements: &["GR-2.4-3"],
                sends: "a frame of an unknown type with the high bit, and then InitializeRequest",
                expects: "InitializeResponse",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(skipped_first(session)),
        },
        WorkerCase {
            about: Case {
                id: "types/unknown-ignorable-is-skipped-at-any-length",
                requirements: &["GR-2.4-3", "GR-2.2-3"],
                sends: "a frame of an unknown type with the high bit that is as long as was agreed on",
                expects: "an answer to the Ping behind it",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(skipped_longest(session)),
        },
        WorkerCase {
            about: Case {
                id: "types/unknown-ignorable-is-skipped-under-a-job",
                requirements: &["GR-2.4-3"],
                sends: "a frame of an unknown type with the high bit while a job waits for its input",
                expects: "the job's output",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(skipped_under_a_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "types/own-numbers-are-known",
                requirements: &["GR-2.4-1", "GR-2.4-2", "GR-2.4-4", "GR-2.4-5", "GR-4.4-1"],
                sends: "InitializeRequest without any capability, a job and Shutdown",
                expects: "messages of a worker with the layouts of messages.toml, and none of a feature \
                          that was not announced",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(own_numbers(session)),
        },
        WorkerCase {
            about: Case {
                id: "types/unknown-critical-is-refused-first",
                requirements: &["GR-2.4-2", "GR-1.3-4"],
                sends: "a frame of the unknown type 32767, and then InitializeRequest",
                expects: "the end of the connection, and no response",
            },
            needs: &[],
            closing: Closing::Refused,
            run: |session| Box::pin(refused_first(session)),
        },
    ];
    cases.extend(vectors::of("types"));
    cases
}

async fn skipped(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for kind in IGNORABLE {
        for body in [&b""[..], &[7], &[0xff; 300]] {
            let meaning = format!("a frame of type {kind:#06x}, to be skipped");
            session.send_frame(meaning, kind, body).await?;
            no_answer(session).await?;
        }
    }
    Ok(())
}

async fn no_answer(session: &mut Session) -> Result<(), Stop> {
    match session.barrier().await?.first() {
        None => Ok(()),
        Some(message) => {
            let expected = "no answer to a frame that is to be skipped";
            let got = words::worker(message);
            Err(Stop::Fail(Finding::new("GR-2.4-3", expected, got)))
        }
    }
}

async fn skipped_first(session: &mut Session) -> Result<(), Stop> {
    let garbage = [0xfe; 40];
    session
        .send_frame("a frame of type 0xfff0, to be skipped", 0xfff0, &garbage)
        .await?;
    session.ready().await?;
    session.barrier().await.map(drop)
}

async fn skipped_longest(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let body = vec![0xff; session.limits().max_frame as usize - 2];
    session
        .send_frame("a frame of type 0xfff0, to be skipped", 0xfff0, &body)
        .await?;
    no_answer(session).await
}

async fn skipped_under_a_job(session: &mut Session) -> Result<(), Stop> {
    use greenroom_protocol::{HostMessage, JobInput};
    session.ready().await?;
    let mut start = session.start_message("conformance.echo");
    start.last = false;
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "before ".into()))
        .await?;
    session
        .send_frame("a frame of type 0x8011, to be skipped", 0x8011, b"not this")
        .await?;
    let input = JobInput { job, last: true };
    session
        .send(HostMessage::JobInput(input, "after".into()))
        .await?;
    let end = session.finish_job(job).await?;
    let output = end.well("conformance.echo")?;
    if output == "before after" {
        return Ok(());
    }
    let expected = "the output \"before after\"";
    let got = String::from_utf8_lossy(&output).into_owned();
    Err(Stop::Fail(Finding::new("GR-2.4-3", expected, got)))
}

async fn own_numbers(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.capabilities = Capabilities::default();
    session.ready_with(request, "").await?;
    session.echo("nothing new").await?;
    let before = session.barrier().await?;
    let dumped = before
        .iter()
        .find(|message| matches!(message, WorkerMessage::StackDump(_)));
    match dumped {
        None => Ok(()),
        Some(message) => {
            let expected = "no message of a feature that only one side announced";
            let got = words::worker(message);
            Err(Stop::Fail(Finding::new("GR-4.4-1", expected, got)))
        }
    }
}

async fn refused_first(session: &mut Session) -> Result<(), Stop> {
    session
        .send_frame("a frame of the unknown type 32767", 0x7fff, b"?")
        .await?;
    super::handshake::expect_no_response(session, "GR-2.4-2").await
}
