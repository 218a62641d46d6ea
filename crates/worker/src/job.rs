//! One job, as its handler sees it.

use std::fmt;
use std::ops::AsyncFnOnce;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as callbacks;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, CancelReason, EncodeError, ShutdownReason, StartJob, WorkerMessage,
    version::output_cost,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::link::{Answer, Command, Extension, Link};
use crate::panics;
use crate::signal::Signal;

/// One job: what it is, and everything its handler can do with it.
///
/// Clones speak of the same job. It may be used on any thread; what is `async` is awaited with
/// [`block_on`](Self::block_on) in blocking code.
///
/// # Cancellation
///
/// When the host cancels a job, its handler is dropped at its next await, and the job ends as
/// cancelled. A handler that has asked about it ([`cancelled`](Self::cancelled),
/// [`is_cancelled`](Self::is_cancelled)), or that has blocking work under way, is not dropped: it
/// ends by itself, within the host's patience. If it then returns an error, the job ends as
/// cancelled; if it returns an output, that counts.
///
/// # Shutdown
///
/// When the worker must leave, [`shutdown`](Self::shutdown) tells why. The handler may go on for
/// 60 % of the host's grace; then it is dropped and the job ends as cancelled. However it ends
/// after that notice, its [`on_shutdown`](Self::on_shutdown) callbacks run.
#[derive(Clone)]
pub struct JobContext {
    pub(crate) state: Arc<JobState>,
    pub(crate) link: Arc<Link>,
}

/// What the session and a job's contexts share.
pub(crate) struct JobState {
    start: StartJob,
    input: Bytes,
    deadline: Option<Instant>,
    /// The host cancels the job.
    pub(crate) cancel: Signal<CancelReason>,
    /// Drop the handler now, whatever it promised.
    pub(crate) drop_now: Signal<()>,
    /// Credit for output, in bytes. Closed when the job has ended.
    pub(crate) window: Semaphore,
    pub(crate) extension: Extension,
    /// The handler has looked whether it is cancelled.
    attentive: AtomicBool,
    /// Closures of the job that run on blocking threads.
    blocking: AtomicUsize,
    callbacks: callbacks::Sender<Callback>,
}

/// What runs when the job has ended in a shutdown. It travels between threads; the future that it
/// makes does not.
pub(crate) type Callback =
    Box<dyn FnOnce(ShutdownReason) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Why output was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The job has ended, or its host is gone: there is nobody to send it to.
    #[error("the job has ended, its output goes nowhere")]
    JobEnded,
}

/// Why a call to the host has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The host's handler answered with an error.
    #[error("the host answered: {0}")]
    Refused(String),
    /// The method's name and the argument do not fit in one frame.
    #[error("a call of {length} bytes, there is room for {max}: send less")]
    TooLarge {
        /// The call's size, in bytes.
        length: usize,
        /// The limit that it exceeds, in bytes.
        max: u32,
    },
    /// The host is gone.
    #[error("the host is gone")]
    HostGone,
}

impl JobContext {
    pub(crate) fn new(
        start: StartJob,
        input: Bytes,
        begun: Instant,
        link: Arc<Link>,
    ) -> (Self, callbacks::Receiver<Callback>) {
        let (callbacks, registered) = callbacks::channel();
        let deadline = (start.deadline_ms > 0)
            .then(|| begun.checked_add(Duration::from_millis(start.deadline_ms)))
            .flatten();
        let state = JobState {
            start,
            input,
            deadline,
            cancel: Signal::default(),
            drop_now: Signal::default(),
            window: Semaphore::new(link.limits.output_window as usize),
            extension: Extension::default(),
            attentive: AtomicBool::new(false),
            blocking: AtomicUsize::new(0),
            callbacks,
        };
        let state = Arc::new(state);
        (Self { state, link }, registered)
    }

    /// The job's identity for people and logs: the same in every attempt.
    pub fn id(&self) -> &str {
        &self.state.start.id
    }

    /// What kind of job it is.
    pub fn name(&self) -> &str {
        &self.state.start.name
    }

