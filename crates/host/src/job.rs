//! A job, the handle that follows it, and how it can end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use futures_core::Stream;
use greenroom_protocol::{FailureKind, Pair, version};
use greenroom_supervision::pool::{Attempts, Refusal, RequestId};
use greenroom_supervision::worker::LaunchRefused;
use greenroom_supervision::{JobRequest, WorkerId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::driver::Input;
use crate::pool::PoolInput;
use crate::report::CrashReport;

/// What a worker is to do: some bytes, and what is said about them.
///
/// ```
/// use std::time::Duration;
/// use greenroom::Job;
/// let job = Job::new("a picture's path")
///     .name("thumbnail")
///     .metadata("width", "200")
///     .key("holiday.jpg")
///     .deadline(Duration::from_secs(5));
/// ```
#[derive(Clone)]
pub struct Job {
    pub(crate) id: String,
    name: String,
    metadata: Vec<Pair>,
    traceparent: String,
    deadline: Option<Duration>,
    input: Bytes,
    retries: u32,
    key: Option<Arc<str>>,
    max_output: usize,
}

/// The most bytes of a job's key.
const MAX_KEY: usize = 256;

impl Job {
    /// A job with this input, at most `max_payload` bytes (default 64 MiB).
    pub fn new(input: impl Into<Bytes>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: format!("job-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            name: String::new(),
            metadata: Vec::new(),
            traceparent: String::new(),
            deadline: None,
            input: input.into(),
            retries: 0,
            key: None,
            max_output: 64 << 20,
        }
    }

    /// Its identity in logs, events and reports. Default: `job-` and a number that is unique in
    /// this process.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// What kind of job it is, for the handler. Default: empty.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds something for the handler to know beside the input.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push(Pair {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// The trace it belongs to, as a W3C `traceparent`. Default: none.
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = traceparent.into();
        self
    }

    /// How long it may run from its dispatch to a worker on. When the time is up it is told to
    /// stop; if it has not after `cancel_grace` (default 5 s), its worker is killed. Default: no
    /// limit.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How often it may be run again after its handler began and its worker died, or its handler
    /// failed and said that another try may help. A job whose handler never began is run again in
    /// any case; one whose output was already read is not; and one that has taken down as many
    /// workers as [`PoolBuilder::quarantine`](crate::PoolBuilder::quarantine) says is not either.
    /// Default 0.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// What makes it the same job again, for example its input's name or digest, at most 256 bytes: a
    /// pool gives no more workers to a key that several have died of, see
    /// [`PoolBuilder::quarantine`](crate::PoolBuilder::quarantine). Jobs under way at the same time
    /// may have the same one. It is told in events and errors. Empty means none. Default: none.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into())
            .filter(|key| !key.is_empty())
            .map(Arc::from);
        self
    }

    /// The most bytes that [`JobHandle::output`] collects. Default 64 MiB. A stream has no limit.
    #[must_use]
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }
}

impl Job {
    /// Keys are remembered, so they are bounded.
    pub(crate) fn check_key(&self) -> Result<(), LaunchError> {
        let size = self.key.as_ref().map_or(0, |key| key.len());
        if size > MAX_KEY {
            let limit = MAX_KEY;
            return Err(LaunchError::KeyTooLong { size, limit });
        }
        Ok(())
    }
}

/// Without input and metadata: they may hold secrets.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("input_bytes", &self.input.len())
            .finish_non_exhaustive()
    }
}

/// How a job failed.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// Its handler failed.
    #[error("{message}")]
    Failed {
        /// Whether it returned an error, panicked, or had an input that cannot be used.
        kind: FailureKind,
        /// The handler's words.
        message: String,
        /// Whether the handler said that another try may help.
        retryable: bool,
    },
    /// It was cancelled, and stopped.
    #[error("the job was cancelled")]
    Cancelled,
    /// It was stopped because its time was up.
    #[error("the job was stopped at its deadline of {deadline:?}")]
    DeadlineExceeded {
        /// The time it had, extensions included.
        deadline: Duration,
    },
    /// Its worker died.
    #[error("the job was lost: {report}")]
    Lost {
        /// How the worker died.
        report: Arc<CrashReport>,
        /// Whether its handler had begun.
        started: bool,
    },
    /// It was to be run again, and could not.
    #[error("the job could not be run again: {0}")]
    NotRunAgain(Refusal),
    /// It sent more output than was to be collected, and was cancelled.
    #[error("the job's output exceeds {limit} bytes: raise max_output, or read it as a stream")]
    OutputTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The runtime that drove its worker was shut down.
    #[error("the host's runtime ended before the job did")]
    HostEnded,
}

