//! How a handle asks the supervisor's task.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use greenroom_supervision::Supervisor as Machine;
use greenroom_supervision::restart::ExitClass;
use greenroom_supervision::supervisor::{EndCause, Ending};
use greenroom_supervision::unit::{Run, UnitExit, UnitId};
use greenroom_supervision::{ExitReason, harmless};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};

use super::command::{Command, Waited};
use super::draft;
use super::slot::Slot;
use super::task::{Channels, Task};
use super::{Shared, Supervisor, UnitError, UnitStatus};
use crate::unit::run::panic_message;

/// Commands that may wait for the supervisor's task; who gives more waits.
const COMMANDS: usize = 64;
/// Events and lines that a slow reader may be behind. Lines are shortened for it.
const EVENTS: usize = 1_024;
const LINES: usize = 4_096;
/// What is kept of the words of a panic.
const WORDS: usize = 4 << 10;
/// What the supervisor itself is called among its units.
pub(super) const SUPERVISOR: &str = "the supervisor itself";

impl Supervisor {
    pub(super) fn run(machine: Machine, slots: BTreeMap<UnitId, Slot>) -> Self {
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let events = broadcast::Sender::new(EVENTS);
        let output = broadcast::Sender::new(LINES);
        let (ended, ended_receiver) = watch::channel(None);
        let shared = Shared {
            commands,
            events: events.downgrade(),
            output: output.downgrade(),
            ended: ended_receiver,
        };
        let told = ended.clone();
        let channels = Channels {
            commands: command_queue,
            events,
            output,
            ended,
        };
        let task = tokio::spawn(Task::new(machine, slots, channels).run());
        tokio::spawn(tell_panic(task, told));
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The task answers at once, or as soon as what was asked for has come about, for which it has a
    /// bound.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, UnitError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.shared.commands.send(command(reply)).await;
        sent.map_err(|_| UnitError::HostEnded)?;
        answer.await.map_err(|_| UnitError::HostEnded)
    }

    pub(super) async fn end(
        &self,
        command: impl FnOnce(oneshot::Sender<Ending>) -> Command,
    ) -> Ending {
        match self.ask(command).await {
            Ok(ending) => ending,
            Err(_) => self.ended().await,
        }
    }

    /// It ran when it was asked, and not when it was to answer.
    pub(super) async fn not_running(&self, name: &str) -> UnitError {
        let described = self
            .ask(|reply| Command::Describe(Some(name.to_owned()), reply))
            .await;
        match described.and_then(|drafts| drafts) {
            Ok(mut drafts) => match drafts.pop() {
                Some(draft) => UnitError::NotRunning {
                    unit: draft.snapshot.name,
                    state: draft.snapshot.state,
                },
                None => gone(name),
            },
            Err(error) => error,
        }
    }
}

/// A supervisor's task runs code of the host's own, such as a `tracing` subscriber. If that panics,
/// everything that the task owned was killed with it, and nobody may take that for an end on request.
async fn tell_panic(task: JoinHandle<()>, ended: watch::Sender<Option<Ending>>) {
    let Err(panic) = task.await.map_err(JoinError::try_into_panic) else {
        return;
    };
    // Aborted: its runtime is shutting down.
    let Ok(payload) = panic else { return };
    let message = harmless(&panic_message(payload.as_ref()), WORDS);
    ended.send_replace(Some(panicked(message.clone())));
    tracing::error!(
        panic = message,
        "the supervisor's task has panicked: everything was killed"
    );
}

/// The task is a significant unit, as it were: it has ended, and nobody starts it again.
fn panicked(message: String) -> Ending {
    let exit = UnitExit {
        // Of no unit.
        run: Run {
            unit: UnitId(u64::MAX),
            generation: 0,
        },
        name: SUPERVISOR.into(),
        pid: None,
        reason: ExitReason::Panicked { message },
        abandoned: None,
        status: None,
        class: ExitClass::Failure,
        journey: Vec::new(),
        peak_memory: 0,
    };
    Ending {
        cause: EndCause::Significant(Arc::new(exit)),
        abandoned: Vec::new(),
    }
}

/// Nothing outlives its runtime: everything was killed with it.
pub(super) fn runtime_ended() -> Ending {
    Ending {
        cause: EndCause::Requested {
            by: "the end of the host's runtime".into(),
        },
        abandoned: Vec::new(),
    }
}

/// The status of the one unit that was waited for; in the inner error, that of one that missed its
/// goal.
pub(super) async fn one(
    name: &str,
    waited: Waited,
) -> Result<Result<UnitStatus, Box<UnitStatus>>, UnitError> {
    let (drafts, there) = match waited {
        Ok(drafts) => (drafts, true),
        Err(drafts) => (drafts, false),
    };
    let status = draft::finish(drafts)
        .await
        .pop()
        .ok_or_else(|| gone(name))?;
    Ok(if there {
        Ok(status)
    } else {
        Err(Box::new(status))
    })
}

/// Of a unit that was removed while somebody asked for it.
pub(super) fn gone(name: &str) -> UnitError {
    UnitError::Unknown {
        name: name.to_owned(),
        nearest: None,
    }
}

pub(super) fn system(unit: &str, step: &'static str) -> impl FnOnce(io::Error) -> UnitError {
    let unit = unit.to_owned();
    move |source| UnitError::System { unit, step, source }
}
