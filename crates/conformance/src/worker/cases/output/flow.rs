//! Output that flows: in order, whole, and in frames that fit.

use greenroom_protocol::{HostMessage, JobInput, Ping, WorkerMessage};

use super::Production;
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::cases::jobs::judge::{pattern, same};
use crate::worker::session::{Cut, Session};

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "output/in-order",
                requirements: &["GR-5.4-1", "GR-5.4-3", "GR-5.5-1"],
                sends: "a job with 5,000 bytes of output in pieces of 7",
                expects: "all of them, in order",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(produced(session, 5_000, Some("7"))),
        },
        WorkerCase {
            about: Case {
                id: "output/none",
                requirements: &["GR-5.4-2"],
                sends: "a job without output",
                expects: "JobFinished without data",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(produced(session, 0, None)),
        },
        WorkerCase {
            about: Case {
                id: "output/much",
                requirements: &["GR-5.5-1", "GR-5.5-2", "GR-2.2-3"],
                sends: "a job with 5,000,000 bytes of output in pieces of its choice",
                expects: "all of them, in frames that fit, within the window",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(produced(session, 5_000_000, None)),
        },
        WorkerCase {
            about: Case {
                id: "output/larger-than-the-window",
                requirements: &["GR-5.5-2", "GR-5.5-1"],
                sends: "a job whose output is larger than the window and smaller than a frame",
                expects: "all of it: within the window, but for the data of JobFinished",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(larger_than_the_window(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/smallest-frames",
                requirements: &["GR-2.2-3", "GR-4.3-2", "GR-5.5-2"],
                sends: "a max_frame of 65,536, and jobs with larger output",
                expects: "all of it, in frames of at most 65,536 bytes",
            },
            needs: &["conformance.echo", "conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(smallest_frames(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/not-read",
                requirements: &["GR-1.3-1", "GR-5.2-3"],
                sends: "2,000 Pings to a worker that sends output, while nothing is read",
                expects: "the worker goes on reading while it waits to write, and all arrives",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(not_read(session)),
        },
    ]
}

async fn produced(session: &mut Session, size: usize, piece: Option<&str>) -> Result<(), Stop> {
    session.ready().await?;
    let metadata: Vec<_> = piece.map(|piece| ("piece", piece)).into_iter().collect();
    let output = session
        .run_well("conformance.produce", size.to_string(), &metadata)
        .await?;
    same("section 9.1", &pattern(size), &output)
}

async fn larger_than_the_window(session: &mut Session) -> Result<(), Stop> {
    super::ready_with_small_window(session).await?;
    let input = pattern(200_000);
    let output = session
        .run_well("conformance.echo", input.clone(), &[])
        .await?;
    same("section 9.1", &input, &output)
}

async fn smallest_frames(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_frame = 65_536;
    session.ready_with(request, "").await?;
    let mut start = session.start_message("conformance.echo");
    start.last = false;
    let job = start.job;
    let input = pattern(180_000);
    session
        .send(HostMessage::StartJob(start, input.slice(..60_000)))
        .await?;
    for (range, last) in [(60_000..120_000, false), (120_000..180_000, true)] {
        session
            .send(HostMessage::JobInput(
                JobInput { job, last },
                input.slice(range),
            ))
            .await?;
    }
    // A frame that is too large is found where it is read.
    let end = session.finish_job(job).await?;
    same("GR-5.4-8", &input, &end.well("conformance.echo")?)?;
    // Of the size of a frame and a little less, where its head no longer fits.
    for size in [65_536, 65_535, 65_530, 65_520] {
        let output = session
            .run_well("conformance.produce", size.to_string(), &[])
            .await?;
        same("section 9.1", &pattern(size), &output)?;
    }
    let large = [("piece", "100000")];
    let output = session
        .run_well("conformance.produce", "300000", &large)
        .await?;
    same("section 9.1", &pattern(300_000), &output)
}

/// The output is more than the socket takes, so the worker waits to write; the pings, each a write
/// of its own, are more than it takes the other way.
async fn not_read(session: &mut Session) -> Result<(), Stop> {
    const PINGS: u64 = 2_000;
    session.ready().await?;
    let window = session.limits().output_window as usize;
    let mut production = Production::start(session, window, 4_096).await?;
    session.something_unread("GR-5.4-4", "JobAccepted").await?;
    let pings: Vec<_> = (1..=PINGS)
        .map(|seq| HostMessage::Ping(Ping { seq: seq << 32 }))
        .collect();
    for ping in pings {
        session.send_torn(&[ping], Cut::Nowhere).await?;
    }
    let mut pongs = 0;
    while !(production.ended && pongs == PINGS) {
        let expected = "JobFinished, and a Pong for each of 2,000 Pings";
        let message = session.next("GR-1.3-1", expected).await?;
        if matches!(message, WorkerMessage::Pong(_)) {
            pongs += 1;
        }
        let taken = production.take(&[message]);
        if taken > 0 {
            // For one that does not heed `piece`: its pieces may cost more than their bytes.
            session.grant(production.job, taken.max(64) as u32).await?;
        }
    }
    production.finish_well(session, 0).await
}
