//! Asking for more time (section 5.7).

use greenroom_protocol::{DeadlineKind, ExtendDeadline, HostMessage, WorkerMessage};

use super::jobs::judge::{begin, cancel, judge, list, ready_for_two, same};
use crate::case::Case;
use crate::words;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "deadlines/of-a-job",
                requirements: &["GR-5.7-1"],
                sends: "a job that asks for 1,500 ms more",
                expects: "ExtendDeadline for this job while it runs, and its end",
            },
            needs: &["conformance.extend"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_a_job(session, 1_500)),
        },
        WorkerCase {
            about: Case {
                id: "deadlines/far-away",
                requirements: &["GR-5.7-1", "GR-3.1-1"],
                sends: "a job that asks for 2^53+1 ms more",
                expects: "ExtendDeadline with exactly this number",
            },
            needs: &["conformance.extend"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_a_job(session, (1 << 53) + 1)),
        },
        WorkerCase {
            about: Case {
                id: "deadlines/of-the-right-job",
                requirements: &["GR-5.7-1"],
                sends: "a job that asks for more time, while another waits",
                expects: "ExtendDeadline with the number of the job that asks",
            },
            needs: &["conformance.extend", "conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_the_right_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "deadlines/of-the-preparation",
                requirements: &["GR-5.7-1", "GR-4.1-1"],
                sends: "the preparation `extend 700`",
                expects: "ExtendDeadline for the preparation, with job 0, and then InitializeResponse",
            },
            needs: &["conformance.extend"],
            closing: Closing::Orderly,
            run: |session| Box::pin(of_the_preparation(session)),
        },
    ]
}

async fn of_a_job(session: &mut Session, extra_ms: u64) -> Result<(), Stop> {
    session.ready().await?;
    asks_for_more(session, extra_ms).await
}

async fn of_the_right_job(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    ready_for_two(session, request).await?;
    let job = begin(session, "conformance.wait", "").await?;
    asks_for_more(session, 250).await?;
    cancel(session, job).await?;
    session.finish_job(job).await.map(drop)
}

async fn of_the_preparation(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    session
        .send(HostMessage::InitializeRequest(request, "extend 700".into()))
        .await?;
    let expected = "ExtendDeadline (initialize), job 0, 700 ms more";
    let first = session.next("section 9.1", expected).await?;
    match first {
        WorkerMessage::ExtendDeadline(extend) => {
            same_request(extend, DeadlineKind::INITIALIZE, 0, 700)?;
            session.expect_ready().await?;
        }
        other => judge(false, "section 9.1", expected, list(&[other]))?,
    }
    session.barrier().await.map(drop)
}

/// The referee refuses one for a job that does not run.
async fn asks_for_more(session: &mut Session, extra_ms: u64) -> Result<(), Stop> {
    let job = session
        .start("conformance.extend", extra_ms.to_string(), &[])
        .await?;
    let expected = format!("ExtendDeadline (job), job {job}, {extra_ms} ms more");
    let found = session
        .until("section 9.1", &expected, |message| match message {
            WorkerMessage::ExtendDeadline(extend) => Some(Ok(*extend)),
            // It will not come any more.
            WorkerMessage::JobFinished(finished, _) if finished.job == job => {
                Some(Err(words::worker(message)))
            }
            _ => None,
        })
        .await?;
    let extend = match found {
        Ok(extend) => extend,
        Err(end) => {
            // Shows one that comes behind the end.
            session.barrier().await?;
            return judge(false, "section 9.1", expected, end);
        }
    };
    same_request(extend, DeadlineKind::JOB, job, extra_ms)?;
    let end = session.finish_job(job).await?;
    same("section 9.1", b"extended", &end.well("conformance.extend")?)
}

/// The referee knows the rules of GR-5.7-1; this is what was asked for.
fn same_request(
    got: ExtendDeadline,
    which: DeadlineKind,
    job: u64,
    extra_ms: u64,
) -> Result<(), Stop> {
    let expected = ExtendDeadline {
        which,
        job,
        extra_ms,
    };
    judge(
        got == expected,
        "section 9.1",
        format!("{expected:?}"),
        format!("{got:?}"),
    )
}
