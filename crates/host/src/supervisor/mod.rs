//! Units under one supervisor.

mod ask;
mod builder;
mod callback;
mod command;
mod draft;
mod error;
mod event;
mod facts;
mod nearest;
mod obey;
mod slot;
mod status;
mod task;
mod tell;
mod waiters;
mod waiting;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::pool::Pool;
use crate::unit::Unit;
use crate::unit::run::Write;
use ask::{SUPERVISOR, gone, one, runtime_ended, system};
use command::Command;

pub use builder::SupervisorBuilder;
pub use error::{StartFailed, UnitError};
pub use event::{OutputLine, OutputLines, OutputSource, SupervisorEvent, SupervisorEvents};
pub use greenroom_supervision::supervisor::{
    Blocker, EndCause, Ending, Escalation, Group, Notice, SpecError, Strategy, UnitNotice,
};
pub use status::{UnitReport, UnitStatus};

/// A handle to a supervisor. Clones are handles to the same one. When the last is dropped,
/// everything is killed.
#[derive(Clone, Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// When the last handle drops it, the task kills everything.
    commands: mpsc::Sender<Command>,
    events: broadcast::WeakSender<SupervisorEvent>,
    output: broadcast::WeakSender<OutputLine>,
    ended: watch::Receiver<Option<Ending>>,
}

impl Supervisor {
    /// A supervisor to be described further.
    pub fn builder() -> SupervisorBuilder {
        SupervisorBuilder::default()
    }

    // ---- all units

