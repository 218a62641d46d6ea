//! The process of a worker: not there yet, there, or gone.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use greenroom_supervision::SpawnFailure;

use super::Happened;
use crate::channel::Channel;
use crate::logs::Logs;
use crate::os::{Child, Spawned};

/// What there is of the process.
pub(super) enum Body {
    Spawning(Pin<Box<dyn Future<Output = Result<Spawned, SpawnFailure>> + Send>>),
    Running(Box<Running>),
    Gone {
        last_lines: Vec<String>,
        dropped_lines: u64,
        output_held_open: bool,
    },
}

pub(super) struct Running {
    pub(super) child: Child,
    pub(super) logs: Logs,
    /// `None` once the connection has ended.
    pub(super) channel: Option<Channel>,
}

impl Body {
    pub(super) fn nothing() -> Self {
        Self::Gone {
            last_lines: Vec::new(),
            dropped_lines: 0,
            output_held_open: false,
        }
    }

    pub(super) fn channel(&mut self) -> Option<&mut Channel> {
        match self {
            Self::Running(running) => running.channel.as_mut(),
            Self::Spawning(_) | Self::Gone { .. } => None,
        }
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        match self {
            Self::Spawning(spawned) => spawned.as_mut().poll(context).map(Happened::Spawned),
            Self::Running(running) => running.poll_next(context),
            Self::Gone { .. } => Poll::Pending,
        }
    }
}

impl Running {
    /// The exit comes first, so that whoever has inherited the socket cannot talk over it; what it
    /// prints comes last.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        if self.child.poll_exited(context).is_ready() {
            return Poll::Ready(Happened::Exited);
        }
        if let Some(channel) = &mut self.channel
            && let Poll::Ready(ready) = channel.poll_ready(context)
        {
            return Poll::Ready(Happened::Channel(ready));
        }
        self.logs.poll_read(context).map(Happened::Printed)
    }
}
