//! Asking to be replaced (section 5.8).

use greenroom_protocol::{Retire, WorkerMessage};

use super::case;
use crate::case::Finding;
use crate::host::case::{HostCase, Played, Stop};
use crate::host::say::SECTION;
use crate::host::session::finished;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "retire/no-more-jobs",
            &["GR-5.8-1"],
            [
                "retires while it is idle",
                "it gets no job any more, and another worker is started",
            ],
            |stage| Box::pin(no_more_jobs(stage)),
        ),
        case(
            "retire/mid-job",
            &["GR-5.8-1"],
            [
                "retires while a job runs, and finishes it",
                "the job ends well",
            ],
            |stage| Box::pin(mid_job(stage)),
        ),
    ]
}

fn retire() -> WorkerMessage {
    WorkerMessage::Retire(Retire {
        reason: "it has grown".into(),
    })
}

/// From the answer to the call on, the referee takes the host at its word.
async fn no_more_jobs(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send(retire());
    stage.call("echo", "").await?;
    let actor = &mut stage.cast[0];
    actor.let_go(&mut stage.transcript);
    let expected = "a replacement of the worker that retires";
    let replaced = stage.until("GR-5.8-1", expected, |stage| {
        (stage.cast.len() > 1).then_some(())
    });
    replaced.await.map_err(|stop| match stop {
        Stop::Fail(finding) => Stop::NonStrict(Finding {
            expected: expected.into(),
            ..finding
        }),
        other => other,
    })
}

async fn mid_job(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send(retire());
    stage.call("echo", "").await?;
    stage.send(finished(job.number, "as promised"));
    stage.ends_with(SECTION, &job.key, "as promised").await
}
