//! Many workers kept warm, and jobs handed to them.

mod builder;
mod reload;
mod stats;
mod task;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenroom_supervision::pool::{Quarantined, Refusal, RequestId};
use greenroom_supervision::{WorkerId, WorkerPolicy};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::call::{Call, CallFuture, CallHandler};
use crate::driver::Plan;
use crate::event::{Event, Events};
use crate::job::{Job, JobCommand, JobHandle, JobOwner, LaunchError, Ticket};
use crate::process::plan;
use crate::report::CrashReport;
use crate::worker::Worker;

pub use builder::{PoolBuilder, StartError};
pub use reload::ReloadError;
pub use stats::Stats;

/// What others want of a pool's task.
#[derive(Debug)]
pub(crate) enum PoolInput {
    Launch(Box<Ticket>),
    /// A job for the place that a reservation holds.
    LaunchReserved(Box<Ticket>),
    Reserve(RequestId, oneshot::Sender<Result<WorkerId, Refusal>>),
    /// Nobody waits for this launch or holds this reservation any more.
    Withdraw(RequestId),
    Job(RequestId, JobCommand),
    SetTargetIdle(usize),
    Reload(Box<Plan>, oneshot::Sender<Result<(), ReloadError>>),
    Quarantined(oneshot::Sender<Vec<Quarantined>>),
    ReleaseKey(String, oneshot::Sender<bool>),
    Stats(oneshot::Sender<Stats>),
    /// The processes of its workers.
    Pids(oneshot::Sender<Vec<u32>>),
    Drain,
    Close,
    /// Close, and kill every worker at once. Says by whom.
    Kill(String),
}

/// A pool of warm workers.
///
/// Clones are handles to the same pool. Dropping the last one closes it as [`close`](Self::close)
/// does, without waiting.
///
/// ```no_run
/// use greenroom::{Job, Pool, Worker};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = Pool::builder(Worker::command("./resize")).idle(4).start().await?;
/// let thumbnail = pool.launch(Job::new("photo.jpg")).await?.output().await?;
/// pool.close().await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Unbounded: launches are bounded by the queue as soon as the task sees them, the rest by who
    /// holds handles.
    inputs: mpsc::UnboundedSender<PoolInput>,
    events: broadcast::WeakSender<Event>,
    health: watch::Receiver<Health>,
    next_request: AtomicU64,
    template: Template,
}

/// What all programs of a pool have in common.
#[derive(Clone)]
struct Template {
    policy: WorkerPolicy,
    calls: Option<Arc<dyn CallHandler>>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Where a pool stands, for those who wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    pub(crate) warm: bool,
    pub(crate) degraded: Option<Refusal>,
    pub(crate) last_failed_start: Option<Arc<CrashReport>>,
    /// Its last numbers.
    pub(crate) closed: Option<Stats>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.inputs.send(PoolInput::Close);
    }
}

impl Pool {
    /// A pool of such workers, to be described further.
    pub fn builder(worker: Worker) -> PoolBuilder {
        PoolBuilder::new(worker)
    }

    /// Waits for a free worker and gives it a job.
    ///
    /// Fails if too many jobs wait already, if no worker is free within the queue deadline, if no
    /// worker can be started (with the reason why the last one failed), if the job's key is in
    /// [quarantine](PoolBuilder::quarantine) or too long, or if the pool is closed.
    ///
    /// Cancel-safe: a launch that nobody waits for is taken out of the queue, or cancelled if it
    /// has just left it.
    pub async fn launch(&self, job: Job) -> Result<JobHandle, LaunchError> {
        let request = self.next_request();
        let (ticket, handle) = self.ticket(request, job)?;
        let withdrawal = Withdrawal::new(self, request);
        self.send(PoolInput::Launch(ticket))?;
        let handle = handle.launched().await;
        withdrawal.disarm();
        handle
    }

    /// Waits for a free worker and holds it for a job to come: reserve, fetch the job from
    /// elsewhere, launch it. Fails as [`launch`](Self::launch) does.
    ///
    /// Cancel-safe.
    pub async fn reserve(&self) -> Result<Reservation, LaunchError> {
        let request = self.next_request();
        let (reply, answer) = oneshot::channel();
        let withdrawal = Withdrawal::new(self, request);
        self.send(PoolInput::Reserve(request, reply))?;
        match answer.await {
            Ok(Ok(worker)) => Ok(Reservation { worker, withdrawal }),
            Ok(Err(refusal)) => {
                withdrawal.disarm();
                Err(refusal.into())
            }
            Err(_) => Err(LaunchError::HostEnded),
        }
    }

