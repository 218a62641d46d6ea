//! What clients ask of a running supervisor, answered.

use std::sync::Arc;

use greenroom::supervisor::{UnitError, UnitReport, UnitStatus};
use greenroom::unit::ExitClass;

use super::host::{Host, ReloadError};
use super::streams;
use crate::config::ConfigError;
use crate::control::connection::{Answers, Cut, Requests};
use crate::control::message::{Answer, Failure, FailureKind, Request};
use crate::control::peer::Peer;
use crate::control::server::MAX_FOLLOWERS;
use crate::view::{ReportView, UnitView};

/// Answers one request. `requests` is listened to meanwhile: a client that hangs up ends a stream.
pub(crate) async fn answer(
    request: Request,
    peer: Peer,
    requests: &mut Requests,
    answers: &mut Answers,
    host: &Host,
) -> Result<(), Cut> {
    let by = |verb: &str| match peer.pid {
        Some(pid) => format!("`greenroom {verb}` of pid {pid}"),
        None => format!("`greenroom {verb}`"),
    };
    let supervisor = &host.supervisor;
    let _place = match &request {
        Request::Logs { follow: true, .. } | Request::Events { follow: true, .. } => {
            let Some(place) = host.follow() else {
                return answers.fail(crowded()).await;
            };
            answers.patient = true;
            Some(place)
        }
        // Nobody may start anything that nobody would stop again.
        Request::Start { .. } | Request::Restart { .. } | Request::Reload { .. }
            if host.is_ending() =>
        {
            return answers.fail(ended()).await;
        }
        _ => None,
    };
    let said = match request {
        Request::Status { unit: None } => {
            for status in supervisor.statuses().await {
                let unit = Box::new(UnitView::brief(&status));
                answers.send(&Answer::Unit(unit)).await?;
            }
            Ok(())
        }
        Request::Status { unit: Some(unit) } => match supervisor.status(&unit).await {
            Ok(status) => {
                let unit = Box::new(UnitView::full(&status, host.origin));
                answers.send(&Answer::Unit(unit)).await?;
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        },
        Request::Logs { unit, last, follow } => {
            streams::logs(unit.as_deref(), last, follow, requests, answers, host).await?
        }
        Request::Events { last, follow } => {
            streams::events(last, follow, requests, answers, host).await?
        }
        Request::Why { unit } => match supervisor.status(&unit).await {
            Ok(status) => why(&status, answers).await?,
            Err(error) => Err(failure(&error)),
        },
        Request::Start { unit } => done(supervisor.start_unit(&unit).await, answers).await?,
        Request::Stop { unit } => {
            done(supervisor.stop_unit(&unit, by("stop")).await, answers).await?
        }
        Request::Restart { unit } => {
            done(supervisor.restart_unit(&unit, by("restart")).await, answers).await?
        }
        Request::Signal { unit, signal } => {
            let sent = supervisor.signal_unit(&unit, signal).await;
            sent.map_err(|error| failure(&error))
        }
        Request::Scale { pool, workers } => match supervisor.pool(&pool).await {
            Ok(pool) => {
                pool.set_target_idle(workers);
                Ok(())
            }
            Err(UnitError::WrongKind { unit, kind, .. }) => {
                let message = format!("{unit} is a {kind}: only pools can be scaled");
                Err(Failure::new(FailureKind::Failed, message))
            }
            Err(error) => Err(failure(&error)),
        },
        Request::Reload { dry_run } => reload(dry_run, by("reload"), answers, host).await?,
        Request::Shutdown { now } => {
            streams::shutdown(now, by("shutdown"), requests, answers, host).await?
        }
    };
    answers.patient = false;
    match said {
        Ok(()) => answers.send(&Answer::Done {}).await,
        Err(failure) => answers.fail(failure).await,
    }
}

/// What a request came to, once its parts are sent.
pub(super) type Said = Result<(), Failure>;

pub(super) fn failure(error: &UnitError) -> Failure {
    let kind = match error {
        UnitError::Unknown { .. } => FailureKind::UnknownUnit,
        _ => FailureKind::Failed,
    };
    Failure::new(kind, error.to_string())
}

pub(super) fn ended() -> Failure {
    Failure::new(FailureKind::Failed, "the supervisor is ending")
}

fn crowded() -> Failure {
    let message = format!("{MAX_FOLLOWERS} others follow something already: try again later");
    Failure::new(FailureKind::Busy, message)
}

async fn done(result: Result<UnitStatus, UnitError>, answers: &mut Answers) -> Result<Said, Cut> {
    match result {
        Ok(status) => {
            let unit = Box::new(UnitView::brief(&status));
            answers.send(&Answer::Unit(unit)).await?;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(failure(&error))),
    }
}

/// The last death; a failure rather than an end that was asked for, if there was one.
async fn why(status: &UnitStatus, answers: &mut Answers) -> Result<Said, Cut> {
    let failed = |report: &&Arc<UnitReport>| report.class != ExitClass::Success;
    let exits = &status.exits;
    let Some(report) = exits.iter().rfind(failed).or(exits.last()) else {
        let message = format!(
            "unit {} has not ended since the supervisor was started: it is {} ({})",
            status.name, status.state, status.why
        );
        return Ok(Err(Failure::new(FailureKind::Failed, message)));
    };
    let report = Answer::Report(ReportView::from(&**report));
    answers.send(&report).await?;
    Ok(Ok(()))
}

async fn reload(
    dry_run: bool,
    by: String,
    answers: &mut Answers,
    host: &Host,
) -> Result<Said, Cut> {
    let Some(result) = host.reload(dry_run, by).await else {
        return Ok(Err(ended()));
    };
    match result {
        Ok(reloaded) => {
            answers.send(&Answer::Plan(reloaded.plan)).await?;
            if reloaded.troubles.is_empty() {
                return Ok(Ok(()));
            }
            let troubles = reloaded.troubles.join("\n");
            Ok(Err(Failure::new(FailureKind::Failed, troubles)))
        }
        Err(error) => {
            let kind = match error {
                ReloadError::Config(
                    ConfigError::Missing { .. }
                    | ConfigError::NotAFile { .. }
                    | ConfigError::Unreadable { .. },
                ) => FailureKind::Failed,
                _ => FailureKind::BadConfiguration,
            };
            let message = format!("{error}\nnothing was changed");
            Ok(Err(Failure::new(kind, message)))
        }
    }
}
