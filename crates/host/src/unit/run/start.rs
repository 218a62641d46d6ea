//! From the order to start a daemon to its process.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use greenroom_supervision::stop::StopAction;
use greenroom_supervision::{SpawnFailure, harmless};
use tokio::task::JoinError;

use super::daemon::Running;
use super::task::{chain, panic_message};
use super::{Fact, Link, Live, Order, Over, Start};
use crate::command::{CommandError, ResolvedCommand};
use crate::notify::NotifySocket;
use crate::os::{self, Mark, Spawned};
use crate::unit::{BoxError, Daemon, Ready};

/// What is kept of the words of a command that could not be built.
const WORDS: usize = 4 << 10;

pub(super) async fn daemon(mut start: Start, daemon: &Daemon) -> Over {
    let mut asked = Vec::new();
    match running(&mut start, daemon, &mut asked).await {
        Ok((spawned, notify, mark)) => match Running::new(start, spawned, notify, mark) {
            Ok(running) => running.live(asked).await,
            Err(over) => *over,
        },
        Err(failure) => Over::silent(Err(failure), start.lines, start.orders),
    }
}

/// Its process, where it notifies, and the mark that its descendants carry. What it was asked to do
/// meanwhile is left in `asked`.
async fn running(
    start: &mut Start,
    daemon: &Daemon,
    asked: &mut Vec<StopAction>,
) -> Result<(Spawned, Option<NotifySocket>, Mark), SpawnFailure> {
    let command = command(start, daemon).await?;
    let notify = if notifies(start) {
        let socket = NotifySocket::bind();
        Some(socket.map_err(|error| system("make a socket for notifications", &error))?)
    } else {
        None
    };
    let mark = mark(start);
    let order = os::Order {
        command: Arc::new(command),
        stdin: if start.unit.has_stdin() {
            os::Stdin::Pipe
        } else {
            os::Stdin::Null
        },
        environment: environment(start, notify.as_ref(), &mark),
    };
    let sweeping = start.sweeping.take();
    // Both are quick: what is asked meanwhile waits until there is somebody to do it to.
    let mut spawning = Box::pin(async {
        if let Some(sweeping) = sweeping {
            // One that was cut short has been done all the same.
            let _ = sweeping.await;
        }
        os::spawn(order).await
    });
    let spawned = loop {
        tokio::select! {
            spawned = &mut spawning => break spawned?,
            order = start.orders.recv() => match order {
                Some(Order::Stop(step)) => asked.push(step),
                Some(order) => start.decline(order).await,
                None => std::future::pending().await,
            },
        }
    };
    Ok((spawned, notify, mark))
}

/// Its command, built anew by the user's code.
async fn command(start: &mut Start, daemon: &Daemon) -> Result<ResolvedCommand, SpawnFailure> {
    let build = Arc::clone(&daemon.command);
    let mut built = tokio::task::spawn_blocking(move || {
        let command = build().map_err(|error| not_built(&error))?;
        command.resolve().map_err(|error| unusable(&error))
    });
    loop {
        tokio::select! {
            built = &mut built => return built.unwrap_or_else(|error| Err(panicked(error))),
            order = start.orders.recv() => match order {
                // That code can take its time. Nothing waits for it.
                Some(Order::Stop(_)) => return Err(stopped()),
                Some(order) => start.decline(order).await,
                None => std::future::pending().await,
            },
        }
    }
}

fn not_built(error: &BoxError) -> SpawnFailure {
    failure("build its command", &chain(error.as_ref()))
}

/// A program that is not there or not executable will not be at the next try; a directory may.
fn unusable(error: &CommandError) -> SpawnFailure {
    use CommandError::{NoDirectory, Unreadable};
    SpawnFailure {
        permanent: !matches!(error, NoDirectory { .. } | Unreadable { .. }),
        ..failure("find its program", &chain(error))
    }
}

fn panicked(error: JoinError) -> SpawnFailure {
    let words = match error.try_into_panic() {
        Ok(payload) => format!("it panicked: {}", panic_message(payload.as_ref())),
        Err(_) => "the runtime is shutting down".into(),
    };
    failure("build its command", &words)
}

fn stopped() -> SpawnFailure {
    failure("build its command", "it was stopped before that was done")
}

fn failure(step: &str, message: &str) -> SpawnFailure {
    SpawnFailure {
        step: step.into(),
        errno: None,
        message: harmless(message, WORDS),
        permanent: false,
    }
}

/// The system refused, and may not the next time.
pub(super) fn system(step: &str, error: &io::Error) -> SpawnFailure {
    SpawnFailure {
        errno: error.raw_os_error(),
        ..failure(step, &error.to_string())
    }
}

fn notifies(start: &Start) -> bool {
    matches!(start.unit.ready, Ready::Notify) || start.unit.spec.policy.watchdog.is_some()
}

/// Unlike those of other supervisors of this host, and of units that bore the name before.
fn mark(start: &Start) -> Mark {
    let Start {
        supervisor,
        run,
        unit,
        ..
    } = start;
    let who = format!("{supervisor}.{}.{}", run.unit.0, unit.name());
    Mark::new(&who, run.generation)
}

/// `WATCHDOG_PID` is left out: its value is known only when the process runs, and who finds none
/// takes `WATCHDOG_USEC` for its own.
fn environment(
    start: &Start,
    notify: Option<&NotifySocket>,
    mark: &Mark,
) -> Vec<(OsString, OsString)> {
    let mut environment = vec![mark.variable()];
    if let Some(notify) = notify {
        environment.push(("NOTIFY_SOCKET".into(), notify.path().into()));
    }
    if let Some(interval) = start.unit.spec.policy.watchdog {
        environment.push((
            "WATCHDOG_USEC".into(),
            interval.as_micros().to_string().into(),
        ));
    }
    environment
}

impl Start {
    /// Answers what was asked of a daemon that has no process yet.
    async fn decline(&self, order: Order) {
        match order {
            Order::Describe(reply) => drop(reply.send(Live::of(&self.lines))),
            Order::CatchUp => {
                let Self { run, facts, .. } = self;
                let (run, facts) = (*run, facts.clone());
                Link { run, facts }.tell(Fact::CaughtUp).await;
            }
            // Nobody to signal, to look at, to measure: dropping it says so.
            Order::Stop(_)
            | Order::Signal(..)
            | Order::Probe(_)
            | Order::SampleMemory
            | Order::Pool(_) => {}
        }
    }
}
