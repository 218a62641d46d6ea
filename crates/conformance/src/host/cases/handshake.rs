//! The handshake (section 4).

use std::time::Duration;

use greenroom_protocol::{
    DeadlineKind, Exiting, ExtendDeadline, Extension, InitializeCode, InitializeError,
    InitializeResponse, Pong, Retire, WorkerMessage,
};

use super::case;
use crate::case::Finding;
use crate::host::acting::small_job;
use crate::host::case::{Closing, HostCase, Played, Stop};
use crate::host::say::{Job, Outcome, SECTION};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "handshake/request",
            &["GR-4.1-2", "GR-2.1-1", "GR-2.1-2", "GR-2.4-4", "GR-4.3-1"],
            [
                "waits for the first message",
                "InitializeRequest, with values in their ranges",
            ],
            |stage| Box::pin(request(stage)),
        ),
        case(
            "handshake/nothing-before-the-response",
            &["GR-4.1-3"],
            [
                "answers after three ping intervals",
                "nothing comes before, and then pings",
            ],
            |stage| Box::pin(nothing_before_the_response(stage)),
        ),
        case(
            "handshake/job-in-the-queue",
            &["GR-4.1-3"],
            [
                "answers when a job has waited for it for a while",
                "the job comes behind the response, and ends well",
            ],
            |stage| Box::pin(job_in_the_queue(stage)),
        ),
        case(
            "handshake/pong-first",
            &["GR-4.1-1"],
            [
                "sends a Pong before its response",
                "the host ends the connection",
            ],
            |stage| {
                let pong = Pong {
                    seq: 0,
                    jobs: 0,
                    lag_us: 0,
                };
                Box::pin(other_first(stage, WorkerMessage::Pong(pong)))
            },
        )
        .closing(Closing::Refused),
        case(
            "handshake/retire-first",
            &["GR-4.1-1"],
            [
                "sends a Retire before its response",
                "the host ends the connection",
            ],
            |stage| {
                let retire = Retire {
                    reason: "too early".into(),
                };
                Box::pin(other_first(stage, WorkerMessage::Retire(retire)))
            },
        )
        .closing(Closing::Refused),
        case(
            "handshake/two-responses",
            &["GR-4.1-1"],
            ["answers twice", "the host ends the connection"],
            |stage| Box::pin(two_responses(stage)),
        )
        .closing(Closing::Refused),
        case(
            "handshake/version-out-of-range",
            &["GR-4.2-1"],
            [
                "is ready with a version above the host's range, and one below",
                "the host ends both",
            ],
            |stage| Box::pin(version_out_of_range(stage)),
        )
        .closing(Closing::Refused),
        case(
            "handshake/limits-out-of-range",
            &["GR-4.3-1"],
            [
                "announces a max_frame or output_window out of its range",
                "the host ends each",
            ],
            |stage| Box::pin(limits_out_of_range(stage)),
        )
        .closing(Closing::Refused),
        case(
            "handshake/slots-out-of-range",
            &["GR-4.3-1"],
            ["offers 0 slots, and 65,537", "the host ends both"],
            |stage| Box::pin(slots_out_of_range(stage)),
        )
        .closing(Closing::Refused),
        case(
            "handshake/limits-at-their-edges",
            &["GR-4.3-1"],
            [
                "announces the smallest limits, and the most slots",
                "the worker is taken for ready",
            ],
            |stage| Box::pin(limits_at_their_edges(stage)),
        ),
        case(
            "handshake/smaller-payload",
            &["GR-4.3-2", "GR-5.4-9"],
            [
                "announces a max_payload of 1,000",
                "a job with 2,000 bytes of input is not sent",
            ],
            |stage| Box::pin(smaller_payload(stage)),
        ),
        case(
            "handshake/error-failed",
            &["GR-4.6-3"],
            [
                "answers that its preparation failed",
                "it gets no job, and its reason is told",
            ],
            |stage| Box::pin(error(stage, InitializeCode::FAILED, 1)),
        )
        .closing(Closing::WorkerGone),
        case(
            "handshake/error-version",
            &["GR-4.6-3"],
            [
                "answers that it speaks version 7 only",
                "it gets no job, and its reason is told",
            ],
            |stage| Box::pin(error(stage, InitializeCode::VERSION, 7)),
        )
        .closing(Closing::WorkerGone),
        case(
            "handshake/error-unknown",
            &["GR-3.3-1", "GR-4.6-3"],
            [
                "answers with the error code 77",
                "it gets no job, and its reason is told",
            ],
            |stage| Box::pin(error(stage, InitializeCode(77), 1)),
        )
        .closing(Closing::WorkerGone),
        case(
            "handshake/error-and-stays",
            &["GR-4.6-3", "GR-1.3-4"],
            [
                "answers with an error and does not exit",
                "it gets no job, and the host ends it",
            ],
            |stage| Box::pin(error_and_stays(stage)),
        )
        .closing(Closing::Refused),
        case(
            "handshake/never-answered",
            &["GR-4.1-6"],
            [
                "never answers",
                "the host ends it after initialize_timeout_ms",
            ],
            |stage| Box::pin(never_answered(stage)),
        )
        .closing(Closing::Refused),
        case(
            "handshake/extended",
            &["GR-4.1-1"],
            [
                "asks for more time twice before it answers",
                "the worker is taken for ready",
            ],
            |stage| Box::pin(extended(stage)),
        ),
        case(
            "handshake/exiting-first",
            &["GR-4.1-1"],
            [
                "sends Exiting instead of its response, and exits",
                "another worker is started",
            ],
            |stage| Box::pin(exiting_first(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "handshake/unknown-extensions",
            &["GR-4.5-1"],
            [
                "lists extensions that have no meaning",
                "the worker is taken for ready",
            ],
            |stage| Box::pin(unknown_extensions(stage)),
        ),
        case(
            "handshake/extension-twice",
            &["GR-4.5-2"],
            [
                "lists the same extension twice",
                "the host ends the connection",
            ],
            |stage| Box::pin(extension_twice(stage)),
        )
        .closing(Closing::Refused),
    ]
}

