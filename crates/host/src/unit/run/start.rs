//! From the order to start a daemon to its process.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

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
/// How long a start waits until nothing of the run before is left. Who takes longer waits for a
/// device, and may do so for ever.
const SWEEP: Duration = Duration::from_secs(10);

pub(super) async fn daemon(mut start: Start, daemon: &Daemon) -> Over {
    let mut asked = Vec::new();
    match running(&mut start, daemon, &mut asked).await {
        Ok((spawned, notify, mark)) => match Running::new(start, spawned, notify, mark) {
            Ok(running) => running.live(asked).await,
            Err(over) => *over,
        },
        Err(failure) => Over {
            // The next start waits for it again.
            sweeping: start.sweeping,
            ..Over::silent(Err(failure), start.lines, start.orders)
        },
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
    end_of_sweep(start).await?;
    let notify = if notifies(start) {
        let socket = NotifySocket::bind();
        Some(socket.map_err(|error| system("make a socket for notifications", &error))?)
    } else {
        None
    };
    let mark = start.mark();
    let order = os::Order {
        command: Arc::new(command),
        stdin: if start.unit.has_stdin() {
            os::Stdin::Pipe
        } else {
            os::Stdin::Null
        },
        environment: environment(start, notify.as_ref(), &mark),
    };
    // Whatever is asked from now on waits until there is somebody to do it to: a process that is on
    // its way can only be ended once it is there.
    let mut spawning = Box::pin(os::spawn(order));
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

/// Waits until what the run before has left behind is gone; that could stand in this one's way.
async fn end_of_sweep(start: &mut Start) -> Result<(), SpawnFailure> {
    let limit = tokio::time::Instant::now() + SWEEP;
    while let Some(sweeping) = &mut start.sweeping {
        tokio::select! {
            swept = tokio::time::timeout_at(limit, sweeping) => {
                if swept.is_err() {
                    let unit = start.unit.name();
                    tracing::warn!(unit, "what its last run has left behind has not ended within {SWEEP:?}");
                }
                // Goes on by itself if it was late.
                start.sweeping = None;
            }
            order = start.orders.recv() => match order {
                Some(Order::Stop(_)) => return Err(stopped()),
                Some(order) => start.decline(order).await,
                None => std::future::pending().await,
            },
        }
    }
    Ok(())
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
    failure("start its process", "it was stopped before that was begun")
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

#[cfg(test)]
mod tests {
    use greenroom_supervision::Time;
    use greenroom_supervision::unit::{Run, UnitId};
    use tokio::sync::{broadcast, mpsc};

    use super::*;
    use crate::Unit;
    use crate::command::Command;
    use crate::unit::lines::{Audience, Lines};

    /// Behind something of the run before that never ends.
    fn stuck() -> (Start, mpsc::UnboundedSender<Order>) {
        let daemon = Daemon::new(|| Command::new("/bin/true"));
        let (orders, order_queue) = mpsc::unbounded_channel();
        let start = Start {
            supervisor: 0,
            run: Run {
                unit: UnitId(0),
                generation: 1,
            },
            unit: Arc::new(Unit::new("behind", daemon)),
            audience: Audience {
                unit: "behind".into(),
                generation: 1,
                origin: Time::ZERO,
                listeners: broadcast::Sender::new(1),
            },
            lines: Lines::default(),
            facts: mpsc::channel(1).0,
            orders: order_queue,
            writes: mpsc::channel(1).1,
            sweeping: Some(tokio::spawn(std::future::pending())),
        };
        (start, orders)
    }

    /// Any step of a ladder ends a start whose process has not been begun, and the next start waits
    /// for what this one has waited for.
    #[tokio::test]
    async fn a_start_that_waits_for_the_run_before_can_be_stopped() {
        for step in [StopAction::Signal(15), StopAction::Kill] {
            let (start, orders) = stuck();
            orders.send(Order::Stop(step)).unwrap();
            // Sooner than the wait would end by itself.
            let over = tokio::time::timeout(SWEEP / 2, start.live()).await;
            let over = over.expect("it still waits");
            assert_eq!(over.end, Err(stopped()));
            assert!(over.sweeping.is_some());
        }
    }
}
