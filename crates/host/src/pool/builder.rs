//! What a pool is to be like.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use greenroom_protocol::Limits;
use greenroom_supervision::pool::{OnChangedBuild, Refusal};
use greenroom_supervision::{Backoff, PoolPolicy, WorkerPolicy};
use tokio::sync::{broadcast, mpsc, watch};

use super::task::Task;
use super::{Health, Pool, Shared, Template};
use crate::call::CallHandler;
use crate::event::Events;
use crate::process::{ConfigError, plan};
use crate::report::CrashReport;
use crate::worker::Worker;

/// Events that a slow reader may be behind.
const EVENTS: usize = 1_024;

/// Describes a pool, then starts it. Each option says its default.
#[derive(Clone)]
pub struct PoolBuilder {
    worker: Worker,
    policy: PoolPolicy,
    max_workers: Option<usize>,
    worker_policy: WorkerPolicy,
    calls: Option<Arc<dyn CallHandler>>,
}

/// Why a pool did not start. Nothing of it is left.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It cannot be as described.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No worker became ready.
    #[error("{refusal}{}", last_words(.report.as_deref()))]
    NotReady {
        /// Why the last one failed, and how many did.
        refusal: Refusal,
        /// How that one lived and ended.
        report: Option<Arc<CrashReport>>,
    },
}

/// What the worker itself printed often says more than how it ended.
fn last_words(report: Option<&CrashReport>) -> String {
    match report.and_then(CrashReport::last_words) {
        Some(line) => format!("; its last line was: {line}"),
        None => String::new(),
    }
}