/// The referee has looked at it.
async fn request(stage: &mut Stage) -> Played {
    let request = stage.asked().await?;
    if !(request.protocol_min..=request.protocol_max).contains(&1) {
        let reason = "the host does not speak version 1, the only one that the kit speaks";
        return Err(Stop::Skip(reason.into()));
    }
    stage.respond(|_| {});
    stage.taken_for_ready(SECTION).await?;
    stage.still_trusted().await
}

async fn nothing_before_the_response(stage: &mut Stage) -> Played {
    let request = stage.asked().await?;
    let bound = Duration::from_millis(request.initialize_timeout_ms / 2);
    let quiet = stage.ping_interval() * 3;
    stage.watch(quiet.min(bound)).await;
    stage.respond(|_| {});
    stage.taken_for_ready(SECTION).await?;
    stage.still_trusted().await
}

/// The referee looks out for a job that comes too early.
async fn job_in_the_queue(stage: &mut Stage) -> Played {
    let request = stage.asked().await?;
    let key = stage.ask_for(small_job())?;
    let bound = Duration::from_millis(request.initialize_timeout_ms / 2);
    let quiet = stage.ping_interval() * 2;
    stage.watch(quiet.min(bound)).await;
    stage.respond(|_| {});
    stage.taken_for_ready(SECTION).await?;
    let actor = &mut stage.cast[0];
    actor.let_go(&mut stage.transcript);
    stage.ends_with(SECTION, &key, "a few bytes").await
}

async fn other_first(stage: &mut Stage, message: WorkerMessage) -> Played {
    stage.asked().await?;
    stage.send(message);
    stage.refused().await
}

async fn two_responses(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.respond(|_| {});
    stage.refused().await
}

type Change = fn(&mut InitializeResponse);

/// Each in a worker of a host of its own.
async fn each_refused(stage: &mut Stage, changes: &[Change]) -> Played {
    for (index, change) in changes.iter().enumerate() {
        if index > 0 {
            stage.start_anew().await?;
        }
        stage.asked().await?;
        stage.respond(change);
        stage.refused().await?;
    }
    Ok(())
}

async fn version_out_of_range(stage: &mut Stage) -> Played {
    let request = stage.asked().await?;
    if let Some(above) = request.protocol_max.checked_add(1) {
        stage.respond(|response| response.protocol = above);
        stage.refused().await?;
        stage.start_anew().await?;
        stage.asked().await?;
    }
    stage.respond(|response| response.protocol = 0);
    stage.refused().await
}

async fn limits_out_of_range(stage: &mut Stage) -> Played {
    let changes: [Change; 3] = [
        |response| response.limits.max_frame = 65_535,
        |response| response.limits.max_frame = 16_777_217,
        |response| response.limits.output_window = 65_535,
    ];
    each_refused(stage, &changes).await
}