    /// The first metadata entry with this key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata_entries()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// All metadata entries, keys first, in the caller's order.
    pub fn metadata_entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.state.start.metadata.iter();
        pairs.map(|pair| (pair.key.as_str(), pair.value.as_str()))
    }

    /// 1 for the first attempt.
    pub fn attempt(&self) -> u32 {
        self.state.start.attempt
    }

    /// The W3C `traceparent` of the caller, if there is one.
    pub fn traceparent(&self) -> Option<&str> {
        Some(self.state.start.traceparent.as_str()).filter(|text| !text.is_empty())
    }

    /// The whole input.
    pub fn input(&self) -> &Bytes {
        &self.state.input
    }

    /// When the host will cancel the job, as far as is known here: extensions are not counted, since
    /// the host does not say what it grants. `None` means no limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.state.deadline
    }

    /// The time until [`deadline`](Self::deadline), zero if it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.state.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Sends a piece of output, in frames of the agreed size, and waits while the host has not asked
    /// for more: a slow reader slows the handler down. What the handler returns follows it.
    ///
    /// Not cancel-safe: if dropped, a part of `data` may have been sent, never a part twice. Pieces
    /// of two concurrent calls may mix.
    ///
    /// # Errors
    ///
    /// [`OutputError::JobEnded`] once the job has ended or the host is gone.
    pub async fn output(&self, data: impl Into<Bytes>) -> Result<(), OutputError> {
        let mut data = data.into();
        while !data.is_empty() {
            let gone = |_| OutputError::JobEnded;
            let least = output_cost(0) as usize;
            let mut credit = self
                .state
                .window
                .acquire_many(least as u32)
                .await
                .map_err(gone)?;
            // As much of the rest as there is credit for: a host may grant it in crumbs.
            let most = data.len().min(self.link.frame_data());
            let more = self
                .state
                .window
                .available_permits()
                .min(most.saturating_sub(least));
            if let Ok(more) = u32::try_from(more)
                && let Ok(more) = self.state.window.try_acquire_many(more)
            {
                credit.merge(more);
            }
            let place = self
                .link
                .commands
                .reserve()
                .await
                .map_err(|_| OutputError::JobEnded)?;
            // Nothing is awaited between here and the send, so no credit is lost.
            let data = data.split_to(credit.num_permits().min(most));
            credit.forget();
            place.send(Command::Output {
                job: self.state.start.job,
                data,
            });
        }
        Ok(())
    }

    /// Waits until the host cancels the job. From this call on the handler is trusted to end by
    /// itself: see [Cancellation](Self#cancellation). Cancel-safe.
    pub async fn cancelled(&self) -> CancelReason {
        self.state.attentive.store(true, Ordering::Relaxed);
        self.state.cancel.wait().await
    }

    /// Whether the host has cancelled the job. From this call on the handler is trusted to end by
    /// itself: see [Cancellation](Self#cancellation).
    pub fn is_cancelled(&self) -> bool {
        self.state.attentive.store(true, Ordering::Relaxed);
        self.state.cancel.get().is_some()
    }

    /// Waits until the worker must leave: see [Shutdown](Self#shutdown). Cancel-safe.
    pub async fn shutdown(&self) -> ShutdownReason {
        self.link.shutdown.wait().await
    }

    /// Has `callback` run if the job ends, in whatever way, after the worker was told to leave. The
    /// callbacks of a job run at the same time; a panic of one is logged and stops no other. The
    /// host's close timeout bounds them; if the host is gone, they have what is left of 500 ms.
    pub fn on_shutdown<F>(&self, callback: F)
    where
        F: AsyncFnOnce(ShutdownReason) + Send + 'static,
    {
        let callback: Callback =
            Box::new(move |reason| Box::pin(async move { callback(reason).await }));
        // Fails only when the job has ended: then the callback has no end to wait for.
        let _ = self.state.callbacks.send(callback);
    }

    /// Asks the host for something and waits for its answer. At most 64 calls of a worker are open at
    /// a time; more wait. If dropped, the host still answers, to nobody.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the host refused, the call does not fit in a frame, or the host is gone.
    pub async fn call(
        &self,
        method: impl Into<String>,
        argument: impl Into<Bytes>,
    ) -> Result<Bytes, CallError> {
        let (method, argument) = (method.into(), argument.into());
        check_call(&method, &argument, self.link.limits.max_frame)?;
        let gone = |_| CallError::HostGone;
        let place = Arc::clone(&self.link.call_places);
        let _place = place.acquire_owned().await.map_err(gone)?;
        let (to, answer) = oneshot::channel();
        let command = Command::Call {
            method,
            argument,
            answer: Answer { to, _place },
        };
        let sent = self.link.commands.send(command).await;
        sent.map_err(|_| CallError::HostGone)?;
        match answer.await {
            Ok(answer) => answer.map_err(CallError::Refused),
            Err(_) => Err(CallError::HostGone),
        }
    }

    /// Asks for more time for this job, on top of what was given; once the worker is leaving, for
    /// more time to leave. The host grants it up to a maximum of its own.
    pub fn extend_deadline(&self, extra: Duration) {
        self.state.extension.add(extra);
        self.link.notices.notify_one();
    }

    /// Asks the host for no more jobs: it starts another worker first and then ends this one. Only the
    /// first call of a worker counts. The host gets at most the first 16 KiB of the reason.
    pub fn retire(&self, reason: impl Into<String>) {
        if self.link.retire.set(reason.into()).is_ok() {
            self.link.notices.notify_one();
        }
    }

    /// Runs `work` on a thread where it may block, while this thread goes on answering pings. A panic
    /// of `work` goes on here. If dropped, `work` still runs to its end; as long as it does, cancelling
    /// the job does not drop the handler.
    pub async fn run_blocking<R>(&self, work: impl FnOnce() -> R + Send + 'static) -> R
    where
        R: Send + 'static,
    {
        let presence = BlockingPresence::enter(&self.state);
        let task = self.link.runtime.spawn_blocking(move || {
            let _presence = presence;
            // Caught on its own thread, where the hook left the location.
            panics::catch(work)
        });
        match task.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => panic.resume(),
            Err(lost) if lost.is_panic() => resume_unwind(lost.into_panic()),
            // The runtime is going away, and this future with it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Awaits `future` in blocking code: inside [`run_blocking`](Self::run_blocking) or a thread of
    /// your own.
    ///
    /// # Panics
    ///
    /// In async code, where it could only wait for itself.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.link.runtime.block_on(future)
    }
}

