//! One run of a unit: a task of its own, from the order to start it until it is gone.

mod daemon;
mod drain;
mod looks;
mod pool;
mod start;
mod stdin;
mod task;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::stop::StopAction;
use greenroom_supervision::supervisor::ProbeId;
use greenroom_supervision::unit::{Exit, Run};
use greenroom_supervision::{SpawnFailure, Time};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::lines::{Audience, Lines};
use super::{Body, Unit};
use crate::os::Mark;
use crate::pool::Pool;
use crate::supervisor::OutputLine;

pub(crate) use stdin::Write;
pub(crate) use task::panic_message;

/// What a run tells of itself while it lasts.
#[derive(Debug)]
pub(crate) enum Fact {
    Spawned(Option<u32>),
    Ready,
    Output,
    Probed(ProbeId, Result<(), String>),
    Watchdog,
    WatchdogTrigger,
    WatchdogInterval(Duration),
    Extension(Duration),
    Memory(u64),
    /// The answer to [`Order::CatchUp`]: everything that was there has been told.
    CaughtUp,
}

/// What is wanted of a run.
#[derive(Debug)]
pub(crate) enum Order {
    Stop(StopAction),
    Probe(ProbeId),
    SampleMemory,
    /// Read what is there.
    CatchUp,
    Signal(i32, oneshot::Sender<io::Result<()>>),
    Describe(oneshot::Sender<Live>),
    Pool(oneshot::Sender<Pool>),
}

/// Unbounded: the machine gives few orders at a time, and those who ask wait for their answers.
pub(crate) type Orders = mpsc::UnboundedReceiver<Order>;

/// What only the run knows.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) last_lines: Vec<OutputLine>,
    pub(crate) last_activity: Option<Time>,
    pub(crate) status_text: Option<String>,
    /// Its process groups, to be measured.
    pub(crate) groups: Vec<u32>,
}

impl Live {
    pub(crate) fn of(lines: &Lines) -> Self {
        Self {
            last_lines: lines.last(),
            last_activity: lines.last_activity(),
            ..Self::default()
        }
    }
}

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) end: Result<Exit, SpawnFailure>,
    /// None of a run that has failed together with its task.
    pub(crate) lines: Option<Lines>,
    pub(crate) remains: Remains,
    /// The search for what has left its process group, if that still goes on.
    pub(crate) sweeping: Option<JoinHandle<()>>,
}

/// What is left of a run, beside what the policy knows of it.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    pub(crate) last_lines: Vec<String>,
    pub(crate) dropped_lines: u64,
    pub(crate) output_held_open: bool,
    pub(crate) strays: Vec<u32>,
}

/// Everything that a run is made from.
pub(crate) struct Start {
    /// Its number among those of this process.
    pub(crate) supervisor: u64,
    pub(crate) run: Run,
    pub(crate) unit: Arc<Unit>,
    pub(crate) audience: Audience,
    pub(crate) lines: Lines,
    pub(crate) facts: mpsc::Sender<(Run, Fact)>,
    pub(crate) orders: Orders,
    pub(crate) writes: mpsc::Receiver<Write>,
    /// Of the run before: what that has left behind could stand in this one's way.
    pub(crate) sweeping: Option<JoinHandle<()>>,
}

impl Start {
    /// Unlike those of other supervisors of this host, and of units that bore the name before.
    fn mark(&self) -> Mark {
        let Self {
            supervisor,
            run,
            unit,
            ..
        } = self;
        let who = format!("{supervisor}.{}.{}", run.unit.0, unit.name());
        Mark::new(&who, run.generation)
    }

    /// Lives the run to its end.
    pub(crate) async fn live(self) -> Over {
        let unit = Arc::clone(&self.unit);
        match &unit.body {
            Body::Daemon(daemon) => start::daemon(self, daemon).await,
            Body::Task(task) => task::live(self, task).await,
            Body::Pool(builder) => pool::live(self, builder).await,
        }
    }
}

/// A run's way to its supervisor.
struct Link {
    run: Run,
    facts: mpsc::Sender<(Run, Fact)>,
}

impl Link {
    /// If the supervisor is gone, so is this run in a moment: its task is the supervisor's.
    async fn tell(&self, fact: Fact) {
        let _ = self.facts.send((self.run, fact)).await;
    }
}

impl Over {
    /// Whoever has just asked is still answered.
    fn new(
        end: Result<Exit, SpawnFailure>,
        lines: Lines,
        mut orders: Orders,
        remains: Remains,
    ) -> Self {
        orders.close();
        while let Ok(order) = orders.try_recv() {
            if let Order::Describe(reply) = order {
                let _ = reply.send(Live::of(&lines));
            }
        }
        Self {
            end,
            lines: Some(lines),
            remains,
            sweeping: None,
        }
    }

    /// Of a run that has printed nothing.
    fn silent(end: Result<Exit, SpawnFailure>, lines: Lines, orders: Orders) -> Self {
        Self::new(end, lines, orders, Remains::default())
    }
}
