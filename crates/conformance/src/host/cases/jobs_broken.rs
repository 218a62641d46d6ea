//! Jobs that a worker accepts, feeds and ends as it must not (section 5.4).

use greenroom_protocol::{FailureKind, WorkerMessage};

use super::jobs::{failed_with, failure};
use super::{NO_JOB, case};
use crate::host::acting::small_job;
use crate::host::case::{Closing, HostCase, Played};
use crate::host::say::SECTION;
use crate::host::session::{accepted, finished, output};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "jobs/rejected-after-accepting",
            &["GR-5.4-13"],
            [
                "rejects a job that it has accepted",
                "the host ends the connection",
            ],
            |stage| Box::pin(rejected_after_accepting(stage)),
        )
        .closing(Closing::Refused),
        case(
            "jobs/done-unaccepted",
            &["GR-5.4-4", "GR-5.4-5"],
            [
                "ends a job well that it has not accepted",
                "the host ends the connection",
            ],
            |stage| Box::pin(done_unaccepted(stage)),
        )
        .closing(Closing::Refused),
        case(
            "jobs/accepted-twice",
            &["GR-5.4-3"],
            [
                "accepts a job twice",
                "the host ends the connection, and the job is lost",
            ],
            |stage| Box::pin(accepted_twice(stage)),
        )
        .closing(Closing::Refused),
        case(
            "jobs/output-before-accepting",
            &["GR-5.4-3"],
            [
                "sends output of a job, and accepts it then",
                "the host ends the connection",
            ],
            |stage| Box::pin(output_before_accepting(stage)),
        )
        .closing(Closing::Refused),
        case(
            "jobs/accept-unknown",
            &["GR-5.4-1"],
            [
                "accepts a job that was never started",
                "the host ends the connection",
            ],
            |stage| Box::pin(unknown(stage, accepted(NO_JOB))),
        )
        .closing(Closing::Refused),
        case(
            "jobs/output-unknown",
            &["GR-5.4-1"],
            [
                "sends output of a job that was never started",
                "the host ends the connection",
            ],
            |stage| Box::pin(unknown(stage, output(NO_JOB, "x"))),
        )
        .closing(Closing::Refused),
        case(
            "jobs/finish-unknown",
            &["GR-5.4-1"],
            [
                "finishes a job that was never started",
                "the host ends the connection",
            ],
            |stage| Box::pin(unknown(stage, finished(NO_JOB, "x"))),
        )
        .closing(Closing::Refused),
        case(
            "jobs/finished-twice",
            &["GR-5.4-2", "GR-5.4-1"],
            [
                "finishes a job twice",
                "the host ends the connection; the job has one outcome",
            ],
            |stage| Box::pin(after_the_end(stage, |job| finished(job, "again"))),
        )
        .closing(Closing::Refused),
        case(
            "jobs/output-after-the-end",
            &["GR-5.4-1"],
            [
                "sends output of a job that it has finished",
                "the host ends the connection",
            ],
            |stage| Box::pin(after_the_end(stage, |job| output(job, "late"))),
        )
        .closing(Closing::Refused),
        case(
            "jobs/accepted-after-the-end",
            &["GR-5.4-1"],
            [
                "accepts a job that it has finished",
                "the host ends the connection",
            ],
            |stage| Box::pin(after_the_end(stage, accepted)),
        )
        .closing(Closing::Refused),
    ]
}

/// Unseen by the referee, for which the job still runs.
fn send_unseen(stage: &mut Stage, meaning: &str, message: &WorkerMessage) {
    let frame = message.encode().expect("it is small");
    stage.send_raw(meaning, [frame.head, frame.data].concat());
}

async fn rejected_after_accepting(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    let message = failed_with(job.number, failure(FailureKind::REJECTED, true));
    send_unseen(stage, "JobFinished, rejected", &message);
    stage.refused().await
}

async fn done_unaccepted(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage.given(small_job()).await?;
    send_unseen(
        stage,
        "JobFinished without JobAccepted",
        &finished(job.number, "done"),
    );
    stage.refused().await
}

async fn accepted_twice(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send(accepted(job.number));
    stage.refused().await
}

async fn output_before_accepting(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage.given(small_job()).await?;
    let number = job.number;
    send_unseen(
        stage,
        "JobOutput before JobAccepted",
        &output(number, "early"),
    );
    send_unseen(stage, "JobAccepted", &accepted(number));
    stage.refused().await
}

async fn unknown(stage: &mut Stage, message: WorkerMessage) -> Played {
    stage.at_work().await?;
    stage.send(message);
    stage.refused().await
}

/// Both in one piece: a host may tell a worker to leave once its job has ended.
async fn after_the_end(stage: &mut Stage, late: fn(u64) -> WorkerMessage) -> Played {
    let job = stage.at_work().await?;
    stage.send_all(&[finished(job.number, "once"), late(job.number)]);
    stage.refused().await?;
    stage.ends_with(SECTION, &job.key, "once").await
}