async fn slots_out_of_range(stage: &mut Stage) -> Played {
    let changes: [Change; 2] = [
        |response| response.slots = 0,
        |response| response.slots = 65_537,
    ];
    each_refused(stage, &changes).await
}

async fn limits_at_their_edges(stage: &mut Stage) -> Played {
    stage
        .ready_as("GR-4.3-1", |response| {
            response.limits.max_frame = 65_536;
            response.limits.output_window = 65_536;
            response.slots = 65_536;
        })
        .await?;
    stage.still_trusted().await
}

/// The referee has counted the input.
async fn smaller_payload(stage: &mut Stage) -> Played {
    stage
        .ready_as(SECTION, |response| response.limits.max_payload = 1_000)
        .await?;
    let key = stage.ask_for(Job {
        size: Some(2_000),
        ..small_job()
    })?;
    stage
        .until(SECTION, "the job to end, or its input to come", |stage| {
            let refused = stage.outcome_of(&key).is_some();
            (refused || stage.actor()?.jobs.values().any(|job| job.whole)).then_some(())
        })
        .await?;
    match stage.outcome_of(&key) {
        Some(Outcome::Ok { .. }) => {
            let expected = "a job that is not done";
            Err(Finding::new("GR-5.4-9", expected, "a job that has ended well").into())
        }
        _ => Ok(()),
    }
}

async fn error(stage: &mut Stage, code: InitializeCode, protocol: u16) -> Played {
    const MESSAGE: &str = "the model file is missing";
    stage.asked().await?;
    stage.respond(|response| {
        response.error = Some(InitializeError {
            code,
            message: MESSAGE.into(),
        });
        response.protocol = protocol;
        response.slots = 0;
    });
    let job = stage.ask_for(small_job());
    stage.exit(1);
    if job.is_err() {
        return Ok(());
    }
    let reason = stage
        .until(SECTION, "the news that the worker has gone", |stage| {
            stage.reason_of_actor()
        })
        .await?;
    if reason.contains(MESSAGE) {
        return Ok(());
    }
    let expected = format!("a reason that says {MESSAGE:?}");
    Err(Stop::NonStrict(Finding::new(SECTION, expected, reason)))
}

async fn error_and_stays(stage: &mut Stage) -> Played {
    let request = stage.asked().await?;
    stage.respond(|response| {
        response.error = Some(InitializeError {
            code: InitializeCode::FAILED,
            message: "but it stays".into(),
        });
        response.slots = 0;
    });
    // For a worker that is ready; it may also fail at once.
    let job = stage.ask_for(small_job());
    let grace = Duration::from_millis(request.close_timeout_ms.min(60_000));
    stage
        .ended_within(grace, SECTION, "the host to end the worker")
        .await?;
    job.map(drop)
}

async fn never_answered(stage: &mut Stage) -> Played {
    let request = stage.asked().await?;
    let bound = Duration::from_millis(request.initialize_timeout_ms.min(60_000));
    let expected = "the host to end the worker after initialize_timeout_ms";
    stage.ended_within(bound, "GR-4.1-6", expected).await
}

async fn extended(stage: &mut Stage) -> Played {
    stage.asked().await?;
    for extra_ms in [1, 200] {
        stage.send(WorkerMessage::ExtendDeadline(ExtendDeadline {
            which: DeadlineKind::INITIALIZE,
            job: 0,
            extra_ms,
        }));
    }
    stage.respond(|_| {});
    stage.taken_for_ready("GR-4.1-1").await?;
    stage.still_trusted().await
}

async fn exiting_first(stage: &mut Stage) -> Played {
    stage.asked().await?;
    stage.send(WorkerMessage::Exiting(Exiting {
        reason: "not today".into(),
    }));
    stage.exit(0);
    Ok(())
}

fn extension(number: u32) -> Extension {
    Extension {
        number,
        content: b"of the future".to_vec(),
    }
}

async fn unknown_extensions(stage: &mut Stage) -> Played {
    stage
        .ready_as("GR-4.5-1", |response| {
            response.extensions = [1, 7, u32::MAX].map(extension).to_vec();
        })
        .await?;
    stage.still_trusted().await
}

async fn extension_twice(stage: &mut Stage) -> Played {
    stage.asked().await?;
    stage.respond(|response| response.extensions = [7, 8, 7].map(extension).to_vec());
    stage.refused().await
}
