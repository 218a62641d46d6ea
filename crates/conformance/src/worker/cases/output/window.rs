//! A window that is used up.

use greenroom_protocol::{HostMessage, JobWindow, WorkerMessage};

use super::{Production, WINDOW, ready_with_small_window, request};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::cases::jobs::judge::{cancel, ends, judge, list, ready_for_two};
use crate::worker::session::Session;

const LARGE: usize = 4 * WINDOW as usize;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "output/window-used-up",
                requirements: &["GR-5.5-1", "GR-4.3-2"],
                sends: "a job with four times the window of output, and no JobWindow until it waits",
                expects: "not more than the window; then all of it, as it is granted",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(used_up(session, LARGE, 8_192)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-of-small-pieces",
                requirements: &["GR-5.5-1"],
                sends: "a job with 3,000 pieces of one byte, of which each costs 64",
                expects: "not more than 1,024 pieces; then all of them, as it is granted",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(used_up(session, 3_000, 1)),
        },
        WorkerCase {
            about: Case {
                id: "output/pings-while-it-waits",
                requirements: &["GR-5.2-3", "GR-5.5-1"],
                sends: "Pings while a job waits for more window",
                expects: "a Pong for each",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(pings_while_it_waits(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-in-crumbs",
                requirements: &["GR-5.5-1", "GR-5.4-2"],
                sends: "JobWindows of 1 to 100 bytes to a job that waits",
                expects: "not more than what they add up to, and all of it in the end",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(in_crumbs(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-of-4-gib",
                requirements: &["GR-5.4-2", "GR-5.5-1"],
                sends: "a JobWindow of 2^32-1 bytes to a job that waits",
                expects: "all of its output",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_4_gib(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-in-advance",
                requirements: &["GR-5.4-2", "GR-5.5-3", "GR-5.5-1"],
                sends: "two JobWindows of 2^32-1 bytes before any output is taken, which GR-5.5-3 advises against",
                expects: "all of the output: it breaks nothing that a host must do",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(in_advance(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-of-nothing",
                requirements: &["GR-5.5-1"],
                sends: "a JobWindow of 0 bytes to a job that waits",
                expects: "nothing; then all of it, as it is granted",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_nothing(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-of-another-job",
                requirements: &["GR-5.5-1"],
                sends: "more window for one of two jobs that wait",
                expects: "only that one goes on",
            },
            needs: &["conformance.produce"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_another_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/window-after-the-end",
                requirements: &["GR-5.4-10"],
                sends: "a JobWindow for a job that is finished",
                expects: "it is ignored, and the next job runs",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(after_the_end(session)),
        },
        WorkerCase {
            about: Case {
                id: "output/cancelled-while-it-waits",
                requirements: &["GR-5.4-2", "GR-5.4-11", "GR-5.5-1"],
                sends: "CancelJob to a job that waits for more window, and then more window",
                expects: "one JobFinished, whatever the outcome",
            },
            needs: &["conformance.produce", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(cancelled_while_it_waits(session)),
        },
    ]
}

async fn waiting(session: &mut Session, size: usize, piece: usize) -> Result<Production, Stop> {
    ready_with_small_window(session).await?;
    let mut production = Production::start(session, size, piece).await?;
    production.until_it_waits(session).await?;
    Ok(production)
}

async fn used_up(session: &mut Session, size: usize, piece: usize) -> Result<(), Stop> {
    let production = waiting(session, size, piece).await?;
    production.finish_well(session, WINDOW).await
}

async fn pings_while_it_waits(session: &mut Session) -> Result<(), Stop> {
    let mut production = waiting(session, LARGE, 8_192).await?;
    for _ in 0..10 {
        let messages = session.barrier().await?;
        production.take(&messages);
    }
    production.finish_well(session, WINDOW).await
}

/// Never more than one piece further than what was granted: the referee adds it up.
async fn in_crumbs(session: &mut Session) -> Result<(), Stop> {
    /// Far more than the worker has still to send, even if each byte had a frame of its own.
    const ENOUGH: u64 = 1 << 20;
    let mut production = waiting(session, WINDOW as usize + 3_000, 1_000).await?;
    let mut granted = 0;
    for crumb in (1..=100).cycle() {
        if production.ended {
            break;
        }
        judge(
            granted < ENOUGH,
            "GR-5.4-2",
            format!(
                "JobFinished {} once its window is large enough",
                production.job
            ),
            format!("nothing after {granted} bytes more"),
        )?;
        session.grant(production.job, crumb).await?;
        granted += u64::from(crumb);
        let messages = session.barrier().await?;
        production.take(&messages);
    }
    production.finish_well(session, 0).await
}

async fn of_4_gib(session: &mut Session) -> Result<(), Stop> {
    let production = waiting(session, LARGE, 8_192).await?;
    production.finish_well(session, u32::MAX).await
}

async fn in_advance(session: &mut Session) -> Result<(), Stop> {
    ready_with_small_window(session).await?;
    let production = Production::start(session, LARGE, 8_192).await?;
    session.grant(production.job, u32::MAX).await?;
    production.finish_well(session, u32::MAX).await
}

async fn of_nothing(session: &mut Session) -> Result<(), Stop> {
    let mut production = waiting(session, LARGE, 8_192).await?;
    session.grant(production.job, 0).await?;
    let messages = session.barrier().await?;
    let more = production.take(&messages);
    judge(more == 0, "GR-5.5-1", "nothing", list(&messages))?;
    production.finish_well(session, WINDOW).await
}

async fn of_another_job(session: &mut Session) -> Result<(), Stop> {
    let request = request(session);
    ready_for_two(session, request).await?;
    let mut first = Production::start(session, LARGE, 8_192).await?;
    first.until_it_waits(session).await?;
    let mut second = Production::start(session, LARGE, 8_192).await?;
    second.until_it_waits(session).await?;
    session.grant(second.job, WINDOW).await?;
    let more = session.expect_output(second.job, "section 9.1").await?;
    second.output.extend_from_slice(&more);
    let messages = session.barrier().await?;
    let more = first.take(&messages);
    judge(
        more == 0,
        "GR-5.5-1",
        format!("nothing of job {}, which has no window left", first.job),
        list(&messages),
    )?;
    second.take(&messages);
    second.finish_well(session, WINDOW).await?;
    first.finish_well(session, WINDOW).await
}

async fn after_the_end(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.echo", "one", &[]).await?;
    session.finish_job(job).await?;
    for bytes in [1, u32::MAX] {
        session
            .send(HostMessage::JobWindow(JobWindow { job, bytes }))
            .await?;
    }
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.4-10", "nothing", list(&before))?;
    session.echo("two").await
}

async fn cancelled_while_it_waits(session: &mut Session) -> Result<(), Stop> {
    let production = waiting(session, LARGE, 8_192).await?;
    let job = production.job;
    cancel(session, job).await?;
    let before = session.barrier().await?;
    let outputs = |message: &&WorkerMessage| matches!(message, WorkerMessage::JobOutput(..));
    judge(
        before.iter().filter(outputs).count() == 0,
        "GR-5.5-1",
        "no output without window",
        list(&before),
    )?;
    if ends(&before, job) == 0 {
        // It does not care for the cancel, and goes on when it can.
        production.finish(session, WINDOW).await?;
    }
    session.echo("the next job").await
}