impl JobState {
    pub(crate) fn number(&self) -> u64 {
        self.start.job
    }

    /// Ready when the handler is to be dropped. Poll the handler first: what it does in that poll
    /// decides whether it is trusted to end by itself.
    pub(crate) async fn told_to_drop(&self) {
        let cancelled_unnoticed = async {
            self.cancel.wait().await;
            let blocking = self.blocking.load(Ordering::Relaxed) > 0;
            if blocking || self.attentive.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.drop_now.wait() => {}
            () = cancelled_unnoticed => {}
        }
    }
}

impl fmt::Debug for JobContext {
    // Not the input and not the metadata's values: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("attempt", &self.attempt())
            .field("input_bytes", &self.input().len())
            .finish_non_exhaustive()
    }
}

/// A closure of a job on a blocking thread, from before it is queued until it has ended.
struct BlockingPresence(Arc<JobState>);

impl BlockingPresence {
    fn enter(state: &Arc<JobState>) -> Self {
        state.blocking.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for BlockingPresence {
    fn drop(&mut self) {
        self.0.blocking.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a call fits in a frame, whatever number it gets.
fn check_call(method: &str, argument: &Bytes, max: u32) -> Result<(), CallError> {
    let request = CallRequest {
        call: u64::MAX,
        method: method.to_owned(),
    };
    let (length, max) = match WorkerMessage::CallRequest(request, argument.clone()).encode() {
        Ok(frame) if frame.length() <= max as usize => return Ok(()),
        Ok(frame) => (frame.length(), max),
        Err(
            EncodeError::TooLarge { length, max, .. }
            | EncodeError::FieldsTooLarge { length, max, .. },
        ) => (length, max),
    };
    Err(CallError::TooLarge { length, max })
}
