//! How a handle asks the supervisor's task.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use greenroom_supervision::Supervisor as Machine;
use greenroom_supervision::supervisor::{EndCause, Ending};
use greenroom_supervision::unit::UnitId;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::command::{Command, Waited};
use super::draft;
use super::slot::Slot;
use super::task::{Channels, Task};
use super::{Shared, Supervisor, UnitError, UnitStatus};

/// Commands that may wait for the supervisor's task; who gives more waits.
const COMMANDS: usize = 64;
/// Events and lines that a slow reader may be behind.
const EVENTS: usize = 1_024;
const LINES: usize = 4_096;

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
        let channels = Channels {
            commands: command_queue,
            events,
            output,
            ended,
        };
        tokio::spawn(Task::new(machine, slots, channels).run());
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
        self.ask(command).await.unwrap_or_else(|_| runtime_ended())
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
                None => UnitError::HostEnded,
            },
            Err(error) => error,
        }
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
pub(super) async fn one(waited: Waited) -> Result<Result<UnitStatus, Box<UnitStatus>>, UnitError> {
    let (drafts, there) = match waited {
        Ok(drafts) => (drafts, true),
        Err(drafts) => (drafts, false),
    };
    let status = draft::finish(drafts)
        .await
        .pop()
        .ok_or(UnitError::HostEnded)?;
    Ok(if there {
        Ok(status)
    } else {
        Err(Box::new(status))
    })
}

pub(super) fn system(unit: &str, step: &'static str) -> impl FnOnce(io::Error) -> UnitError {
    let unit = unit.to_owned();
    move |source| UnitError::System { unit, step, source }
}