    /// Changes how many workers are kept ready; never more than `max_workers`. More are started at
    /// once; fewer leave after the linger time (default 30 s).
    pub fn set_target_idle(&self, idle: usize) {
        // A pool that has closed keeps nothing ready.
        let _ = self.send(PoolInput::SetTargetIdle(idle));
    }

    /// Replaces the program of all workers, without ever fewer ready places and without a job lost:
    /// one worker of the new program is started beside the others (so there may be one more than
    /// `max_workers`); when it is ready, the others are replaced one after the other, each when its
    /// jobs have ended. If the new program does not get ready in as many starts as `start_attempts`
    /// says, nothing has changed.
    ///
    /// Waits until no worker of another program is left. Jobs that have begun there are waited for;
    /// new ones get the new program as soon as it is ready. Keys in quarantine stay there:
    /// [`release`](Self::release) those that the new program can bear.
    ///
    /// Cancel-safe: the reload goes on.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]: the program cannot be run, does not get ready (with the reason), or the
    /// reload was given up for another one or because the pool closes.
    pub async fn reload(&self, worker: Worker) -> Result<(), ReloadError> {
        let Template { policy, calls } = self.shared.template.clone();
        let plan = plan(&worker, policy, calls);
        let plan = plan.map_err(|error| ReloadError::Config(Arc::new(error)))?;
        let (reply, answer) = oneshot::channel();
        let sent = self.send(PoolInput::Reload(Box::new(plan), reply));
        sent.map_err(|_| ReloadError::GivenUp)?;
        answer.await.unwrap_or(Err(ReloadError::GivenUp))
    }

    /// What happens from now on. See [`Events::next`].
    pub fn events(&self) -> Events {
        let receiver = match self.shared.events.upgrade() {
            Some(events) => events.subscribe(),
            // Of a pool that has closed, the end is all there is to see.
            None => broadcast::channel(1).1,
        };
        Events { receiver }
    }

    /// The keys whose jobs are refused because workers have died of them, in their order: at most
    /// as many as [`quarantine_keys`](PoolBuilder::quarantine_keys) says. None once the pool has
    /// closed. See [`PoolBuilder::quarantine`].
    ///
    /// Cancel-safe.
    pub async fn quarantined(&self) -> Vec<Quarantined> {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(PoolInput::Quarantined(reply));
        answer.await.unwrap_or_default()
    }

