//! A worker that wants to be replaced (section 5.8).

use greenroom_protocol::{FailureKind, HostMessage, JobInput, WorkerMessage};

use super::jobs::judge::{judge, same};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "retire/asked",
                requirements: &["GR-5.8-2", "GR-5.4-2"],
                sends: "a job that wants the worker to retire",
                expects: "Retire with the reason, and the end of the job",
            },
            needs: &["conformance.retire"],
            closing: Closing::Orderly,
            run: |session| Box::pin(asked(session)),
        },
        WorkerCase {
            about: Case {
                id: "retire/crossed-by-jobs",
                requirements: &["GR-5.8-2", "GR-5.4-2"],
                sends: "jobs after Retire, as a host that has not yet read it",
                expects: "each is run or rejected, and Pings are answered",
            },
            needs: &["conformance.retire", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(crossed_by_jobs(session)),
        },
        WorkerCase {
            about: Case {
                id: "retire/for-a-long-reason",
                requirements: &["GR-2.2-3", "GR-3.1-1"],
                sends: "a job that wants the worker to retire for a reason of 100,000 bytes, with a max_frame of 65,536",
                expects: "Retire in a frame that fits",
            },
            needs: &["conformance.retire"],
            closing: Closing::Orderly,
            run: |session| Box::pin(for_a_long_reason(session)),
        },
    ]
}

async fn asked(session: &mut Session) -> Result<(), Stop> {
    const REASON: &str = "my memory is \"full\": größe 2 GiB";
    session.ready().await?;
    let job = session.start("conformance.retire", REASON, &[]).await?;
    let reason = expect_retire(session, job).await?;
    judge(
        reason == REASON,
        "section 9.1",
        format!("Retire {REASON:?}"),
        format!("{reason:?}"),
    )?;
    let end = session.finish_job(job).await?;
    same("section 9.1", b"retired", &end.well("conformance.retire")?)
}

async fn crossed_by_jobs(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.retire", "old", &[]).await?;
    expect_retire(session, job).await?;
    session.finish_job(job).await?;
    for _ in 0..3 {
        let end = session.run_job("conformance.echo", "crossed", &[]).await?;
        let rejected = end.failure.as_ref();
        let rejected = rejected.is_some_and(|failure| failure.kind == FailureKind::REJECTED);
        judge(
            rejected || end.is_ok(),
            "GR-5.8-2",
            "a job that is run, or rejected with kind 4",
            format!("{end:?}"),
        )?;
        if end.is_ok() {
            same("section 9.1", b"crossed", &end.output)?;
        }
        session.barrier().await?;
    }
    Ok(())
}

async fn for_a_long_reason(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_frame = 65_536;
    session.ready_with(request, "").await?;
    let mut start = session.start_message("conformance.retire");
    start.last = false;
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "é".repeat(25_000).into()))
        .await?;
    let last = JobInput { job, last: true };
    session
        .send(HostMessage::JobInput(last, "é".repeat(25_000).into()))
        .await?;
    // A frame that is too large is found where it is read; the job may also fail.
    session.finish_job(job).await?;
    session.barrier().await.map(drop)
}

async fn expect_retire(session: &mut Session, job: u64) -> Result<String, Stop> {
    let found = session
        .until("section 9.1", "Retire", |message| match message {
            WorkerMessage::Retire(retire) => Some(Some(retire.reason.clone())),
            // It will not come any more.
            WorkerMessage::JobFinished(finished, _) if finished.job == job => Some(None),
            _ => None,
        })
        .await?;
    found.ok_or_else(|| {
        let got = "JobFinished without it";
        Finding::new("section 9.1", "Retire before the end of the job", got).into()
    })
}
