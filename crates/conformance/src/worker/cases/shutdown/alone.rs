//! Without a job that runs.

use std::time::Duration;

use greenroom_protocol::{HostMessage, Ping, Shutdown, ShutdownReason, WorkerMessage};

use super::{acknowledgements, leaves};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::cases::jobs::judge::{judge, list};
use crate::worker::session::{Cut, Session};

/// There is nothing to wait for: it is for machines that are busy.
const GRACE: Duration = Duration::from_millis(3_000);

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "shutdown/idle",
                requirements: &["GR-5.3-2", "GR-5.3-1", "GR-5.3-4", "GR-5.3-6", "GR-5.3-7"],
                sends: "Shutdown to a worker that has nothing to do",
                expects: "ShuttingDown with 0 jobs, Exiting, the end of the stream, exit 0",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(idle(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/no-grace",
                requirements: &["GR-5.3-4", "GR-5.3-2"],
                sends: "Shutdown with a grace of 0 ms",
                expects: "ShuttingDown, and exit at once, in order or not: there is no time for it",
            },
            needs: &[],
            closing: Closing::Judged,
            run: |session| Box::pin(no_grace(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/longest-grace",
                requirements: &["GR-5.3-2", "GR-5.3-7"],
                sends: "Shutdown with a grace of 2^64-1 ms",
                expects: "ShuttingDown, Exiting, exit 0: there is nothing to wait for",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(longest_grace(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/unknown-reason",
                requirements: &["GR-3.3-1", "GR-5.3-2"],
                sends: "Shutdown with a reason that nobody knows",
                expects: "the same as with any other",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(unknown_reason(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/nothing-after-exiting",
                requirements: &["GR-5.3-6", "GR-5.2-1"],
                sends: "Shutdown with three Pings behind it, in one write",
                expects: "whatever is answered is answered before Exiting",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(nothing_after_exiting(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/acknowledged-only-when-asked",
                requirements: &["GR-5.3-1", "GR-5.3-2"],
                sends: "a Ping, then Shutdown",
                expects: "no ShuttingDown before the Shutdown, and one after it",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(only_when_asked(session)),
        },
    ]
}

async fn idle(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session.shut_down(GRACE).await?;
    acknowledged_at_once(session).await?;
    let rest = leaves(session).await?;
    judge(
        rest.is_empty(),
        "GR-5.3-6",
        "Exiting behind ShuttingDown",
        list(&rest),
    )
}

async fn no_grace(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session.shut_down(Duration::ZERO).await?;
    acknowledged_at_once(session).await?;
    let expected = "the end of the stream, and exit";
    session.expect_end("GR-5.3-4", expected).await?;
    session.expect_exit("GR-5.3-4", expected).await.map(drop)
}

async fn longest_grace(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let reason = ShutdownReason::REQUESTED;
    let grace_ms = u64::MAX;
    session
        .send(HostMessage::Shutdown(Shutdown { reason, grace_ms }))
        .await?;
    acknowledged_at_once(session).await?;
    leaves(session).await.map(drop)
}

async fn unknown_reason(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let reason = ShutdownReason(60_000);
    let grace_ms = 3_000;
    session
        .send(HostMessage::Shutdown(Shutdown { reason, grace_ms }))
        .await?;
    acknowledged_at_once(session).await?;
    leaves(session).await.map(drop)
}

async fn nothing_after_exiting(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let ping = |seq| HostMessage::Ping(Ping { seq });
    let shutdown = HostMessage::Shutdown(Shutdown {
        reason: ShutdownReason::REQUESTED,
        grace_ms: 3_000,
    });
    session
        .send_torn(&[shutdown, ping(91), ping(92), ping(93)], Cut::Nowhere)
        .await?;
    let before = leaves(session).await?;
    judge(
        acknowledgements(&before) == 1,
        "GR-5.3-2",
        "one ShuttingDown",
        list(&before),
    )
}

async fn only_when_asked(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.3-1", "nothing", list(&before))?;
    session.shut_down(GRACE).await?;
    acknowledged_at_once(session).await?;
    leaves(session).await.map(drop)
}

async fn acknowledged_at_once(session: &mut Session) -> Result<(), Stop> {
    session
        .expect("GR-5.3-2", "ShuttingDown with 0 jobs", |message| {
            // The number is the referee's.
            matches!(message, WorkerMessage::ShuttingDown(_)).then_some(())
        })
        .await
}
