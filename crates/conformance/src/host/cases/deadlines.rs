//! More time (section 5.7).

use std::time::Duration;

use greenroom_protocol::{
    CancelReason, DeadlineKind, ExtendDeadline, HostMessage, JobFinished, WorkerMessage,
};

use super::{NO_JOB, case};
use crate::host::acting::small_job;
use crate::host::case::{Closing, HostCase, Played};
use crate::host::say::{Job, SECTION};
use crate::host::session::accepted;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "deadlines/unknown-kind",
            &["GR-5.7-3", "GR-3.3-1"],
            [
                "asks for more time of kind 9, for no job and for one",
                "the host goes on",
            ],
            |stage| Box::pin(unknown_kind(stage)),
        ),
        case(
            "deadlines/unknown-job",
            &["GR-5.7-1"],
            [
                "asks for more time for a job that does not run",
                "the host ends the connection",
            ],
            |stage| Box::pin(refused(stage, DeadlineKind::JOB, NO_JOB)),
        )
        .closing(Closing::Refused),
        case(
            "deadlines/job-of-another-kind",
            &["GR-5.7-1"],
            [
                "asks for more time to leave, and names a job that does not run",
                "the host ends the connection",
            ],
            |stage| Box::pin(refused(stage, DeadlineKind::CLOSE, NO_JOB)),
        )
        .closing(Closing::Refused),
        case(
            "deadlines/initialize-has-a-maximum",
            &["GR-5.7-2", "GR-4.1-6"],
            [
                "asks for all the time in the world to initialize, three times, and never answers",
                "the host ends it",
            ],
            |stage| Box::pin(initialize_has_a_maximum(stage)),
        )
        .closing(Closing::Refused),
        case(
            "deadlines/job-has-a-maximum",
            &["GR-5.7-2"],
            [
                "asks for all the time in the world for a job, three times",
                "CancelJob comes",
            ],
            |stage| Box::pin(job_has_a_maximum(stage)),
        ),
        case(
            "deadlines/close-has-a-maximum",
            &["GR-5.7-2", "GR-5.3-4"],
            [
                "asks for all the time in the world to leave, and stays",
                "the host ends it",
            ],
            |stage| Box::pin(close_has_a_maximum(stage)),
        )
        .closing(Closing::Judged),
    ]
}

/// The most that a host grants in all for each deadline (section 9.2).
const MAXIMUM: Duration = Duration::from_millis(2_000);
/// The deadline of a job that takes longer.
const DEADLINE_MS: u64 = 200;

fn more(which: DeadlineKind, job: u64) -> WorkerMessage {
    WorkerMessage::ExtendDeadline(ExtendDeadline {
        which,
        job,
        extra_ms: u64::MAX,
    })
}

async fn unknown_kind(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send(more(DeadlineKind(9), 0));
    stage.still_trusted().await
}

async fn refused(stage: &mut Stage, which: DeadlineKind, job: u64) -> Played {
    stage.ready().await?;
    stage.send(more(which, job));
    stage.refused().await
}

async fn initialize_has_a_maximum(stage: &mut Stage) -> Played {
    super::shutdown::reads_its_input(stage)?;
    stage.asked().await?;
    stage.send_all(&[DeadlineKind::INITIALIZE; 3].map(|which| more(which, 0)));
    let bound = stage.announced(|request| request.initialize_timeout_ms) + MAXIMUM;
    let expected = "the host to end a worker that initializes for ever";
    stage.ended_within(bound, SECTION, expected).await
}

async fn job_has_a_maximum(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage
        .given(Job {
            deadline_ms: Some(DEADLINE_MS),
            ..small_job()
        })
        .await?;
    stage.send(accepted(job.number));
    stage.send_all(&[DeadlineKind::JOB; 3].map(|which| more(which, job.number)));
    stage
        .message_after(
            Duration::from_millis(DEADLINE_MS) + MAXIMUM,
            SECTION,
            "CancelJob, for the deadline",
            |message| match message {
                HostMessage::CancelJob(cancel) if cancel.reason == CancelReason::DEADLINE => {
                    Some(())
                }
                _ => None,
            },
        )
        .await?;
    let cancelled = JobFinished {
        job: job.number,
        cancelled: true,
        failure: None,
    };
    stage.send(WorkerMessage::JobFinished(cancelled, bytes::Bytes::new()));
    stage.outcome(SECTION, &job.key).await.map(drop)
}

async fn close_has_a_maximum(stage: &mut Stage) -> Played {
    super::shutdown::reads_its_input(stage)?;
    stage.ready().await?;
    stage.process.end_input();
    let shutdown = super::shutdown::shutdown(stage).await?;
    stage.send_all(&[DeadlineKind::CLOSE; 3].map(|which| more(which, 0)));
    let bound = Duration::from_millis(shutdown.grace_ms.min(60_000)) + MAXIMUM;
    let expected = "the host to end a worker that leaves for ever";
    stage.ended_within(bound, SECTION, expected).await?;
    super::shutdown::host_ends(stage).await
}