    /// Starts every unit that is to start by itself, in the order of their dependencies, and waits
    /// until each is ready or completed, or one has failed. The wait is bounded by the start
    /// timeouts and their extensions; units that cannot start yet because another is not there are
    /// named in the error and start when they can. After [`stop`](Self::stop) it starts everything
    /// anew.
    ///
    /// Cancel-safe: the start goes on.
    pub async fn start(&self) -> Result<(), StartFailed> {
        match self.ask(Command::Start).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(drafts)) => Err(StartFailed {
                not_ready: draft::finish(drafts).await,
            }),
            // There is nobody left to say who is not ready.
            Err(_) => Err(StartFailed {
                not_ready: Vec::new(),
            }),
        }
    }

    /// Stops everything, dependents first, within the shutdown timeout, and says how it ended. Never
    /// longer than that and 2 s. Called again while it lasts, it waits for the same end.
    ///
    /// Cancel-safe: the stop goes on.
    pub async fn stop(&self, by: impl Into<String>) -> Ending {
        let by = by.into();
        self.end(|reply| Command::Stop(by, reply)).await
    }

    /// Kills everything at once, and waits at most 2 s.
    ///
    /// Cancel-safe.
    pub async fn kill(&self, by: impl Into<String>) -> Ending {
        let by = by.into();
        self.end(|reply| Command::Kill(by, reply)).await
    }

    /// Waits until everything has ended: because somebody stopped it, or because a significant unit
    /// has ended, or a group that may not fail has. If the supervisor's own task has panicked, it is
    /// named as the significant unit.
    ///
    /// Cancel-safe.
    pub async fn ended(&self) -> Ending {
        let mut ended = self.shared.ended.clone();
        let ending = ended.wait_for(Option::is_some).await;
        ending
            .ok()
            .and_then(|ending| ending.clone())
            .unwrap_or_else(runtime_ended)
    }

    /// The names of all units, in the order in which they were added. None, and an error in the log,
    /// if the supervisor is gone: [`ended`](Self::ended) says why.
    pub async fn unit_names(&self) -> Vec<String> {
        self.ask(Command::Names).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the names of units are not known");
            Vec::new()
        })
    }

    /// Every unit's status, in the order in which they were added. Memory and processor time are
    /// measured for this. None, and an error in the log, if the supervisor is gone:
    /// [`ended`](Self::ended) says why.
    pub async fn statuses(&self) -> Vec<UnitStatus> {
        match self.ask(|reply| Command::Describe(None, reply)).await {
            Ok(Ok(drafts)) => draft::finish(drafts).await,
            Ok(Err(error)) | Err(error) => {
                tracing::error!(%error, "how units stand is not known");
                Vec::new()
            }
        }
    }

    /// Whether there is a unit, and all are as they should be: ready with no check failing,
    /// completed, or stopped on request.
    pub async fn all_healthy(&self) -> bool {
        let bad = self.ask(Command::Health).await;
        bad.is_ok_and(|bad| bad.is_empty()) && !self.unit_names().await.is_empty()
    }

    /// What is not as it should be: unit by unit, name and why. Empty if all is well. If the
    /// supervisor is gone, it names itself.
    pub async fn health_report(&self) -> Vec<(String, String)> {
        let bad = self.ask(Command::Health).await;
        bad.unwrap_or_else(|error| vec![(SUPERVISOR.into(), error.to_string())])
    }

    /// What happens from now on. See [`SupervisorEvents::next`].
    pub fn events(&self) -> SupervisorEvents {
        let receiver = match self.shared.events.upgrade() {
            Some(events) => events.subscribe(),
            None => broadcast::channel(1).1,
        };
        SupervisorEvents { receiver }
    }

    /// What units print from now on. See [`OutputLines::next`].
    pub fn output(&self) -> OutputLines {
        let receiver = match self.shared.output.upgrade() {
            Some(output) => output.subscribe(),
            None => broadcast::channel(1).1,
        };
        OutputLines { receiver }
    }

    // ---- one unit

    /// Adds a unit. It is not started. Fails if its name is taken, its policy cannot work, or a unit
    /// it starts after is missing.
    pub async fn add_unit(&self, unit: Unit) -> Result<(), UnitError> {
        self.ask(|reply| Command::Add(Box::new(unit), reply))
            .await?
    }

    /// Stops a unit and forgets it. Fails if others start after it.
    pub async fn remove_unit(&self, name: &str) -> Result<(), UnitError> {
        self.stop_unit(name, "it is removed").await?;
        self.ask(|reply| Command::Remove(name.to_owned(), reply))
            .await?
    }

    /// Puts another description in the place of the unit of the same name: stops it if it runs and
    /// leaves it stopped. Its counts and exits stay.
    pub async fn replace_unit(&self, unit: Unit) -> Result<(), UnitError> {
        unit.check_kind()?;
        self.stop_unit(unit.name(), "it is replaced").await?;
        self.ask(|reply| Command::Replace(Box::new(unit), reply))
            .await?
    }

    /// Starts a unit, with its restart window and backoff empty, and waits until it is ready or
    /// completed, for at most its start timeout and extension. Fails with its status if it ends
    /// before that or has to wait for others. One that runs already is only waited for.
    ///
    /// Cancel-safe: the start goes on.
    pub async fn start_unit(&self, name: &str) -> Result<UnitStatus, UnitError> {
        let waited = self
            .ask(|reply| Command::StartUnit(name.to_owned(), reply))
            .await??;
        one(name, waited).await?.map_err(UnitError::NotReady)
    }

    /// Stops a unit by its ladder, and no other, and waits until it is gone: at most its ladder,
    /// extension and 2 s. It stays stopped until it is started again.
    ///
    /// Cancel-safe: the stop goes on.
    pub async fn stop_unit(
        &self,
        name: &str,
        by: impl Into<String>,
    ) -> Result<UnitStatus, UnitError> {
        let by = by.into();
        let waited = self
            .ask(|reply| Command::StopUnit(name.to_owned(), by, reply))
            .await??;
        one(name, waited).await?.map_err(UnitError::NotStopped)
    }

    /// Stops a unit and starts it again as [`start_unit`](Self::start_unit) does.
    ///
    /// Cancel-safe: the restart goes on.
    pub async fn restart_unit(
        &self,
        name: &str,
        by: impl Into<String>,
    ) -> Result<UnitStatus, UnitError> {
        let by = by.into();
        let waited = self
            .ask(|reply| Command::RestartUnit(name.to_owned(), by, reply))
            .await??;
        one(name, waited).await?.map_err(UnitError::NotReady)
    }

    /// What is known of a unit. Memory and processor time are measured for this.
    pub async fn status(&self, name: &str) -> Result<UnitStatus, UnitError> {
        let drafts = self
            .ask(|reply| Command::Describe(Some(name.to_owned()), reply))
            .await??;
        let mut statuses = draft::finish(drafts).await;
        statuses.pop().ok_or_else(|| gone(name))
    }

    /// Sends a signal to a daemon's process group. Fails if it does not run.
    pub async fn signal_unit(&self, name: &str, signal: i32) -> Result<(), UnitError> {
        let answer = self
            .ask(|reply| Command::Signal(name.to_owned(), signal, reply))
            .await??;
        match answer.await {
            Ok(sent) => sent.map_err(system(name, "send the signal")),
            Err(_) => Err(self.not_running(name).await),
        }
    }

    /// Writes to a daemon's standard input, waiting at most `limit` for room. This does not count
    /// as activity of the daemon. Fails if it does not run, has no piped standard input, or does not
    /// read.
    pub async fn write_stdin(
        &self,
        name: &str,
        bytes: impl Into<bytes::Bytes>,
        limit: Duration,
    ) -> Result<(), UnitError> {
        let writes = self
            .ask(|reply| Command::Stdin(name.to_owned(), reply))
            .await??;
        let (done, written) = oneshot::channel();
        let write = Write {
            bytes: bytes.into(),
            done: Some(done),
        };
        let writing = async {
            // A run that is over has dropped the channel, and the write with it.
            let _ = writes.send(write).await;
            written.await
        };
        match tokio::time::timeout(limit, writing).await {
            Ok(Ok(written)) => written.map_err(system(name, "write to its standard input")),
            Ok(Err(_)) => Err(self.not_running(name).await),
            Err(_) => {
                let late = io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("it did not read for {limit:?}"),
                );
                Err(system(name, "write to its standard input")(late))
            }
        }
    }

    /// The pool of a unit that is one, while it runs: to launch jobs in it.
    pub async fn pool(&self, name: &str) -> Result<Pool, UnitError> {
        let answer = self
            .ask(|reply| Command::Pool(name.to_owned(), reply))
            .await??;
        match answer.await {
            Ok(pool) => Ok(pool),
            Err(_) => Err(self.not_running(name).await),
        }
    }
}
