//! Reading, writing and the end of the stream (sections 1.3 and 2.3).

mod ends;

use greenroom_protocol::{HostMessage, WorkerMessage};

use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

/// More than a socket holds for either side.
const FLOOD: usize = 4 << 20;
/// Ignorable frames of this size make the flood.
const PIECE: usize = 32 << 10;
/// So much output fills any socket.
const FULL: u64 = 512 << 10;

pub(super) fn cases() -> Vec<WorkerCase> {
    let mut cases = vec![WorkerCase {
        about: Case {
            id: "stream/reads-while-it-waits-to-write",
            requirements: &["GR-1.3-1"],
            sends: "a job whose output fills the socket, and while nothing of it is read 4 MiB of \
                    frames to be skipped and 16 Pings",
            expects: "that the worker takes all of it, and then the whole output and all Pongs",
        },
        needs: &["conformance.produce"],
        closing: Closing::Orderly,
        run: |session| Box::pin(reads_while_it_writes(session)),
    }];
    cases.extend(ends::cases());
    cases.push(WorkerCase {
        about: Case {
            id: "stream/truncated-frame-is-not-used",
            requirements: &["GR-2.3-2", "GR-1.3-2"],
            sends: "a StartJob without its last byte of data, and then the end of the stream",
            expects: "no word on this job, and exit",
        },
        needs: &[],
        closing: Closing::HostGone,
        run: |session| Box::pin(truncated(session)),
    });
    cases.push(WorkerCase {
        about: Case {
            id: "stream/violation-ends-the-connection",
            requirements: &["GR-1.3-4"],
            sends: "a frame of an unknown type, and behind it well-formed frames",
            expects: "the end of the connection, and no answer to what is behind",
        },
        needs: &[],
        closing: Closing::Refused,
        run: |session| Box::pin(violation(session)),
    });
    cases.push(WorkerCase {
        about: Case {
            id: "stream/violation-ends-the-connection-under-a-job",
            requirements: &["GR-1.3-4"],
            sends: "a frame of an unknown type while a job waits",
            expects: "the end of the connection and of the process",
        },
        needs: &["conformance.wait"],
        closing: Closing::Refused,
        run: |session| Box::pin(violation_under_a_job(session)),
    });
    cases
}

/// A job that is at work.
async fn begun(session: &mut Session, name: &str, input: &'static str) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start(name, input, &[]).await?;
    session.expect_output(job, "section 9.1").await?;
    Ok(())
}

async fn reads_while_it_writes(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.output_window = 16 << 20;
    session.ready_with(request, "").await?;
    let window = u64::from(session.limits().output_window);
    if window < FULL {
        return Err(Stop::Skip(format!(
            "the worker's output_window, {window}, does not fill a socket"
        )));
    }
    let size = window.min(2 << 20);
    let job = session
        .start("conformance.produce", size.to_string(), &[])
        .await?;
    session
        .something_unread("GR-5.4-4", "JobAccepted and output")
        .await?;
    let piece = vec![0x5a; PIECE];
    let mut pings = Vec::new();
    for index in 0..FLOOD / PIECE {
        session
            .send_frame("a frame to be skipped", 0xfff0, &piece)
            .await?;
        if index % 8 == 7 {
            pings.push(session.ping().await?);
        }
    }
    let mut produced = 0;
    let mut finished = false;
    while !finished || !pings.is_empty() {
        match session
            .next("GR-1.3-1", "the rest of the output and of the Pongs")
            .await?
        {
            WorkerMessage::Pong(pong) => pings.retain(|seq| *seq != pong.seq),
            WorkerMessage::JobOutput(output, data) if output.job == job => {
                produced += data.len() as u64;
                // Its pieces may be such that they cost more than their bytes.
                session.grant(job, data.len().max(64) as u32).await?;
            }
            WorkerMessage::JobFinished(end, data) if end.job == job => {
                produced += data.len() as u64;
                finished = true;
            }
            _ => {}
        }
    }
    if produced != size {
        let expected = format!("{size} bytes of output");
        let got = format!("{produced}");
        return Err(Stop::Fail(Finding::new("section 9.1", expected, got)));
    }
    Ok(())
}

async fn truncated(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let start = session.start_message("conformance.echo");
    let start = HostMessage::StartJob(start, "truncated".into());
    let frame = start.encode().expect("it is small");
    let bytes = [frame.head, frame.data.slice(..frame.data.len() - 1)].concat();
    session
        .send_raw("StartJob without its last byte", &bytes)
        .await?;
    session.half_close()?;
    // A word on the job would be one on a job that does not run: the referee finds it.
    session
        .expect_end("GR-1.3-2", "the worker's end of the stream")
        .await?;
    Ok(())
}

async fn violation(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session
        .send_frame("a frame of the unknown type 32767", 0x7fff, b"?")
        .await?;
    session.expect_refusal().await
}

async fn violation_under_a_job(session: &mut Session) -> Result<(), Stop> {
    begun(session, "conformance.wait", "").await?;
    session
        .send_frame("a frame of the unknown type 32767", 0x7fff, b"?")
        .await?;
    session.expect_refusal().await
}
