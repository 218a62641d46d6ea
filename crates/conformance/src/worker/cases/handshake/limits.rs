//! Limits and slots (section 4.3).

use greenroom_protocol::{InitializeRequest, WorkerMessage};

use super::super::jobs::judge::{ends, judge};
use super::{case, initialize, prepared, refuses_request};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

/// The smallest window that can be agreed on.
const WINDOW: u32 = 65_536;

pub(super) fn cases() -> Vec<WorkerCase> {
    const REFUSED: &[&str] = &["GR-4.3-1", "GR-1.3-4"];
    let refused = |id, sends, run| {
        let about = Case {
            id,
            requirements: REFUSED,
            sends,
            expects: "the end of the connection, and no worker that is ready",
        };
        case(about, Closing::Refused, run)
    };
    vec![
        case(
            Case {
                id: "handshake/limits-at-their-edges",
                requirements: &["GR-4.3-1", "GR-4.3-2"],
                sends: "InitializeRequest with the largest limits that there are",
                expects: "a worker that is ready, with limits in their ranges",
            },
            Closing::Orderly,
            |session| Box::pin(largest(session)),
        ),
        refused(
            "handshake/max-frame-too-small",
            "InitializeRequest with max_frame 65,535",
            |session| {
                Box::pin(out_of_range(session, |request| {
                    request.limits.max_frame = 65_535;
                }))
            },
        ),
        refused(
            "handshake/max-frame-too-large",
            "InitializeRequest with max_frame 16,777,217",
            |session| {
                Box::pin(out_of_range(session, |request| {
                    request.limits.max_frame = 16_777_217;
                }))
            },
        ),
        refused(
            "handshake/output-window-too-small",
            "InitializeRequest with output_window 65,535",
            |session| {
                Box::pin(out_of_range(session, |request| {
                    request.limits.output_window = 65_535;
                }))
            },
        ),
        WorkerCase {
            needs: &["conformance.produce"],
            ..case(
                Case {
                    id: "handshake/smaller-window-is-used",
                    requirements: &["GR-4.3-2", "GR-5.5-1"],
                    sends: "InitializeRequest with output_window 65,536, and a job with more output \
                            than that, of which nothing is taken",
                    expects: "output that costs at most 65,536 bytes",
                },
                Closing::Orderly,
                |session| Box::pin(smaller_window(session)),
            )
        },
        WorkerCase {
            needs: &["conformance.echo"],
            ..case(
                Case {
                    id: "handshake/largest-payload-is-taken",
                    requirements: &["GR-4.3-2"],
                    sends: "InitializeRequest with max_payload 1,000, and a job with so much input",
                    expects: "the job's output",
                },
                Closing::Orderly,
                |session| Box::pin(largest_payload(session)),
            )
        },
        prepared(
            Case {
                id: "handshake/slots-in-range",
                requirements: &["GR-4.3-1"],
                sends: "the arguments `slots 65537`, more than there can be",
                expects: "a worker with at most 65,536 slots, or one that cannot be used",
            },
            Closing::HostGone,
            |session| Box::pin(slots(session, "slots 65537")),
        ),
        prepared(
            Case {
                id: "handshake/no-slots",
                requirements: &["GR-4.3-1"],
                sends: "the arguments `slots 0`",
                expects: "a worker with at least 1 slot, or one that cannot be used",
            },
            Closing::HostGone,
            |session| Box::pin(slots(session, "slots 0")),
        ),
    ]
}

async fn largest(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_frame = 16_777_216;
    request.limits.max_payload = u64::MAX;
    request.limits.output_window = u32::MAX;
    session.ready_with(request, "").await?;
    session.barrier().await.map(drop)
}

async fn out_of_range(
    session: &mut Session,
    change: impl FnOnce(&mut InitializeRequest) + Send,
) -> Result<(), Stop> {
    let mut request = session.request();
    change(&mut request);
    session.send(initialize(request, "")).await?;
    refuses_request(session, "GR-4.3-1").await
}

async fn smaller_window(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.output_window = WINDOW;
    session.ready_with(request, "").await?;
    let job = session
        .start("conformance.produce", "200000", &[("piece", "4096")])
        .await?;
    // The referee counts. All that the window allows must come, and no more until the barrier.
    let waits = |ended: bool| {
        judge(
            !ended,
            "section 9.1",
            "a job that waits for its window",
            "its end",
        )
    };
    let expected = format!("JobOutput {job}, as the agreed window allows");
    while session.window_left(job) > 0 {
        let ended = session.until("GR-4.3-2", &expected, |message| match message {
            WorkerMessage::JobOutput(output, _) if output.job == job => Some(false),
            WorkerMessage::JobFinished(finished, _) if finished.job == job => Some(true),
            _ => None,
        });
        waits(ended.await?)?;
    }
    let more = session.barrier().await?;
    waits(ends(&more, job) > 0)?;
    let window = 200_000;
    session.grant(job, window).await?;
    session.finish_job(job).await.map(drop)
}

async fn largest_payload(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_payload = 1_000;
    session.ready_with(request, "").await?;
    session.echo(&"p".repeat(1_000)).await
}

async fn slots(session: &mut Session, arguments: &str) -> Result<(), Stop> {
    let request = initialize(session.request(), arguments);
    session.send(request).await?;
    // The referee knows the range.
    session.expect_response().await.map(drop)
}