/// Why a job was not launched. It has not run.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// No place for it could be had.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No worker can take a job like this, or this worker not now.
    #[error(transparent)]
    Unacceptable(#[from] LaunchRefused),
    /// The process has ended.
    #[error("the worker is gone: {report}")]
    WorkerGone {
        /// How it ended.
        report: Arc<CrashReport>,
    },
    /// Its key is too long.
    #[error("the job's key has {size} bytes, the limit is {limit}: use a digest")]
    KeyTooLong {
        /// Its bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The process was never started.
    #[error("the process has not been started: call start first")]
    NotStarted,
    /// The runtime that drives the workers was shut down.
    #[error("the host's runtime has ended")]
    HostEnded,
}

/// In words: this is what `fn main() -> Result` prints.
impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// In words: this is what `fn main() -> Result` prints.
impl fmt::Debug for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What the driver of a job tells its handle.
#[derive(Debug)]
pub(crate) enum Update {
    Launched(WorkerId),
    NotLaunched(LaunchError),
    Accepted,
    Output(Bytes),
    Finished(Result<Bytes, JobError>),
}

/// What a handle wants of the job's driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobCommand {
    /// So many bytes of output were used up.
    Grant(u64),
    Cancel,
    /// Kill its worker.
    Kill,
}

/// A job on its way: moved from queue to worker and, if it must run again, back.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) request: RequestId,
    job: Job,
    pub(crate) attempts: Attempts,
    /// Unbounded, but what it holds is bounded by the job's output window.
    updates: mpsc::UnboundedSender<Update>,
    launched: bool,
    /// Whom its pool has given it to last.
    pub(crate) given_to: Option<WorkerId>,
}

impl Ticket {
    /// A job, and the handle that will follow it.
    pub(crate) fn new(request: RequestId, job: Job, owner: JobOwner) -> (Box<Self>, JobHandle) {
        let (updates, inbox) = mpsc::unbounded_channel();
        let handle = JobHandle {
            id: job.id.clone(),
            control: Control { request, owner },
            inbox,
            max_output: job.max_output,
            asked_at: Instant::now(),
            launched_at: None,
            started_at: None,
            worker: None,
            result: None,
        };
        let attempts = Attempts {
            retries: job.retries,
            ..Attempts::default()
        };
        let ticket = Self {
            request,
            job,
            attempts,
            updates,
            launched: false,
            given_to: None,
        };
        (Box::new(ticket), handle)
    }

    pub(crate) fn id(&self) -> &str {
        &self.job.id
    }

    pub(crate) fn key(&self) -> Option<&Arc<str>> {
        self.job.key.as_ref()
    }

    pub(crate) fn to_request(&self) -> JobRequest {
        JobRequest {
            id: self.job.id.clone(),
            name: self.job.name.clone(),
            metadata: self.job.metadata.clone(),
            traceparent: self.job.traceparent.clone(),
            deadline: self.job.deadline,
            attempt: self.attempts.current(),
            input: self.job.input.clone(),
        }
    }

    pub(crate) fn launched(&mut self, worker: WorkerId) {
        if !std::mem::replace(&mut self.launched, true) {
            self.tell(Update::Launched(worker));
        }
    }

    pub(crate) fn accepted(&self) {
        self.tell(Update::Accepted);
    }

    /// False if nobody reads the output any more.
    pub(crate) fn output(&mut self, data: Bytes) -> bool {
        let read = self.updates.send(Update::Output(alone(data))).is_ok();
        self.attempts.streamed |= read;
        read
    }

    pub(crate) fn finish(self, result: Result<Bytes, JobError>) {
        self.tell(Update::Finished(result.map(alone)));
    }

