//! What every job's context shares with the session: how the author's code, on any thread, reaches
//! the task that owns the socket.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{Limits, ShutdownReason};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::signal::Signal;

/// Commands on their way to the session. Senders wait when it is full, which is how a host that
/// reads slowly slows down the handlers.
const COMMANDS: usize = 64;
/// Calls to the host that may be open at a time.
const CALLS: usize = 64;
/// What a frame needs beside its data: the type, the job's number and the outcome's flags.
const FRAME_FIELDS: u32 = 16;

/// What only the session can do, because it owns the socket.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send this, for which credit has been taken.
    Output { job: u64, data: Bytes },
    /// Ask the host.
    Call {
        method: String,
        argument: Bytes,
        answer: Answer,
    },
}

/// Where the answer to a call goes. The place among the open calls is held until the host has
/// answered, even if the caller no longer waits.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) to: oneshot::Sender<Result<Bytes, String>>,
    pub(crate) _place: OwnedSemaphorePermit,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) call_places: Arc<Semaphore>,
    /// The worker is leaving, and why.
    pub(crate) shutdown: Signal<ShutdownReason>,
    pub(crate) runtime: Handle,
    pub(crate) limits: Limits,
    /// Wakes the session to look at the notices: the two fields below and each job's extension.
    /// They are state and no queue, so they need no bound and can be left from any thread.
    pub(crate) notices: Notify,
    pub(crate) retire: OnceLock<String>,
    pub(crate) initialize_extension: Extension,
}

impl Link {
    /// With the limits that were agreed on. Must be called on the runtime.
    pub(crate) fn new(limits: Limits) -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let link = Self {
            commands,
            call_places: Arc::new(Semaphore::new(CALLS)),
            shutdown: Signal::default(),
            runtime: Handle::current(),
            limits,
            notices: Notify::new(),
            retire: OnceLock::new(),
            initialize_extension: Extension::default(),
        };
        (link, receiver)
    }

    /// How many bytes of data fit in one frame of a job's output, or of its end.
    pub(crate) fn frame_data(&self) -> usize {
        (self.limits.max_frame - FRAME_FIELDS) as usize
    }
}

/// Time that was asked for and not yet sent to the host.
#[derive(Debug, Default)]
pub(crate) struct Extension(AtomicU64);

impl Extension {
    pub(crate) fn add(&self, extra: Duration) {
        let extra = u64::try_from(extra.as_millis()).unwrap_or(u64::MAX);
        let more = |sum: u64| Some(sum.saturating_add(extra));
        // The closure always has a value, so this always succeeds.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// In milliseconds; `None` if nothing was asked for.
    pub(crate) fn take(&self) -> Option<u64> {
        Some(self.0.swap(0, Ordering::Relaxed)).filter(|&extra_ms| extra_ms > 0)
    }
}
