//! Bodies (section 3).

use bytes::{BufMut, Bytes, BytesMut};
use greenroom_protocol::{
    Capabilities, DeadlineKind, ExtendDeadline, FailureKind, JobFailure, JobFinished, WorkerMessage,
};

use super::{case, vectors};
use crate::case::Finding;
use crate::host::case::{Closing, HostCase, Played};
use crate::host::say::Outcome;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "bodies/malformed",
            &["GR-3.1-1"],
            [
                "sends bodies that do not hold their fields",
                "the host ends each of them",
            ],
            |stage| {
                Box::pin(vectors::refused(stage, |vector| {
                    vector.error == "Malformed" && !vector.description.contains("claims")
                }))
            },
        )
        .closing(Closing::Refused),
        case(
            "bodies/claims",
            &["GR-3.1-4", "GR-3.1-1"],
            [
                "sends texts that claim to be as long as 2^46 bytes",
                "the host ends each of them, and has not allocated for it",
            ],
            |stage| Box::pin(claims(stage)),
        )
        .closing(Closing::Refused),
        case(
            "bodies/not-canonical",
            &["GR-3.1-3"],
            [
                "sends integers in a longer form than need be",
                "the host ends each of them",
            ],
            |stage| {
                Box::pin(vectors::refused(stage, |vector| {
                    vector.error == "NotCanonical"
                }))
            },
        )
        .closing(Closing::Refused),
        case(
            "bodies/trailing",
            &["GR-3.1-2"],
            [
                "sends bytes behind the last field",
                "the host ends each of them",
            ],
            |stage| Box::pin(vectors::refused(stage, |vector| vector.error == "Trailing")),
        )
        .closing(Closing::Refused),
        case(
            "bodies/fields-too-long",
            &["GR-3.1-1"],
            [
                "sends a reason of 131,073 bytes in a frame that may be as long",
                "the host ends it",
            ],
            |stage| Box::pin(fields_too_long(stage)),
        )
        .closing(Closing::Refused),
        case(
            "bodies/both-cancelled-and-failed",
            &["GR-5.4-12", "GR-3.1-1"],
            [
                "ends a job as cancelled and as failed at once",
                "the host ends the connection",
            ],
            |stage| Box::pin(both_cancelled_and_failed(stage)),
        )
        .closing(Closing::Refused),
        case(
            "bodies/unknown-numbers",
            &["GR-3.3-1"],
            [
                "extends a deadline of kind 9, then fails a job with kind 999",
                "the host goes on, and the job has failed with 999",
            ],
            |stage| Box::pin(unknown_numbers(stage)),
        ),
        case(
            "bodies/unknown-capabilities",
            &["GR-3.3-2"],
            [
                "announces all capability bits that have no meaning",
                "the worker is taken for ready",
            ],
            |stage| Box::pin(unknown_capabilities(stage)),
        ),
    ]
}

async fn claims(stage: &mut Stage) -> Played {
    let before = stage.peak();
    vectors::refused(stage, |vector| vector.description.contains("claims")).await?;
    stage.has_not_allocated(before, "GR-3.1-4")
}

async fn fields_too_long(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    // The length of the text takes five bytes more.
    let text = 131_073u32;
    let mut frame = BytesMut::new();
    frame.put_u32_le(2 + 5 + text);
    frame.put_u16_le(9);
    frame.put_u8(0xfc);
    frame.put_u32_le(text);
    frame.put_bytes(b'r', text as usize);
    if frame.len() - 4 > stage.me().referee.max_frame() as usize {
        stage.send_all(&[super::super::session::finished(job.number, "")]);
        let reason = "the host's max_frame holds no fields that are too long";
        return Err(crate::host::case::Stop::Skip(reason.into()));
    }
    stage.send_raw("Retire with a reason of 131,073 bytes", frame);
    stage.refused().await
}

async fn both_cancelled_and_failed(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    let both = JobFinished {
        job: job.number,
        cancelled: true,
        failure: Some(JobFailure {
            kind: FailureKind::ERROR,
            message: "both".into(),
            retryable: false,
        }),
    };
    // The referee must not take the job for finished.
    let frame = WorkerMessage::JobFinished(both, Bytes::new())
        .encode()
        .expect("it is small");
    stage.send_raw("JobFinished, cancelled and failed", frame.head);
    stage.refused().await
}

async fn unknown_numbers(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send(WorkerMessage::ExtendDeadline(ExtendDeadline {
        which: DeadlineKind(9),
        job: 0,
        extra_ms: 1,
    }));
    let failed = JobFinished {
        job: job.number,
        cancelled: false,
        failure: Some(JobFailure {
            kind: FailureKind(999),
            message: "of the future".into(),
            retryable: false,
        }),
    };
    stage.send(WorkerMessage::JobFinished(failed, Bytes::new()));
    match stage.outcome("GR-3.3-1", &job.key).await? {
        Outcome::Failed { kind: 999, .. } => Ok(()),
        other => {
            let expected = "a job that has failed with kind 999";
            Err(Finding::new("GR-3.3-1", expected, format!("{other:?}")).into())
        }
    }
}

async fn unknown_capabilities(stage: &mut Stage) -> Played {
    stage
        .ready_as("GR-3.3-2", |response| {
            response.capabilities = Capabilities(!Capabilities::STACK_DUMP.0);
        })
        .await?;
    stage.still_trusted().await
}