    /// No place for it; as the launch's error if it never had one.
    pub(crate) fn refuse(self, refusal: Refusal) {
        if self.launched {
            self.finish(Err(JobError::NotRunAgain(refusal)));
        } else {
            self.fail_launch(refusal);
        }
    }

    /// It cannot be launched; if that was to be a further attempt, it has failed.
    pub(crate) fn fail_launch(self, error: impl Into<LaunchError>) {
        let error = error.into();
        if self.launched {
            self.finish(Err(JobError::Failed {
                kind: FailureKind::INVALID_INPUT,
                message: error.to_string(),
                retryable: false,
            }));
        } else {
            self.tell(Update::NotLaunched(error));
        }
    }

    /// Somebody who has dropped the handle does not want to know.
    fn tell(&self, update: Update) {
        let _ = self.updates.send(update);
    }
}

/// How long the last output was that came in pieces. The next is likely to be as long, and memory that is
/// reserved once can be used again by the allocator; what grows is new each time, page by page.
static LAST_JOINED: AtomicUsize = AtomicUsize::new(0);
/// What is reserved for a guess at most.
const HINT: usize = 16 << 20;
/// A smaller piece is copied: as it came, it holds all that was read together with it.
const SMALL: usize = 16 << 10;

/// The piece, holding no more than itself.
fn alone(piece: Bytes) -> Bytes {
    match piece.len() {
        0 => Bytes::new(),
        length if length < SMALL => Bytes::copy_from_slice(&piece),
        _ => piece,
    }
}

/// Who passes a handle's wishes on.
#[derive(Clone, Debug)]
pub(crate) enum JobOwner {
    Pool(mpsc::UnboundedSender<PoolInput>),
    Process(mpsc::UnboundedSender<Input>),
}

#[derive(Clone, Debug)]
struct Control {
    request: RequestId,
    owner: JobOwner,
}

impl Control {
    /// A driver that is gone has nothing left to be told.
    fn send(&self, command: JobCommand) {
        let _ = match &self.owner {
            JobOwner::Pool(pool) => pool.send(PoolInput::Job(self.request, command)).is_ok(),
            JobOwner::Process(driver) => driver.send(Input::Job(self.request, command)).is_ok(),
        };
    }
}

/// A launched job.
///
/// Its output can be read piece by piece, as it comes, with [`chunk`](Self::chunk) or as a
/// [`Stream`]: a worker can be ahead of the reader by one window (1 MiB by default) and then waits.
/// Or it is collected by [`output`](Self::output).
///
/// Dropping a handle lets the job go on; its output is thrown away. Use [`cancel`](Self::cancel) to
/// stop it.
#[derive(Debug)]
pub struct JobHandle {
    id: String,
    control: Control,
    inbox: mpsc::UnboundedReceiver<Update>,
    max_output: usize,
    asked_at: Instant,
    launched_at: Option<Instant>,
    started_at: Option<Instant>,
    worker: Option<WorkerId>,
    result: Option<Result<(), JobError>>,
}

impl JobHandle {
    /// The job's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The worker that it was given to first.
    pub fn worker(&self) -> Option<WorkerId> {
        self.worker
    }

    /// How long it waited for a worker.
    pub fn queued_for(&self) -> Duration {
        self.launched_at.unwrap_or(self.asked_at) - self.asked_at
    }

    /// The time from its dispatch to a worker until the handle heard that its handler begins;
    /// `None` before that. For a precise figure await [`started`](Self::started) right after the
    /// launch.
    pub fn launch_latency(&self) -> Option<Duration> {
        Some(self.started_at? - self.launched_at?)
    }

