//! What a supervisor looks after: daemons, tasks and pools, described by one builder.

mod daemon;
mod kind;
pub(crate) mod lines;
pub(crate) mod run;
mod task;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::unit::{Dependency, UnitPolicy, UnitSpec};

use crate::pool::PoolBuilder;
use crate::probe::Probe;

pub use daemon::Daemon;
pub use greenroom_supervision::Backoff;
pub use greenroom_supervision::restart::{ExitClass, ExitMatch, Exits, Restart, RestartPolicy};
pub use greenroom_supervision::stop::{StopAction, StopLadder, StopStep};
pub use greenroom_supervision::unit::{
    Activity, Check, Condition, OnFailure, UnitExit, UnitKind, UnitState,
};
pub use regex::Regex;
pub use task::{BoxError, Task};

/// A unit: a name, what it is made of, and the policy that it lives under.
///
/// ```
/// use greenroom::unit::{Condition, Ready, Restart};
/// use greenroom::{Command, Daemon, Unit};
///
/// let api = Unit::new("api", Daemon::new(|| Command::new("./api").arg("--port=8080")))
///     .after("database", Condition::Ready)
///     .ready_when(Ready::Delay(std::time::Duration::from_millis(300)))
///     .restart(Restart::Always);
/// ```
#[derive(Clone)]
pub struct Unit {
    pub(crate) spec: UnitSpec,
    pub(crate) body: Body,
    pub(crate) ready: Ready,
    /// One for each of the policy's checks.
    pub(crate) probes: Vec<Probe>,
    pub(crate) on_restart: Option<Callback>,
    pub(crate) on_failure: Option<Callback>,
}

/// Told of a unit's end. It runs on a thread of its own choosing and can neither block nor break the
/// supervisor: a panic in it is logged.
pub(crate) type Callback = Arc<dyn Fn(&crate::supervisor::UnitReport) + Send + Sync>;

/// What a unit is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one for each unit")]
pub enum Body {
    /// A process of its own.
    Daemon(Daemon),
    /// An async function in this process.
    Task(Task),
    /// A pool of workers, started and closed with the unit.
    Pool(PoolBuilder),
}

/// When a unit counts as ready.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Ready {
    /// As soon as it runs; a pool as soon as it is warm. The default.
    #[default]
    Started,
    /// Once it has run for so long.
    Delay(Duration),
    /// When it says so by systemd's protocol: `READY=1` to the socket in `NOTIFY_SOCKET`. Daemons
    /// only.
    Notify,
    /// When a line that it prints, on stdout or stderr, matches. Daemons only.
    LogLine(Regex),
    /// When a probe succeeds, tried again so long after each failure.
    Probe {
        /// What is tried.
        probe: Probe,
        /// From the end of one try to the next. A good value is 250 ms.
        period: Duration,
        /// How long one try may take. A good value is 3 s.
        timeout: Duration,
    },
}

impl Unit {
    /// A unit with the defaults for what it is made of: restarted after failures, at most 5 times in
    /// 10 minutes, with delays from 200 ms to 30 s; ready as soon as it runs; ended by SIGTERM
    /// (a task by its token, a pool by its orderly close) and killed 10 s later.
    pub fn new(name: impl Into<String>, body: impl Into<Body>) -> Self {
        let body = body.into();
        let kind = body.kind();
        Self {
            spec: UnitSpec {
                name: name.into(),
                kind,
                group: None,
                after: Vec::new(),
                significant: false,
                autostart: true,
                policy: UnitPolicy::new(kind),
            },
            body,
            ready: Ready::default(),
            probes: Vec::new(),
            on_restart: None,
            on_failure: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What it is made of.
    pub fn kind(&self) -> UnitKind {
        self.spec.kind
    }

    /// Starts only when `unit` has got so far; stops before it.
    #[must_use]
    pub fn after(mut self, unit: impl Into<String>, condition: Condition) -> Self {
        self.spec.after.push(Dependency {
            unit: unit.into(),
            condition,
        });
        self
    }

    /// Makes it a member of a group that was [added](crate::supervisor::SupervisorBuilder::group).
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.spec.group = Some(group.into());
        self
    }

    /// Its end, once it is not started again, ends everything, with its exit code.
    #[must_use]
    pub fn significant(mut self, significant: bool) -> Self {
        self.spec.significant = significant;
        self
    }

    /// Whether it starts with all others. Default: true.
    #[must_use]
    pub fn autostart(mut self, autostart: bool) -> Self {
        self.spec.autostart = autostart;
        self
    }

    /// After which ends it is started again. Default: after failures.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.spec.policy.restart.restart = restart;
        self
    }