    /// Lets jobs with this key run again, as if no worker had died of them yet. False if it was not
    /// in quarantine.
    ///
    /// Cancel-safe: the key is released all the same.
    pub async fn release(&self, key: &str) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(PoolInput::ReleaseKey(key.to_owned(), reply));
        answer.await.unwrap_or(false)
    }

    /// Counts of workers and jobs right now; once the pool has closed, the last ones.
    ///
    /// Cancel-safe.
    pub async fn stats(&self) -> Stats {
        let (reply, answer) = oneshot::channel();
        // One that has closed drops the question.
        let _ = self.send(PoolInput::Stats(reply));
        if let Ok(stats) = answer.await {
            return stats;
        }
        self.closed().await.unwrap_or_default()
    }

    /// Takes no more jobs, finishes those that wait and run, then closes. After `limit` it closes
    /// whatever still runs, as [`close`](Self::close) does. False if it came to that.
    ///
    /// Cancel-safe: the pool goes on draining, without the limit.
    pub async fn drain(&self, limit: Duration) -> bool {
        let _ = self.send(PoolInput::Drain);
        if tokio::time::timeout(limit, self.closed()).await.is_ok() {
            return true;
        }
        self.close().await;
        false
    }

    /// Refuses what waits, asks every worker to leave and waits until all are gone: at most the
    /// close timeout, what workers extend it by (`max_extension`), and what killing takes. Jobs that run are told, may finish, and have their
    /// shutdown callbacks run. Closing twice waits twice.
    ///
    /// Cancel-safe: the pool closes all the same.
    pub async fn close(&self) {
        let _ = self.send(PoolInput::Close);
        self.closed().await;
    }

    // ---- for a unit that is a pool

    /// Begins to close.
    pub(crate) fn end(&self) {
        let _ = self.send(PoolInput::Close);
    }

    /// Kills every worker, and closes.
    pub(crate) fn kill(&self, by: impl Into<String>) {
        let _ = self.send(PoolInput::Kill(by.into()));
    }

    /// Waits until it has closed, or its task went down with the runtime. Cancel-safe.
    pub(crate) async fn ended(&self) {
        self.closed().await;
    }

    /// Waits until as many workers are ready as wanted, or it turns out that none can be started.
    /// Cancel-safe.
    pub(crate) async fn settled(&self) -> Result<(), StartError> {
        let mut health = self.shared.health.clone();
        let settled =
            |health: &Health| health.warm || health.degraded.is_some() || health.closed.is_some();
        let (refusal, report) = match health.wait_for(settled).await {
            Ok(health) if health.warm => return Ok(()),
            Ok(health) => (health.degraded.clone(), health.last_failed_start.clone()),
            Err(_) => (None, None),
        };
        let refusal = refusal.unwrap_or(Refusal::Closed);
        Err(StartError::NotReady { refusal, report })
    }

    /// The processes of its workers; none once it has closed.
    pub(crate) fn pids(&self) -> impl Future<Output = Vec<u32>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(PoolInput::Pids(reply));
        async { answer.await.unwrap_or_default() }
    }

    /// Waits for its last numbers; `None` if its task went down with the runtime.
    async fn closed(&self) -> Option<Stats> {
        let mut health = self.shared.health.clone();
        let closed = health.wait_for(|health| health.closed.is_some()).await;
        closed.ok()?.closed
    }

    fn next_request(&self) -> RequestId {
        RequestId(self.shared.next_request.fetch_add(1, Ordering::Relaxed))
    }

    fn ticket(
        &self,
        request: RequestId,
        job: Job,
    ) -> Result<(Box<Ticket>, JobHandle), LaunchError> {
        job.check_key()?;
        let owner = JobOwner::Pool(self.shared.inputs.clone());
        Ok(Ticket::new(request, job, owner))
    }

    fn send(&self, input: PoolInput) -> Result<(), LaunchError> {
        let closed = |_| LaunchError::Refused(Refusal::Closed);
        self.shared.inputs.send(input).map_err(closed)
    }
}

/// Each call is a job: the method is its name, the argument its input.
impl CallHandler for Pool {
    fn call(&self, call: Call) -> CallFuture {
        let pool = self.clone();
        Box::pin(async move {
            let job = Job::new(call.argument).name(call.method);
            let handle = pool.launch(job).await.map_err(|error| error.to_string())?;
            handle.output().await.map_err(|error| error.to_string())
        })
    }
}

/// A worker that waits for a job to be fetched. Dropping it gives the worker back.
#[derive(Debug)]
pub struct Reservation {
    worker: WorkerId,
    withdrawal: Withdrawal,
}

impl Reservation {
    /// The worker that is held. Should it die meanwhile, the job gets another, before those that
    /// wait.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Gives it its job. Fails as [`Pool::launch`] does if the worker has died and no other is to
    /// be had, or because of the job's key; then the worker is given back.
    ///
    /// Cancel-safe: a launch that nobody waits for is cancelled.
    pub async fn launch(self, job: Job) -> Result<JobHandle, LaunchError> {
        let pool = &self.withdrawal.pool;
        let (ticket, handle) = pool.ticket(self.withdrawal.request, job)?;
        pool.send(PoolInput::LaunchReserved(ticket))?;
        let handle = handle.launched().await;
        self.withdrawal.disarm();
        handle
    }
}

/// Tells the pool when nobody is interested in a request any more.
#[derive(Debug)]
struct Withdrawal {
    pool: Pool,
    request: RequestId,
    armed: bool,
}

impl Withdrawal {
    fn new(pool: &Pool, request: RequestId) -> Self {
        Self {
            pool: pool.clone(),
            request,
            armed: true,
        }
    }

    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if self.armed {
            let _ = self.pool.send(PoolInput::Withdraw(self.request));
        }
    }
}
