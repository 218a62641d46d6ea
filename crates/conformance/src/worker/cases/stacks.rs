//! What a worker says that it is doing (section 5.9).

use std::time::{Duration, Instant};

use greenroom_protocol::{Capabilities, HostMessage, MessageType, WorkerMessage};
use tokio::time::sleep;

use super::jobs::judge::{begin, judge, list};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Cut, Session};

/// A worker turns its loop less often between `begun` and a block that follows.
const TURNS: usize = 12;
/// And it waits for less time there.
const MOMENT: Duration = Duration::from_millis(400);
/// Between a `StackDump` and the next `DumpStacks`.
const PACE: Duration = Duration::from_millis(10);

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "stacks/answered",
                requirements: &["GR-5.9-2", "GR-5.9-4", "GR-4.4-1"],
                sends: "three DumpStacks, two of them in one write",
                expects: "one StackDump for each, if the capability is common",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(answered(session)),
        },
        WorkerCase {
            about: Case {
                id: "stacks/while-a-handler-blocks",
                requirements: &["GR-5.9-2"],
                sends: "DumpStacks, each after the StackDump before, while a handler keeps the place where \
                        handlers run for a minute",
                expects: "a StackDump for each all the same",
            },
            needs: &["conformance.block"],
            closing: Closing::Judged,
            run: |session| Box::pin(while_a_handler_blocks(session)),
        },
        WorkerCase {
            about: Case {
                id: "stacks/fit",
                requirements: &["GR-5.9-3", "GR-2.2-3"],
                sends: "DumpStacks while a job runs whose id is 60,000 bytes long, with a max_frame of 65,536",
                expects: "a StackDump in a frame that fits",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(fit(session)),
        },
        WorkerCase {
            about: Case {
                id: "stacks/not-unasked",
                requirements: &["GR-5.9-4", "GR-4.4-1"],
                sends: "a host without any capability, and jobs",
                expects: "never a StackDump",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(not_unasked(session)),
        },
        WorkerCase {
            about: Case {
                id: "stacks/not-in-common",
                requirements: &["GR-1.3-4", "GR-5.9-1", "GR-4.4-1", "GR-5.9-4"],
                sends: "a host without any capability, and DumpStacks all the same",
                expects: "the end of the connection, and no StackDump",
            },
            needs: &[],
            closing: Closing::Refused,
            run: |session| Box::pin(not_in_common(session)),
        },
    ]
}

async fn answered(session: &mut Session) -> Result<(), Stop> {
    let response = session.ready().await?;
    needs_the_capability(response.capabilities)?;
    session.send(HostMessage::DumpStacks).await?;
    expect_dump(session).await?;
    let two = [HostMessage::DumpStacks, HostMessage::DumpStacks];
    session.send_torn(&two, Cut::Nowhere).await?;
    expect_dump(session).await?;
    expect_dump(session).await?;
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.9-4", "nothing more", list(&before))
}

async fn while_a_handler_blocks(session: &mut Session) -> Result<(), Stop> {
    let response = session.ready().await?;
    needs_the_capability(response.capabilities)?;
    begin(session, "conformance.block", "60000").await?;
    // The first few may be answered before the block, behind `begun`: a worker may turn its loop a few
    // times, however slow the machine is, or wait a moment, however fast it is.
    let moment = Instant::now() + MOMENT;
    let mut answered = 0;
    while answered < TURNS || Instant::now() < moment {
        session.send(HostMessage::DumpStacks).await?;
        expect_dump(session).await?;
        answered += 1;
        sleep(PACE).await;
    }
    Ok(())
}

async fn fit(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_frame = 65_536;
    let response = session.ready_with(request, "").await?;
    needs_the_capability(response.capabilities)?;
    let mut start = session.start_message("conformance.wait");
    start.id = "é".repeat(30_000);
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "".into()))
        .await?;
    super::jobs::judge::await_begun(session, job).await?;
    session.send(HostMessage::DumpStacks).await?;
    // A frame that is too large is found where it is read.
    expect_dump(session).await
}

async fn not_unasked(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.capabilities = Capabilities::default();
    session.ready_with(request, "").await?;
    // The referee refuses one that nobody has asked for.
    session.echo("no stacks").await?;
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.9-4", "nothing", list(&before))
}

/// The referee is not told of the question: an answer would be one that nobody may ask for.
async fn not_in_common(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.capabilities = Capabilities::default();
    session.ready_with(request, "").await?;
    let meaning = "DumpStacks, though the capability is not common";
    let kind = MessageType::DUMP_STACKS.0;
    session.send_frame(meaning, kind, b"").await?;
    session.expect_refusal().await
}

fn needs_the_capability(announced: Capabilities) -> Result<(), Stop> {
    if announced.contains(Capabilities::STACK_DUMP) {
        Ok(())
    } else {
        let reason = "the worker does not announce the capability `stack dump`";
        Err(Stop::Skip(reason.into()))
    }
}

async fn expect_dump(session: &mut Session) -> Result<(), Stop> {
    session
        .until("GR-5.9-2", "StackDump", |message| {
            matches!(message, WorkerMessage::StackDump(_)).then_some(())
        })
        .await
}
