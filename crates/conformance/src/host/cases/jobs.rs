//! Jobs that go as the text says, however they end (section 5.4).

use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CancelReason, FailureKind, HostMessage, JobFailure, JobFinished, WorkerMessage,
};

use super::case;
use crate::case::Finding;
use crate::host::acting::small_job;
use crate::host::body::Order;
use crate::host::case::{Closing, HostCase, Played, Stop};
use crate::host::say::{Command, Job, Outcome, SECTION, pattern};
use crate::host::session::{accepted, finished};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "jobs/start",
            &["GR-5.4-8"],
            [
                "takes a job with metadata and a deadline",
                "StartJob says what the kit asked for, and the input is whole",
            ],
            |stage| Box::pin(start(stage)),
        ),
        case(
            "jobs/empty-input",
            &["GR-5.4-8"],
            ["takes a job without input", "`last` comes all the same"],
            |stage| Box::pin(empty_input(stage)),
        ),
        case(
            "jobs/large-input",
            &["GR-5.4-8", "GR-2.2-3"],
            [
                "takes a job with 1,000,000 bytes of input",
                "they come in order, with one `last`",
            ],
            |stage| Box::pin(large_input(stage)),
        ),
        case(
            "jobs/one-at-a-time",
            &["GR-5.4-6", "GR-5.4-7"],
            [
                "offers one slot, and takes its time while three jobs are launched",
                "they come one after the other, each with a number of its own",
            ],
            |stage| Box::pin(one_at_a_time(stage)),
        ),
        case(
            "jobs/failed",
            &["GR-5.4-2"],
            [
                "fails a job, in words, and with each `retryable`",
                "the outcome says the same",
            ],
            |stage| Box::pin(failed(stage)),
        ),
        case(
            "jobs/failed-unaccepted",
            &["GR-5.4-5"],
            [
                "fails a job that it has not accepted",
                "the job has failed, and the host goes on",
            ],
            |stage| Box::pin(failed_unaccepted(stage)),
        ),
        case(
            "jobs/rejected",
            &["GR-5.4-5"],
            [
                "rejects a job that it has not accepted",
                "the host goes on; the job may be tried again",
            ],
            |stage| Box::pin(rejected(stage)),
        ),
        case(
            "jobs/cancelled",
            &["GR-5.4-11"],
            [
                "ends a job as cancelled when it is told to",
                "the job is cancelled",
            ],
            |stage| Box::pin(cancelled(stage)),
        ),
        case(
            "jobs/cancel-answered-with-a-result",
            &["GR-5.4-11"],
            [
                "ends a job well when it is told to stop",
                "the host takes that for the answer",
            ],
            |stage| Box::pin(cancel_answered(stage, None)),
        ),
        case(
            "jobs/cancel-answered-with-a-failure",
            &["GR-5.4-11"],
            [
                "fails a job when it is told to stop",
                "the host takes that for the answer",
            ],
            |stage| {
                Box::pin(cancel_answered(
                    stage,
                    Some(failure(FailureKind::ERROR, false)),
                ))
            },
        ),
        case(
            "jobs/deadline",
            &["GR-5.4-11"],
            [
                "works beyond the deadline of its job",
                "CancelJob comes, with the reason deadline",
            ],
            |stage| Box::pin(deadline(stage)),
        ),
        case(
            "jobs/killed",
            &["GR-5.4-2", "GR-1.3-3"],
            [
                "is killed while a job runs",
                "the job is lost, and another worker is started",
            ],
            |stage| Box::pin(dies(stage, Order::Kill)),
        )
        .closing(Closing::WorkerGone),
        case(
            "jobs/crashed",
            &["GR-5.4-2", "GR-1.3-3"],
            [
                "crashes while a job runs",
                "the job is lost, and another worker is started",
            ],
            |stage| Box::pin(dies(stage, Order::Abort)),
        )
        .closing(Closing::WorkerGone),
    ]
}

