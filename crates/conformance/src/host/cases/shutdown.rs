//! Leaving, asked or not (section 5.3).

use std::time::Duration;

use greenroom_protocol::{Exiting, HostMessage, Retire, Shutdown, ShuttingDown, WorkerMessage};

use super::case;
use crate::case::{Finding, Verdict};
use crate::host::acting::small_job;
use crate::host::case::{Closing, HostCase, Played, Stop};
use crate::host::say::SECTION;
use crate::host::session::finished;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "shutdown/not-asked-for",
            &["GR-5.3-1"],
            [
                "sends ShuttingDown without a Shutdown",
                "the host ends the connection",
            ],
            |stage| Box::pin(not_asked_for(stage)),
        )
        .closing(Closing::Refused),
        case(
            "shutdown/end-of-input",
            &["GR-5.3-3"],
            [
                "waits for the end of the host's standard input, then leaves as it is told",
                "Shutdown comes with a grace, and the host exits with 0",
            ],
            |stage| Box::pin(end_of_input(stage)),
        )
        .closing(Closing::Judged),
        case(
            "shutdown/in-the-handshake",
            &["GR-4.1-3"],
            [
                "does not answer while the host's standard input ends",
                "nothing but Shutdown comes, and the host exits with 0",
            ],
            |stage| Box::pin(in_the_handshake(stage)),
        )
        .closing(Closing::Judged),
        case(
            "shutdown/ignored",
            &["GR-5.3-4"],
            [
                "ignores Shutdown, but answers pings",
                "the host ends it after the grace",
            ],
            |stage| Box::pin(ignored(stage)),
        )
        .closing(Closing::Judged),
        case(
            "shutdown/mid-job",
            &["GR-5.3-3", "GR-5.4-2"],
            [
                "finishes its job after Shutdown, sends Exiting, and exits",
                "the job has ended well, and the host exits with 0",
            ],
            |stage| Box::pin(mid_job(stage)),
        )
        .closing(Closing::Judged),
        case(
            "shutdown/no-job-after-it",
            &["GR-5.3-3", "GR-5.8-1"],
            [
                "retires, and stays for a while after Shutdown",
                "a job that is launched meanwhile goes to another worker",
            ],
            |stage| Box::pin(no_job_after_it(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "shutdown/leaves-between-jobs",
            &["GR-5.3-6"],
            [
                "sends Exiting without being asked, and exits with 0",
                "another worker is started",
            ],
            |stage| Box::pin(leaves_between_jobs(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "shutdown/result-before-exiting",
            &["GR-5.4-2", "GR-5.3-6"],
            [
                "finishes its job, sends Exiting without being asked, and exits with 1",
                "the job has ended well: its outcome is what JobFinished says",
            ],
            |stage| Box::pin(result_before_exiting(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "shutdown/exiting-without-a-result",
            &["GR-5.4-2", "GR-5.3-6"],
            [
                "sends Exiting while its job runs, and exits with 0",
                "the job is lost",
            ],
            |stage| Box::pin(exiting_without_a_result(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "shutdown/message-after-exiting",
            &["GR-5.3-6"],
            [
                "finishes its job behind Exiting, and stays",
                "the host ends it, and the job is lost",
            ],
            |stage| Box::pin(message_after_exiting(stage)),
        )
        .closing(Closing::Refused),
    ]
}

fn exiting() -> WorkerMessage {
    WorkerMessage::Exiting(Exiting {
        reason: "on its own".into(),
    })
}

fn shutting_down(jobs: u32) -> WorkerMessage {
    WorkerMessage::ShuttingDown(ShuttingDown { jobs })
}

async fn not_asked_for(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send(shutting_down(0));
    stage.refused().await
}

pub(super) async fn shutdown(stage: &mut Stage) -> Result<Shutdown, Stop> {
    let found = stage.message(SECTION, "Shutdown", |message| match message {
        HostMessage::Shutdown(shutdown) => Some(shutdown),
        _ => None,
    });
    found.await
}

/// Without the lines of section 9.2 a program need not look at its standard input.
pub(super) fn reads_its_input(stage: &Stage) -> Played {
    match &stage.setting.no_jobs {
        None => Ok(()),
        Some(reason) => Err(Stop::Skip(format!(
            "the host does not listen to the kit: {reason}"
        ))),
    }
}

/// The host must come to its end.
pub(super) async fn host_ends(stage: &mut Stage) -> Played {
    match stage.end_of_input().await {
        Verdict::Fail(finding) => Err(Stop::Fail(finding)),
        Verdict::NonStrict(finding) => Err(Stop::NonStrict(finding)),
        Verdict::Pass | Verdict::Skip(_) => Ok(()),
    }
}

async fn end_of_input(stage: &mut Stage) -> Played {
    reads_its_input(stage)?;
    stage.ready().await?;
    stage.process.end_input();
    let asked = shutdown(stage).await?;
    if asked.grace_ms == 0 {
        let expected = "a grace in which the worker can leave";
        return Err(Finding::new(SECTION, expected, "0 ms").into());
    }
    stage.send_all(&[shutting_down(0), exiting()]);
    stage.exit(0);
    host_ends(stage).await
}

async fn in_the_handshake(stage: &mut Stage) -> Played {
    reads_its_input(stage)?;
    let request = stage.asked().await?;
    stage.process.end_input();
    let bound = request
        .initialize_timeout_ms
        .saturating_add(request.close_timeout_ms);
    let expected = "the host to end the worker, which is not ready";
    let bound = Duration::from_millis(bound.min(60_000));
    stage.ended_within(bound, "GR-4.1-6", expected).await?;
    host_ends(stage).await
}

async fn ignored(stage: &mut Stage) -> Played {
    reads_its_input(stage)?;
    stage.ready().await?;
    stage.process.end_input();
    let grace = Duration::from_millis(shutdown(stage).await?.grace_ms.min(60_000));
    let expected = "the host to end the worker after the grace";
    stage.ended_within(grace, "GR-5.3-4", expected).await?;
    host_ends(stage).await
}

async fn mid_job(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.process.end_input();
    shutdown(stage).await?;
    stage.send_all(&[shutting_down(1), finished(job.number, "in time"), exiting()]);
    stage.exit(0);
    stage.ends_with(SECTION, &job.key, "in time").await?;
    host_ends(stage).await
}

async fn no_job_after_it(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send(WorkerMessage::Retire(Retire {
        reason: "enough".into(),
    }));
    if shutdown(stage).await.is_err() {
        return Err(Stop::Skip(
            "the host tells a worker that retires nothing".into(),
        ));
    }
    let key = stage.ask_for(small_job())?;
    stage.send(shutting_down(0));
    // A StartJob would come by then; the referee looks out for it.
    stage.call("echo", "").await?;
    stage.send(exiting());
    stage.exit(0);
    stage.ends_with(SECTION, &key, "a few bytes").await
}

async fn leaves_between_jobs(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send(exiting());
    stage.exit(0);
    Ok(())
}

async fn result_before_exiting(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send_all(&[finished(job.number, "the result"), exiting()]);
    stage.exit(1);
    stage.ends_with(SECTION, &job.key, "the result").await
}

async fn exiting_without_a_result(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send(exiting());
    stage.exit(0);
    stage.is_lost(SECTION, &job.key).await
}

async fn message_after_exiting(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send(exiting());
    // Behind the referee's back: for the host this job must not have ended.
    let frame = finished(job.number, "too late")
        .encode()
        .expect("it is small");
    stage.send_raw(
        "JobFinished behind Exiting",
        [frame.head, frame.data].concat(),
    );
    stage.refused().await
}