/// In words: this is what `fn main() -> Result` prints.
impl std::fmt::Debug for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl PoolBuilder {
    pub(super) fn new(worker: Worker) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            worker,
            policy: PoolPolicy::for_processors(processors),
            max_workers: None,
            worker_policy: WorkerPolicy::default(),
            calls: None,
        }
    }

    /// How many places for jobs are kept ready while nothing waits; 0 starts each worker on demand.
    /// A worker has one place, unless it offers more. Default: the processors. At most
    /// [`max_workers`](Self::max_workers).
    #[must_use]
    pub fn idle(mut self, workers: usize) -> Self {
        self.policy.idle = workers;
        self
    }

    /// How many processes there are at most, those that are leaving included. Default: the larger
    /// of 16 and four times [`idle`](Self::idle).
    #[must_use]
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// How many jobs one process runs in its life; `None` means no limit. Its replacement is
    /// started when it gets its last job. Default 1: no job sees what another has left behind.
    #[must_use]
    pub fn jobs_per_worker(mut self, jobs: impl Into<Option<u64>>) -> Self {
        self.policy.jobs_per_worker = jobs.into();
        self
    }

    /// How long a worker serves, from when it is ready; then another takes its place, and it leaves
    /// when its jobs have ended. At least 1 s; `None` means no limit. Default: no limit.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.policy.max_age = age.into();
        self
    }

    /// From how many resident bytes on a worker is replaced: unlike
    /// [`memory_limit`](Self::memory_limit) no job is lost by it. Measured every
    /// [`memory_sample`](Self::memory_sample). `None` means no limit. Default: no limit.
    #[must_use]
    pub fn max_rss(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.worker_policy.max_rss = bytes.into();
        self
    }

    /// By which part, at most, a worker's own limits (`jobs_per_worker`, `max_age`, `max_rss`) are
    /// lower than these, so that workers that were started together are not replaced together: 0 to
    /// 0.9. Default 0.1.
    #[must_use]
    pub fn spread(mut self, part: f64) -> Self {
        self.policy.spread = part;
        self
    }

    /// How many jobs one process runs at a time, if it offers as many. Default: what it offers.
    #[must_use]
    pub fn max_slots(mut self, jobs: u32) -> Self {
        self.worker_policy.max_slots = Some(jobs);
        self
    }

    /// How many workers may be starting at once. Default: the processors, at most 4.
    #[must_use]
    pub fn init_concurrency(mut self, workers: usize) -> Self {
        self.policy.init_concurrency = workers;
        self
    }

    /// How many jobs may wait for a worker. Default 1,024.
    #[must_use]
    pub fn queue(mut self, jobs: usize) -> Self {
        self.policy.queue = jobs;
        self
    }

    /// How long a job may wait for a worker. Default 30 s.
    #[must_use]
    pub fn queue_deadline(mut self, limit: Duration) -> Self {
        self.policy.queue_deadline = limit;
        self
    }

    /// The first and the longest delay between starts that fail. Default 200 ms and 30 s.
    #[must_use]
    pub fn backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.policy.backoff = Backoff { initial, max };
        self
    }

    /// How many starts in a row may fail before waiting jobs are told. Default 3.
    #[must_use]
    pub fn start_attempts(mut self, attempts: u32) -> Self {
        self.policy.start_attempts = attempts;
        self
    }

    /// How many different workers must have died while they ran jobs with the same
    /// [key](crate::Job::key) until it is quarantined: its jobs that wait are refused, and so are
    /// later ones, until [`Pool::release`]. 1 to 100; `None` means never. Default 3.
    ///
    /// What counts: the worker crashed, exited, ran out of memory, exceeded its limit, broke the
    /// protocol or no longer answered while the job's handler ran. If it ran several jobs, it counts
    /// for each of their keys; so where workers have several slots and jobs are
    /// [tried again](crate::Job::retries), a harmless key may be quarantined together with the one
    /// that did it. What does not: failures, deadlines, jobs that were cancelled or killed,
    /// and the pool's end. A job that ends well sets its key's count back to 0, but does not lift a
    /// quarantine.
    ///
    /// A job without a key is compared with itself: it is not run again, whatever its
    /// [`retries`](crate::Job::retries), when so many workers have died of it.
    #[must_use]
    pub fn quarantine(mut self, after: impl Into<Option<u32>>) -> Self {
        self.policy.quarantine_after = after.into();
        self
    }

    /// Of how many keys the deaths are remembered; when it is one more, the one that was quiet longest
    /// is forgotten, those in quarantine last. 1 to 65,536. Default 1,024.
    #[must_use]
    pub fn quarantine_keys(mut self, keys: usize) -> Self {
        self.policy.quarantine_keys = keys;
        self
    }

    /// What becomes of a worker that says that it is of another build than the first one of its
    /// program, because the program was replaced on disk. It is noticed in any case, as
    /// [`PoolNotice::ProgramChanged`](crate::PoolNotice::ProgramChanged). Default:
    /// [`Warn`](OnChangedBuild::Warn), it serves.
    ///
    /// With [`Refuse`](OnChangedBuild::Refuse) it is a failed start, and tried again as such: the pool
    /// shrinks as its workers leave, and has none in the end, until [`Pool::reload`] takes the new
    /// program. With one job per worker, which is the default, that is soon. Putting the old file back
    /// does not help, not even an equal one: unless the worker names its
    /// build itself, the file is the build.
    #[must_use]
    pub fn on_changed_build(mut self, policy: OnChangedBuild) -> Self {
        self.policy.on_changed_build = policy;
        self
    }

    /// How long more workers than wanted may stay without work. Default 30 s.
    #[must_use]
    pub fn linger(mut self, time: Duration) -> Self {
        self.policy.linger = time;
        self
    }

    /// How long a worker may take until it is ready. Default 10 s.
    #[must_use]
    pub fn initialize_timeout(mut self, limit: Duration) -> Self {
        self.worker_policy.initialize_timeout = limit;
        self
    }

    /// How long a worker may take to leave. Default 10 s.
    #[must_use]
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.worker_policy.close_timeout = limit;
        self
    }

    /// How often workers are pinged. Default 2.5 s. An interval may be up to a tenth shorter, so
    /// that one wake-up of the host serves many workers.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.worker_policy.ping_interval = interval;
        self
    }

    /// How long a worker may leave pings unanswered before it is killed. Default 60 s.
    #[must_use]
    pub fn ping_timeout(mut self, limit: Duration) -> Self {
        self.worker_policy.ping_timeout = limit;
        self
    }

    /// From which answer time on there is a warning. Default 0.5 s.
    #[must_use]
    pub fn high_ping(mut self, threshold: Duration) -> Self {
        self.worker_policy.high_ping = threshold;
        self
    }

    /// From how many resident bytes on there is a warning; `None` for none. Default 1,000 MB.
    #[must_use]
    pub fn memory_warn(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.worker_policy.memory_warn = bytes.into();
        self
    }

    /// From how many resident bytes on a worker is killed. A warning bound above it is lowered to
    /// it. Default: no limit.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.worker_policy.memory_limit = Some(bytes);
        self.worker_policy.memory_warn = self.worker_policy.memory_warn.map(|warn| warn.min(bytes));
        self
    }

    /// How often memory is measured while nothing happens. Default 5 s.
    #[must_use]
    pub fn memory_sample(mut self, interval: Duration) -> Self {
        self.worker_policy.memory_sample = interval;
        self
    }

    /// How long a cancelled job may take to stop before its worker is killed. Default 5 s.
    #[must_use]
    pub fn cancel_grace(mut self, limit: Duration) -> Self {
        self.worker_policy.cancel_grace = limit;
        self
    }

    /// By how much a worker may extend each of its deadlines in all. Default 60 s.
    #[must_use]
    pub fn max_extension(mut self, limit: Duration) -> Self {
        self.worker_policy.max_extension = limit;
        self
    }

    /// How many calls to its host a worker may have under way. Default 64.
    #[must_use]
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.worker_policy.max_calls = calls;
        self
    }

    /// The sizes of frames, inputs and windows. See [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.worker_policy.limits = limits;
        self
    }

    /// Serves what workers ask their host while they run jobs: an async closure, or another
    /// [`Pool`]. Default: every call is refused.
    #[must_use]
    pub fn on_call(mut self, handler: impl CallHandler) -> Self {
        self.calls = Some(Arc::new(handler));
        self
    }

    /// Starts the pool and waits until as many workers are ready as wanted. If it turns out that
    /// none can be started, what was begun is cleaned up and the error says why.
    ///
    /// Cancel-safe: a pool that nobody waits for is closed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time and IO enabled.
    pub async fn start(self) -> Result<Pool, StartError> {
        let (pool, _) = self.start_in_background()?;
        match pool.settled().await {
            Ok(()) => Ok(pool),
            Err(error) => {
                pool.close().await;
                Err(error)
            }
        }
    }

    /// Starts the pool and returns at once, with all its events from the first one on. Workers that
    /// cannot be started are tried again for as long as the pool lives.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time and IO enabled.
    pub fn start_in_background(mut self) -> Result<(Pool, Events), StartError> {
        self.policy.max_workers = self
            .max_workers
            .unwrap_or(PoolPolicy::default_max(self.policy.idle));
        // Pools that were started at the same time need not fail in step.
        self.policy.seed = rand_seed();
        self.policy.check().map_err(ConfigError::from)?;
        let plan = plan(&self.worker, self.worker_policy.clone(), self.calls.clone())?;
        let template = Template {
            policy: self.worker_policy,
            calls: self.calls,
        };
        let (inputs, queue) = mpsc::unbounded_channel();
        let (events, receiver) = broadcast::channel(EVENTS);
        let (health_sender, health) = watch::channel(Health::default());
        let pool = Pool {
            shared: Arc::new(Shared {
                inputs,
                events: events.downgrade(),
                health,
                next_request: AtomicU64::new(0),
                template,
            }),
        };
        let task = Task::new(self.policy, plan, queue, events, health_sender);
        tokio::spawn(task.run());
        Ok((pool, Events { receiver }))
    }
}

impl std::fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("worker", &self.worker)
            .field("policy", &self.policy)
            .field("worker_policy", &self.worker_policy)
            .finish_non_exhaustive()
    }
}

/// The standard library's own source of randomness for hash maps.
fn rand_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
