//! Jobs that are cancelled: before, in and after their run.

use greenroom_protocol::{CancelJob, CancelReason, HostMessage, JobInput, WorkerMessage};

use super::judge::{begin, ends, judge, list};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Cut, Session};

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "jobs/cancel-mid-job",
                requirements: &["GR-5.4-11", "GR-5.4-2"],
                sends: "CancelJob while a job waits",
                expects: "its JobFinished, and no other answer",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(mid_job(session, CancelReason::REQUESTED)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-for-an-unknown-reason",
                requirements: &["GR-3.3-1", "GR-5.4-11"],
                sends: "CancelJob with a reason that nobody knows",
                expects: "the same as with any other",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(mid_job(session, CancelReason(65_535))),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-twice",
                requirements: &["GR-5.4-2", "GR-5.4-10", "GR-5.4-11"],
                sends: "two CancelJobs in one write while a job waits",
                expects: "one JobFinished",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(twice(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-behind-the-start",
                requirements: &["GR-5.4-2", "GR-5.4-11"],
                sends: "StartJob and CancelJob in one write",
                expects: "one JobFinished, whatever the outcome",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(behind_the_start(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-before-the-input-is-complete",
                requirements: &["GR-5.4-2", "GR-5.4-10", "GR-5.4-11"],
                sends: "CancelJob when a part of a job's input is there, and the rest behind it",
                expects: "one JobFinished; what comes after it is ignored",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(before_the_input_is_complete(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-after-the-end",
                requirements: &["GR-5.4-10", "GR-5.4-2"],
                sends: "CancelJob for a job that is finished",
                expects: "it is ignored, and the next job runs",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(after_the_end(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-of-no-job",
                requirements: &["GR-5.4-11", "GR-5.4-1"],
                sends: "CancelJob for a number that no job has had",
                expects: "no answer; the text does not say that it is ignored",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_no_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-not-heard",
                requirements: &["GR-5.4-11", "GR-5.2-3"],
                sends: "CancelJob for a job that does not care, and a Ping",
                expects: "a Pong, and no answer to the cancel as such",
            },
            needs: &["conformance.deaf"],
            closing: Closing::Orderly,
            run: |session| Box::pin(not_heard(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/cancel-while-a-handler-blocks",
                requirements: &["GR-5.4-2", "GR-5.4-11"],
                sends: "CancelJob while a handler keeps the place where handlers run",
                expects: "one JobFinished when it is through, whatever the outcome",
            },
            needs: &["conformance.block", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(while_a_handler_blocks(session)),
        },
    ]
}

async fn mid_job(session: &mut Session, reason: CancelReason) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    session.send(cancel(job, reason)).await?;
    session
        .expect("GR-5.4-11", &format!("JobFinished {job}"), |message| {
            matches!(message, WorkerMessage::JobFinished(finished, _) if finished.job == job)
                .then_some(())
        })
        .await?;
    nothing_more(session).await
}

async fn twice(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    let both = [
        cancel(job, CancelReason::REQUESTED),
        cancel(job, CancelReason::DEADLINE),
    ];
    session.send_torn(&both, Cut::Nowhere).await?;
    session.finish_job(job).await?;
    nothing_more(session).await
}

async fn behind_the_start(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let start = session.start_message("conformance.wait");
    let job = start.job;
    let both = [
        HostMessage::StartJob(start, "".into()),
        cancel(job, CancelReason::REQUESTED),
    ];
    session.send_torn(&both, Cut::Nowhere).await?;
    session.finish_job(job).await?;
    nothing_more(session).await
}

async fn before_the_input_is_complete(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut start = session.start_message("conformance.echo");
    start.last = false;
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "the beginning".into()))
        .await?;
    session.send(cancel(job, CancelReason::REQUESTED)).await?;
    session.finish_job(job).await?;
    let rest = JobInput { job, last: true };
    session
        .send(HostMessage::JobInput(rest, "the rest".into()))
        .await?;
    nothing_more(session).await
}

async fn after_the_end(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.echo", "one", &[]).await?;
    session.finish_job(job).await?;
    session.send(cancel(job, CancelReason::REQUESTED)).await?;
    nothing_more(session).await
}

/// A worker that does not remember its jobs cannot tell it from one that has ended; one that does
/// may take it for a violation.
async fn of_no_job(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session
        .send(cancel(123_456_789, CancelReason::REQUESTED))
        .await?;
    let deadline = session.deadline();
    let seq = session.ping().await?;
    let expected = "a Pong, as if there had been no cancel";
    match session.arrival(deadline, "GR-5.2-3", expected).await? {
        Some(WorkerMessage::Pong(pong)) if pong.seq == seq => nothing_more(session).await,
        Some(other) => judge(false, "GR-5.4-11", expected, list(&[other])),
        None => {
            session.close_as(Closing::Refused);
            Err(Stop::NonStrict(Finding::new(
                "GR-5.4-10",
                expected,
                "the end of the connection",
            )))
        }
    }
}

async fn not_heard(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.deaf", "").await?;
    session.send(cancel(job, CancelReason::REQUESTED)).await?;
    let before = session.barrier().await?;
    // Its library may end it all the same.
    let other = before.len() - ends(&before, job);
    judge(
        other == 0,
        "GR-5.4-11",
        "nothing, or JobFinished",
        list(&before),
    )
}

async fn while_a_handler_blocks(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.block", "150").await?;
    session.send(cancel(job, CancelReason::REQUESTED)).await?;
    session.finish_job(job).await?;
    nothing_more(session).await
}

/// No word on what is over, and the next job runs.
async fn nothing_more(session: &mut Session) -> Result<(), Stop> {
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.4-2", "nothing more", list(&before))?;
    session.echo("the next job").await
}

fn cancel(job: u64, reason: CancelReason) -> HostMessage {
    HostMessage::CancelJob(CancelJob { job, reason })
}