pub(super) fn failure(kind: FailureKind, retryable: bool) -> JobFailure {
    JobFailure {
        kind,
        message: "the picture is upside down".into(),
        retryable,
    }
}

pub(super) fn failed_with(job: u64, failure: JobFailure) -> WorkerMessage {
    let fields = JobFinished {
        job,
        cancelled: false,
        failure: Some(failure),
    };
    WorkerMessage::JobFinished(fields, Bytes::new())
}

fn got(expected: impl Into<String>, got: &Outcome) -> Stop {
    Finding::new(SECTION, expected, format!("{got:?}")).into()
}

async fn start(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let metadata = vec![
        pair("b", "1"),
        pair("a", "2"),
        pair("b", "3"),
        pair("", "ä\0"),
    ];
    let job = stage
        .given(Job {
            name: "thumbnail".into(),
            input: Some("ein Bild, ü".into()),
            metadata: metadata.clone(),
            deadline_ms: Some(30_000),
            ..Job::default()
        })
        .await?;
    let heard = stage.me().jobs[&job.number].clone();
    let pairs: Vec<_> = heard
        .start
        .metadata
        .into_iter()
        .map(|pair| (pair.key, pair.value))
        .collect();
    let said = (
        heard.start.id,
        heard.start.name,
        pairs,
        heard.start.deadline_ms,
        heard.start.attempt,
    );
    let wanted = (job.key.clone(), "thumbnail".to_owned(), metadata, 30_000, 1);
    if said != wanted {
        let expected = format!("StartJob with {wanted:?}");
        return Err(Finding::new(SECTION, expected, format!("{said:?}")).into());
    }
    if heard.input != "ein Bild, ü" {
        let got = format!("{:?}", heard.input);
        return Err(Finding::new("GR-5.4-8", "the input of the job", got).into());
    }
    stage.send_all(&[accepted(job.number), finished(job.number, "small")]);
    stage.ends_with(SECTION, &job.key, "small").await
}

async fn empty_input(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let nothing = Some(String::new());
    let job = stage
        .given(Job {
            input: nothing,
            ..small_job()
        })
        .await?;
    stage.send_all(&[accepted(job.number), finished(job.number, "")]);
    stage.ends_with(SECTION, &job.key, "").await
}

async fn large_input(stage: &mut Stage) -> Played {
    const SIZE: usize = 1_000_000;
    stage.ready().await?;
    let job = stage
        .given(Job {
            name: "large".into(),
            size: Some(SIZE as u64),
            ..Job::default()
        })
        .await?;
    let heard = &stage.me().jobs[&job.number];
    if !heard.input.iter().copied().eq(pattern(SIZE)) {
        let got = format!("{} bytes, or others", heard.input.len());
        return Err(Finding::new("GR-5.4-8", "the bytes of the job, in order", got).into());
    }
    stage.send_all(&[accepted(job.number), finished(job.number, "got it")]);
    stage.ends_with(SECTION, &job.key, "got it").await
}

/// The referee counts.
async fn one_at_a_time(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let first = stage.given(small_job()).await?;
    let others = [stage.ask_for(small_job())?, stage.ask_for(small_job())?];
    // The host has read both once it has been waited for.
    let interval = stage.ping_interval();
    stage.watch(interval).await;
    stage.send_all(&[accepted(first.number), finished(first.number, "first")]);
    stage.ends_with(SECTION, &first.key, "first").await?;
    let actor = &mut stage.cast[0];
    actor.let_go(&mut stage.transcript);
    for key in others {
        stage.ends_with(SECTION, &key, "a few bytes").await?;
    }
    Ok(())
}

async fn failed(stage: &mut Stage) -> Played {
    for retryable in [false, true] {
        if retryable {
            stage.start_anew().await?;
        }
        let job = stage.at_work().await?;
        let failure = failure(FailureKind::INVALID_INPUT, retryable);
        stage.send(failed_with(job.number, failure.clone()));
        let expected = Outcome::Failed {
            kind: 3,
            message: failure.message,
            retryable,
        };
        let outcome = stage.outcome(SECTION, &job.key).await?;
        if outcome != expected {
            return Err(got(format!("{expected:?}"), &outcome));
        }
    }
    Ok(())
}