    /// Everything about its restarts.
    #[must_use]
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.spec.policy.restart = policy;
        self
    }

    /// When it counts as ready. Default: as soon as it runs.
    #[must_use]
    pub fn ready_when(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }

    /// From the order to start it until it is ready; longer is a failure. Default 30 s.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.spec.policy.start_timeout = limit;
        self
    }

    /// By how much it may extend its start and its stop in all (`EXTEND_TIMEOUT_USEC`). Default 60 s.
    #[must_use]
    pub fn max_extension(mut self, limit: Duration) -> Self {
        self.spec.policy.max_extension = limit;
        self
    }

    /// Looks at it again and again while it is ready.
    #[must_use]
    pub fn check(mut self, check: Check, probe: Probe) -> Self {
        self.spec.policy.checks.push(check);
        self.probes.push(probe);
        self
    }

    /// What its silence means. Daemons only. Default: nothing.
    #[must_use]
    pub fn activity(mut self, timeout: Duration, on_silence: OnFailure) -> Self {
        self.spec.policy.activity = Some(Activity {
            timeout,
            on_silence,
        });
        self
    }

    /// It must send `WATCHDOG=1` this often once it is ready; it is told so by `WATCHDOG_USEC`.
    /// Daemons only. Default: no watchdog.
    #[must_use]
    pub fn watchdog(mut self, interval: Duration) -> Self {
        self.spec.policy.watchdog = Some(interval);
        self
    }

    /// Resident bytes of its whole process group from which there is a warning. Daemons only.
    /// Default: none.
    #[must_use]
    pub fn memory_warn(mut self, bytes: u64) -> Self {
        self.spec.policy.memory_warn = Some(bytes);
        self
    }

    /// Resident bytes of its whole process group from which it is killed, which counts as a failure.
    /// Daemons only. Default: none.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.spec.policy.memory_limit = Some(bytes);
        self
    }

    /// How often its memory is measured if it has a warning or a limit; more often the nearer it is.
    /// Default 5 s.
    #[must_use]
    pub fn memory_sample(mut self, interval: Duration) -> Self {
        self.spec.policy.memory_sample = interval;
        self
    }

    /// How it is ended: the steps before the kill. Default: SIGTERM and 10 s; for tasks and pools
    /// their own way and 10 s.
    #[must_use]
    pub fn stop(mut self, ladder: StopLadder) -> Self {
        self.spec.policy.stop = ladder;
        self
    }

    /// Called at each end that leads to a restart. It may block and panic: the supervisor does not
    /// wait for it. The callbacks of one unit are called in order, one at a time; those of 16 units
    /// may run at once and 1,024 wait. One that comes when so many wait is left out and logged.
    #[must_use]
    pub fn on_restart(
        mut self,
        callback: impl Fn(&crate::supervisor::UnitReport) + Send + Sync + 'static,
    ) -> Self {
        self.on_restart = Some(Arc::new(callback));
        self
    }

    /// Called when it has failed and is not started again. It may block and panic, as with
    /// [`on_restart`](Self::on_restart).
    #[must_use]
    pub fn on_failure(
        mut self,
        callback: impl Fn(&crate::supervisor::UnitReport) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Some(Arc::new(callback));
        self
    }
}

impl Body {
    fn kind(&self) -> UnitKind {
        match self {
            Self::Daemon(_) => UnitKind::Daemon,
            Self::Task(_) => UnitKind::Task,
            Self::Pool(_) => UnitKind::Pool,
        }
    }
}

impl From<Daemon> for Body {
    fn from(daemon: Daemon) -> Self {
        Self::Daemon(daemon)
    }
}

impl From<Task> for Body {
    fn from(task: Task) -> Self {
        Self::Task(task)
    }
}

impl From<PoolBuilder> for Body {
    fn from(pool: PoolBuilder) -> Self {
        Self::Pool(pool)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit")
            .field("spec", &self.spec)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}