    /// Waits until its handler begins, or until it can no longer: then the error says why.
    ///
    /// Cancel-safe. Output that comes meanwhile is kept.
    pub async fn started(&mut self) -> Result<(), JobError> {
        if self.started_at.is_none() && self.result.is_none() {
            // Nothing but this can come first.
            match self.inbox.recv().await {
                Some(Update::Accepted) => self.started_at = Some(Instant::now()),
                update => {
                    let rest = self.take(update);
                    debug_assert!(rest.is_none(), "output before the job was accepted");
                }
            }
        }
        match &self.result {
            Some(Err(error)) if self.started_at.is_none() => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The next piece of its output; `None` once it has ended, well or not:
    /// [`finished`](Self::finished) says which.
    ///
    /// Cancel-safe.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// Waits for its end; output that nobody has read is thrown away.
    ///
    /// Cancel-safe.
    pub async fn finished(&mut self) -> Result<(), JobError> {
        while self.chunk().await.is_some() {}
        self.result.clone().unwrap_or(Err(JobError::HostEnded))
    }

    /// Waits for its end and collects its output.
    ///
    /// Not cancel-safe: what was collected is lost, and the job goes on.
    pub async fn output(mut self) -> Result<Bytes, JobError> {
        let Some(first) = self.chunk().await else {
            return self.finished().await.map(|()| Bytes::new());
        };
        let limit = self.max_output;
        if first.len() > limit {
            return self.too_large(limit);
        }
        let Some(second) = self.chunk().await else {
            return self.finished().await.map(|()| first);
        };
        let mut all = Vec::new();
        let usual = LAST_JOINED.load(Ordering::Relaxed);
        // Only a hint: if there is not so much, it may still do.
        let _ = all.try_reserve(usual.min(limit).min(HINT));
        all.extend_from_slice(&first);
        drop(first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if all.len() + piece.len() > limit {
                return self.too_large(limit);
            }
            all.extend_from_slice(&piece);
            drop(piece);
            next = self.chunk().await;
        }
        LAST_JOINED.store(all.len(), Ordering::Relaxed);
        all.shrink_to_fit();
        self.finished().await.map(|()| all.into())
    }

    fn too_large(&self, limit: usize) -> Result<Bytes, JobError> {
        self.cancel();
        Err(JobError::OutputTooLarge { limit })
    }

    /// Asks it to stop. If it has not after `cancel_grace` (default 5 s), its worker is killed. Its
    /// end still comes, and may be a success that was quicker.
    pub fn cancel(&self) {
        self.control.send(JobCommand::Cancel);
    }

    /// Kills its worker at once. The job ends as [`JobError::Lost`], and so do others that the same
    /// worker has.
    pub fn kill(&self) {
        self.control.send(JobCommand::Kill);
    }

    /// Waits until it was given to a worker.
    pub(crate) async fn launched(mut self) -> Result<Self, LaunchError> {
        match self.inbox.recv().await {
            Some(Update::Launched(worker)) => {
                self.worker = Some(worker);
                self.launched_at = Some(Instant::now());
                Ok(self)
            }
            Some(Update::NotLaunched(error)) => Err(error),
            _ => Err(LaunchError::HostEnded),
        }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while self.result.is_none() {
            let update = std::task::ready!(self.inbox.poll_recv(context));
            if let Some(data) = self.take(update) {
                return Poll::Ready(Some(data));
            }
        }
        Poll::Ready(None)
    }

    /// Notes what has happened; the output in it, if there is any.
    fn take(&mut self, update: Option<Update>) -> Option<Bytes> {
        match update {
            Some(Update::Accepted) => {
                self.started_at.get_or_insert_with(Instant::now);
            }
            Some(Update::Output(data)) => {
                self.control
                    .send(JobCommand::Grant(version::output_cost(data.len())));
                return Some(data);
            }
            Some(Update::Finished(Ok(last))) => {
                self.result = Some(Ok(()));
                return Some(last).filter(|last| !last.is_empty());
            }
            Some(Update::Finished(Err(error))) => self.result = Some(Err(error)),
            Some(Update::Launched(_) | Update::NotLaunched(_)) => {}
            None => self.result = Some(Err(JobError::HostEnded)),
        }
        None
    }
}

impl Stream for JobHandle {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_chunk(context)
    }
}

impl Drop for JobHandle {
    /// What was sent and not read is granted anew, so that the job can go on without a reader.
    fn drop(&mut self) {
        self.inbox.close();
        let mut unread = 0;
        while let Ok(update) = self.inbox.try_recv() {
            if let Update::Output(data) = update {
                unread += version::output_cost(data.len());
            }
        }
        if unread > 0 {
            self.control.send(JobCommand::Grant(unread));
        }
    }
}
