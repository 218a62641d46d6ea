//! The parent: three units, one fate.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use greenroom::supervisor::{
    EndCause, Ending, Notice, StartFailed, SupervisorEvents, UnitError, UnitNotice,
};
use greenroom::unit::{Condition, Ready, Regex, Restart};
use greenroom::{Command, Daemon, Supervisor, Task, Unit};
use hyper::StatusCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::http::{self, answer};

pub(crate) struct Settings {
    pub(crate) api_port: u16,
    pub(crate) health_port: u16,
    pub(crate) window: Duration,
    pub(crate) fail_after: Option<u32>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("this program does not know where it is: {0}")]
    Program(io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Unit(#[from] UnitError),
}

/// Runs the three until the first of them ends, or a signal ends them all.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode, Problem> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Problem::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Problem::Signals)?;
    let supervisor = Supervisor::builder()
        .shutdown_timeout(settings.window)
        .unit(api(settings.api_port)?)
        .unit(background(settings.fail_after)?)
        .build()?;
    supervisor
        .add_unit(health(settings.health_port, supervisor.clone()))
        .await?;
    tokio::spawn(tell(supervisor.events()));
    let all_said = CancellationToken::new();
    let output = tokio::spawn(pass_on(supervisor.output(), all_said.clone()));

    // One that dies during the start is no different from one that dies later.
    if let Err(StartFailed { not_ready }) = supervisor.start().await {
        for unit in not_ready {
            eprintln!("{} is {}: {}", unit.name, unit.state, unit.why);
        }
    }
    let ending = tokio::select! {
        ending = supervisor.ended() => ending,
        _ = terminate.recv() => supervisor.stop("SIGTERM").await,
        _ = interrupt.recv() => supervisor.stop("SIGINT").await,
    };
    all_said.cancel();
    // A panic in it would be a fault of this program.
    let _ = output.await;
    Ok(report(&ending))
}

fn api(port: u16) -> Result<Unit, Problem> {
    let program = std::env::current_exe().map_err(Problem::Program)?;
    let command = move || Command::new(&program).args(["api", &port.to_string()]);
    let listens = Regex::new("^the API listens on ").expect("a constant expression is valid");
    Ok(significant(Unit::new("api", Daemon::new(command))).ready_when(Ready::LogLine(listens)))
}

fn background(fail_after: Option<u32>) -> Result<Unit, Problem> {
    let program = std::env::current_exe().map_err(Problem::Program)?;
    let command = move || {
        let command = Command::new(&program).arg("background");
        command.args(fail_after.map(|items| items.to_string()))
    };
    // From its first item on it finishes what it has begun.
    let works = Regex::new("^item ").expect("a constant expression is valid");
    let unit = Unit::new("background", Daemon::new(command)).ready_when(Ready::LogLine(works));
    Ok(significant(unit).after("api", Condition::Ready))
}

/// Its end ends everything; it is never started again.
fn significant(unit: Unit) -> Unit {
    unit.significant(true).restart(Restart::Never)
}

/// The orchestrator's view: 200 while all is well, otherwise 503 and what is not.
fn health(port: u16, supervisor: Supervisor) -> Unit {
    let server = Task::new(move |end| {
        let supervisor = supervisor.clone();
        async move {
            let (listener, address) = http::listen(port).await?;
            println!("health is served on {address}");
            http::serve(listener, end, move |path| {
                let supervisor = supervisor.clone();
                async move {
                    if path != "/health" {
                        return answer(StatusCode::NOT_FOUND, "try /health\n");
                    }
                    let report = supervisor.health_report().await;
                    let status = match report.is_empty() {
                        true => StatusCode::OK,
                        false => StatusCode::SERVICE_UNAVAILABLE,
                    };
                    let body = serde_json::json!({ "unhealthy": report });
                    answer(status, format!("{body}\n"))
                }
            })
            .await?;
            Ok(())
        }
    });
    significant(Unit::new("health", server))
}

/// Prints what the children print, to the last line that has come when all is said.
async fn pass_on(mut output: greenroom::supervisor::OutputLines, all_said: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            line = output.next() => match line {
                Some(line) => {
                    println!("{}: {}", line.unit, greenroom::harmless(&line.text, 1 << 10));
                }
                None => return,
            },
            () = all_said.cancelled() => return,
        }
    }
}

/// Names the first one that died at once, before the others are drained.
async fn tell(mut events: SupervisorEvents) {
    while let Some(event) = events.next().await {
        match event.notice {
            Notice::ShuttingDown { cause, limit } => {
                let limit = limit.as_secs();
                match cause {
                    EndCause::Significant(exit) => eprintln!(
                        "{} {}: everything else is drained within {limit} s",
                        exit.name, exit.reason
                    ),
                    _ => eprintln!("everything is drained within {limit} s"),
                }
            }
            Notice::Blocked(blockers) => {
                for blocker in blockers {
                    let age = blocker.age.as_secs();
                    eprintln!("still {}: {} ({age} s)", blocker.state, blocker.name);
                }
            }
            Notice::Unit {
                name,
                notice: UnitNotice::Ready { .. },
                ..
            } => eprintln!("{name} is ready"),
            _ => {}
        }
    }
}

fn report(ending: &Ending) -> ExitCode {
    for name in &ending.abandoned {
        eprintln!("{name} did not end and was left behind");
    }
    ExitCode::from(u8::try_from(ending.exit_code()).unwrap_or(1))
}
