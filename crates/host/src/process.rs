//! One worker process on its own, without a pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greenroom_protocol::ShutdownReason;
use greenroom_supervision::pool::RequestId;
use greenroom_supervision::worker::Hello;
use greenroom_supervision::{PolicyError, WorkerId, WorkerPolicy};
use tokio::sync::{mpsc, watch};

use crate::call::CallHandler;
use crate::driver::{Driver, Input, Owner, Plan, Status};
use crate::job::{Job, JobHandle, JobOwner, LaunchError, Ticket};
use crate::report::CrashReport;
use crate::worker::{Worker, WorkerError};

/// A supervised worker process: start it, wait until it is ready, give it jobs, end it.
///
/// Every wait here is bounded by the policy's deadlines. Dropping a `Process` kills it.
///
/// ```no_run
/// use greenroom::{Job, Process, Worker, WorkerPolicy};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut process = Process::new(&Worker::command("./resize"), WorkerPolicy::default())?;
/// process.start().await?;
/// process.initialize().await?;
/// let output = process.launch(Job::new("photo.jpg")).await?.output().await?;
/// println!("{} bytes; {}", output.len(), process.close().await?.reason);
/// # Ok(()) }
/// ```
pub struct Process {
    driver: Option<Driver>,
    inputs: mpsc::UnboundedSender<Input>,
    status: watch::Receiver<Status>,
}

/// Why a process is not there or not ready.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It was started before.
    #[error("the process has been started already: make a new one to start it again")]
    AlreadyStarted,
    /// It was never started.
    #[error("the process has not been started: call start first")]
    NotStarted,
    /// It has ended.
    #[error("{0}")]
    Exited(Arc<CrashReport>),
    /// The runtime that drives it was shut down.
    #[error("the host's runtime has ended")]
    HostEnded,
}

/// Why a process or pool cannot be made as described. Nothing was started.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The worker's program cannot be used.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A limit cannot work.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// In words: this is what `fn main() -> Result` prints.
impl std::fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Checks what a worker is to be and prepares its start.
pub(crate) fn plan(
    worker: &Worker,
    policy: WorkerPolicy,
    calls: Option<Arc<dyn CallHandler>>,
) -> Result<Plan, ConfigError> {
    policy.check()?;
    let host_name = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_default();
    Ok(Plan {
        worker: Arc::new(worker.resolve()?),
        policy,
        hello: Hello {
            slot: 0,
            generation: 0,
            host_name,
            host_version: env!("CARGO_PKG_VERSION").into(),
            log_filter: worker.log_filter.clone(),
            arguments: worker.user_arguments.clone(),
        },
        calls,
    })
}

impl Process {
    /// A process that is not started yet. Fails if the program cannot be run or a limit cannot
    /// work.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time enabled.
    pub fn new(worker: &Worker, policy: WorkerPolicy) -> Result<Self, ConfigError> {
        Self::with_calls(worker, policy, None)
    }

    /// As [`new`](Self::new), with a handler for what the worker asks its host.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time enabled.
    pub fn with_calls(
        worker: &Worker,
        policy: WorkerPolicy,
        calls: impl Into<Option<Arc<dyn CallHandler>>>,
    ) -> Result<Self, ConfigError> {
        let plan = plan(worker, policy, calls.into())?;
        let (sender, status) = watch::channel(Status::default());
        let id = WorkerId {
            slot: 0,
            generation: 0,
        };
        let (driver, inputs) = Driver::new(id, plan, Owner::Process(sender));
        Ok(Self {
            driver: Some(driver),
            inputs,
            status,
        })
    }

    /// Starts it and waits until the system has: that is when [`pid`](Self::pid) is known. It
    /// begins to initialize at once.
    ///
    /// Cancel-safe: a start that nobody waits for goes on, and [`close`](Self::close),
    /// [`kill`](Self::kill) or a drop clean it up.
    pub async fn start(&mut self) -> Result<(), ProcessError> {
        let driver = self.driver.take().ok_or(ProcessError::AlreadyStarted)?;
        tokio::spawn(driver.run());
        self.reached(|status| status.pid.is_some()).await
    }

    /// Waits until it is ready for jobs, at most as long as the policy lets it take.
    ///
    /// Cancel-safe.
    pub async fn initialize(&self) -> Result<(), ProcessError> {
        self.reached(|status| status.ready).await
    }

    /// Gives it a job. Fails if it is not ready, has as many jobs as it may, or has ended.
    ///
    /// Not cancel-safe: a launch that nobody waits for may still begin; its output is thrown away.
    pub async fn launch(&self, job: Job) -> Result<JobHandle, LaunchError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if self.driver.is_some() {
            return Err(LaunchError::NotStarted);
        }
        let request = RequestId(NEXT.fetch_add(1, Ordering::Relaxed));
        let owner = JobOwner::Process(self.inputs.clone());
        let (ticket, handle) = Ticket::new(request, job, owner);
        if self.inputs.send(Input::Launch(ticket)).is_err() {
            return Err(match self.report() {
                Some(report) => LaunchError::WorkerGone { report },
                None => LaunchError::HostEnded,
            });
        }
        handle.launched().await
    }

    /// Asks it to leave and waits until it has: it finishes its jobs or runs their shutdown
    /// callbacks within the close timeout, or what it
    /// extends that by, then it is killed. One that is not ready yet is killed
    /// at once. Closing twice waits twice.
    ///
    /// Cancel-safe: it leaves all the same.
    pub async fn close(&self) -> Result<Arc<CrashReport>, ProcessError> {
        self.tell(Input::Close(ShutdownReason::REQUESTED));
        self.join().await
    }

    /// Kills it and everything in its process group, and waits until it is gone.
    ///
    /// Cancel-safe: it is killed all the same.
    pub async fn kill(&self) -> Result<Arc<CrashReport>, ProcessError> {
        self.tell(Input::Kill("kill".into()));
        self.join().await
    }

    /// Waits until it is gone, however that comes.
    ///
    /// Cancel-safe.
    pub async fn join(&self) -> Result<Arc<CrashReport>, ProcessError> {
        match self.reached(|_| false).await {
            Err(ProcessError::Exited(report)) => Ok(report),
            Err(error) => Err(error),
            Ok(()) => Err(ProcessError::HostEnded),
        }
    }

    /// Its process number, once it has been started.
    pub fn pid(&self) -> Option<u32> {
        self.status.borrow().pid
    }

    /// How it lived and ended, once it has.
    pub fn report(&self) -> Option<Arc<CrashReport>> {
        self.status.borrow().exited.clone()
    }

    /// Waits for a state, or for its end.
    async fn reached(&self, goal: impl Fn(&Status) -> bool) -> Result<(), ProcessError> {
        if self.driver.is_some() {
            return Err(ProcessError::NotStarted);
        }
        let mut status = self.status.clone();
        let status = status
            .wait_for(|status| goal(status) || status.exited.is_some())
            .await
            .map_err(|_| ProcessError::HostEnded)?;
        match &status.exited {
            Some(report) if !goal(&status) => Err(ProcessError::Exited(Arc::clone(report))),
            _ => Ok(()),
        }
    }

    /// One that has ended needs no telling.
    fn tell(&self, input: Input) {
        let _ = self.inputs.send(input);
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tell(Input::Kill("its handle was dropped".into()));
    }
}
