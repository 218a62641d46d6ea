//! How a job ends that is not cancelled.

use bytes::Bytes;
use greenroom_protocol::{
    CancelJob, CancelReason, FailureKind, HostMessage, JobFailure, JobInput, JobWindow,
};

use super::judge::{judge, list};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Cut, JobEnd, Session};

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "jobs/two-hundred",
                requirements: &["GR-5.4-2", "GR-5.4-3", "GR-5.4-1"],
                sends: "200 jobs, one after the other",
                expects: "one JobFinished for each, with its own output",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(two_hundred(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/failed",
                requirements: &["GR-5.4-2", "GR-5.4-12"],
                sends: "jobs that fail, with and without `retryable`",
                expects: "a failure of kind 1 with the message, retryable as asked; the worker goes on",
            },
            needs: &["conformance.fail", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(failed(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/failed-at-length",
                requirements: &["GR-2.2-3", "GR-5.4-2", "GR-5.5-2"],
                sends: "a job that fails with a message that does not fit in a frame",
                expects: "one JobFinished that fits in a frame of 65,536 bytes",
            },
            needs: &["conformance.fail", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(failed_at_length(session, "conformance.fail")),
        },
        WorkerCase {
            about: Case {
                id: "jobs/crashed",
                requirements: &["GR-5.4-2"],
                sends: "a job whose handler crashes, twice",
                expects: "a failure of kind 2 that holds the message; the worker goes on",
            },
            needs: &["conformance.crash", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(crashed(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/crashed-at-length",
                requirements: &["GR-2.2-3", "GR-5.4-2", "GR-5.5-2"],
                sends: "a job whose handler crashes with a message that does not fit in a frame",
                expects: "one JobFinished that fits in a frame of 65,536 bytes",
            },
            needs: &["conformance.crash", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(failed_at_length(session, "conformance.crash")),
        },
        WorkerCase {
            about: Case {
                id: "jobs/unknown-name",
                requirements: &["GR-5.4-2"],
                sends: "a job with a name that nobody knows",
                expects: "one JobFinished with a failure, and that the worker goes on",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(unknown_name(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/not-cancelled-and-failed",
                requirements: &["GR-5.4-12", "GR-5.4-2"],
                sends: "jobs that fail and crash, each with a CancelJob behind it in the same write",
                expects: "JobFinished that is cancelled, or failed, and not both",
            },
            needs: &["conformance.fail", "conformance.crash"],
            closing: Closing::Orderly,
            run: |session| Box::pin(not_cancelled_and_failed(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/late-messages",
                requirements: &["GR-5.4-10"],
                sends: "JobInput, CancelJob and JobWindow for a job that has failed",
                expects: "they are ignored, and the next job runs",
            },
            needs: &["conformance.fail", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(late_messages(session)),
        },
    ]
}

async fn two_hundred(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for number in 0..200 {
        session.echo(&format!("job {number} of 200")).await?;
    }
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.4-2", "nothing more", list(&before))
}

async fn failed(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let asked = [
        ("no more paper: Größe \"A4\"\nis out", None, false),
        ("again", Some("true"), true),
        ("", Some("false"), false),
    ];
    for (message, metadata, retryable) in asked {
        let metadata: Vec<_> = metadata
            .map(|text| ("retryable", text))
            .into_iter()
            .collect();
        let end = session
            .run_job("conformance.fail", message, &metadata)
            .await?;
        let expected = JobFailure {
            kind: FailureKind::ERROR,
            message: message.into(),
            retryable,
        };
        judge(
            !end.cancelled && end.failure.as_ref() == Some(&expected),
            "section 9.1",
            format!("{expected:?}"),
            outcome(&end),
        )?;
    }
    session.echo("after the failures").await
}

async fn failed_at_length(session: &mut Session, name: &str) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_frame = 65_536;
    session.ready_with(request, "").await?;
    let mut start = session.start_message(name);
    start.last = false;
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "e".repeat(40_000).into()))
        .await?;
    for last in [false, false, true] {
        session
            .send(HostMessage::JobInput(
                JobInput { job, last },
                "é".repeat(20_000).into(),
            ))
            .await?;
    }
    // The referee sees that it is one, and the codec that it fits.
    let end = session.finish_job(job).await?;
    judge(
        end.failure.is_some(),
        "section 9.1",
        "a failure",
        outcome(&end),
    )?;
    session.echo("after the failure").await
}

async fn crashed(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for message in ["the roof is on fire", "and again"] {
        let end = session.run_job("conformance.crash", message, &[]).await?;
        let failure = end.failure.as_ref();
        judge(
            !end.cancelled
                && failure.is_some_and(|failure| {
                    failure.kind == FailureKind::PANIC && failure.message.contains(message)
                }),
            "section 9.1",
            format!("a failure of kind 2 (panic) whose message holds {message:?}"),
            outcome(&end),
        )?;
        session.echo("after the crash").await?;
    }
    Ok(())
}

async fn unknown_name(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let end = session
        .run_job("conformance.of-which-nobody-has-heard", "input", &[])
        .await?;
    judge(
        end.failure.is_some(),
        "section 9.1",
        "a job that is not there to fail",
        outcome(&end),
    )?;
    session.echo("after the unknown job").await
}

async fn not_cancelled_and_failed(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for name in ["conformance.fail", "conformance.crash"] {
        let start = session.start_message(name);
        let job = start.job;
        let reason = CancelReason::REQUESTED;
        let both = [
            HostMessage::StartJob(start, "both".into()),
            HostMessage::CancelJob(CancelJob { job, reason }),
        ];
        session.send_torn(&both, Cut::Nowhere).await?;
        // One that is both is malformed, which is found where it is decoded.
        session.finish_job(job).await?;
    }
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.4-2", "nothing more", list(&before))
}

async fn late_messages(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.fail", "no", &[]).await?;
    session.finish_job(job).await?;
    let reason = CancelReason::DEADLINE;
    let late = [
        HostMessage::JobInput(JobInput { job, last: true }, Bytes::from_static(b"late")),
        HostMessage::CancelJob(CancelJob { job, reason }),
        HostMessage::JobWindow(JobWindow { job, bytes: 1_000 }),
    ];
    session.send_torn(&late, Cut::Nowhere).await?;
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.4-10", "nothing", list(&before))?;
    session.echo("the next job").await
}

fn outcome(end: &JobEnd) -> String {
    match (&end.failure, end.cancelled) {
        (Some(failure), _) => format!("{failure:?}"),
        (None, true) => "cancelled".into(),
        (None, false) => format!("an output of {} bytes", end.output.len()),
    }
}