async fn failed_unaccepted(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage.given(small_job()).await?;
    stage.send(failed_with(job.number, failure(FailureKind::ERROR, false)));
    match stage.outcome(SECTION, &job.key).await? {
        Outcome::Failed { kind: 1, .. } => Ok(()),
        other => Err(got("a job that has failed with kind 1", &other)),
    }
}

async fn rejected(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage.given(small_job()).await?;
    stage.send(failed_with(
        job.number,
        failure(FailureKind::REJECTED, true),
    ));
    // If it comes again, it is done.
    let actor = &mut stage.cast[0];
    actor.let_go(&mut stage.transcript);
    match stage.outcome(SECTION, &job.key).await? {
        Outcome::Ok { .. } | Outcome::Failed { kind: 4, .. } => Ok(()),
        other => Err(got(
            "a job that was rejected, or done in another try",
            &other,
        )),
    }
}

/// Waits until the job is cancelled, which the host must do after this time.
async fn told_to_stop(
    stage: &mut Stage,
    job: u64,
    reason: CancelReason,
    after: Duration,
) -> Played {
    let expected = format!("CancelJob {job} ({reason})");
    stage
        .message_after(after, SECTION, &expected, |message| match message {
            HostMessage::CancelJob(cancel) if cancel.job == job && cancel.reason == reason => {
                Some(())
            }
            _ => None,
        })
        .await
}

async fn cancelled(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.command(&Command::Cancel {
        key: job.key.clone(),
    });
    told_to_stop(stage, job.number, CancelReason::REQUESTED, Duration::ZERO).await?;
    end_as_cancelled(stage, job.number);
    match stage.outcome(SECTION, &job.key).await? {
        Outcome::Cancelled => Ok(()),
        other => Err(got("a job that was cancelled", &other)),
    }
}

fn end_as_cancelled(stage: &mut Stage, job: u64) {
    let fields = JobFinished {
        job,
        cancelled: true,
        failure: None,
    };
    stage.send(WorkerMessage::JobFinished(fields, Bytes::new()));
}

async fn cancel_answered(stage: &mut Stage, failure: Option<JobFailure>) -> Played {
    let job = stage.at_work().await?;
    stage.command(&Command::Cancel {
        key: job.key.clone(),
    });
    told_to_stop(stage, job.number, CancelReason::REQUESTED, Duration::ZERO).await?;
    stage.send(match failure {
        Some(failure) => failed_with(job.number, failure),
        None => finished(job.number, "just done"),
    });
    match stage.outcome(SECTION, &job.key).await? {
        Outcome::Lost { .. } => Err(got(
            "an outcome",
            &Outcome::Lost {
                reason: "lost".into(),
            },
        )),
        Outcome::Ok { .. } | Outcome::Failed { .. } | Outcome::Cancelled => Ok(()),
    }
}

const DEADLINE: Duration = Duration::from_millis(200);

async fn deadline(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage
        .given(Job {
            deadline_ms: Some(DEADLINE.as_millis() as u64),
            ..small_job()
        })
        .await?;
    stage.send(accepted(job.number));
    told_to_stop(stage, job.number, CancelReason::DEADLINE, DEADLINE).await?;
    end_as_cancelled(stage, job.number);
    match stage.outcome(SECTION, &job.key).await? {
        Outcome::Cancelled | Outcome::Failed { .. } => Ok(()),
        other => Err(got("a job that was stopped", &other)),
    }
}

async fn dies(stage: &mut Stage, how: Order) -> Played {
    let job = stage.at_work().await?;
    stage.me().left = true;
    stage.me().order(how);
    stage.is_lost(SECTION, &job.key).await
}
