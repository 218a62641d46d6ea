//! One task per worker: facts from the system go into the machine, its actions back to the system.

mod actions;
mod body;
mod facts;
mod owner;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use greenroom_supervision::pool::RequestId;
use greenroom_supervision::worker::Hello;
use greenroom_supervision::{
    ExitReport, SpawnFailure, Time, Worker as Machine, WorkerId, WorkerPolicy,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use crate::call::CallHandler;
use crate::channel::Ready;
use crate::clock;
use crate::command::ResolvedCommand;
use crate::job::Ticket;
use crate::logs::Printed;
use crate::os::{self, Spawned};

use body::Body;
pub(crate) use owner::{Input, Owner, Status, Tidings};

/// What is needed to make a worker.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) worker: Arc<ResolvedCommand>,
    pub(crate) policy: WorkerPolicy,
    pub(crate) hello: Hello,
    pub(crate) calls: Option<Arc<dyn CallHandler>>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Driver {
    id: WorkerId,
    machine: Machine,
    body: Body,
    inputs: mpsc::UnboundedReceiver<Input>,
    owner: Owner,
    handler: Option<Arc<dyn CallHandler>>,
    calls: JoinSet<Result<Bytes, String>>,
    call_numbers: HashMap<tokio::task::Id, u64>,
    jobs: BTreeMap<u64, Box<Ticket>>,
    numbers: BTreeMap<RequestId, u64>,
    /// The id of the job that ended last: what is printed without a job is its, most likely.
    last_job: Option<String>,
    /// Jobs that ended with their worker, until it is known how it ended.
    lost: Vec<(Box<Ticket>, bool)>,
    alarm: Pin<Box<Sleep>>,
    alarm_at: Time,
    was_available: bool,
    /// Looks at its memory in a row that showed nothing.
    unmeasured: u32,
    /// What is polled first.
    turn: usize,
    report: Option<ExitReport>,
}

enum Happened {
    Spawned(Result<Spawned, SpawnFailure>),
    Exited,
    Channel(Ready),
    Printed(Printed),
    Input(Input),
    CallDone(tokio::task::Id, Result<Bytes, String>),
    Alarm,
}

impl Driver {
    /// A worker that will be spawned as soon as [`run`](Self::run) is polled, and where to send its
    /// inputs. Unbounded: what its owner sends is bounded by its slots, its jobs' windows and the
    /// owner's own calls.
    pub(crate) fn new(
        id: WorkerId,
        plan: Plan,
        owner: Owner,
    ) -> (Self, mpsc::UnboundedSender<Input>) {
        let (to_driver, inputs) = mpsc::unbounded_channel();
        let now = clock::now();
        let order = os::Order {
            command: plan.worker,
            stdin: os::Stdin::ControlSocket,
            environment: Vec::new(),
        };
        let driver = Self {
            id,
            machine: Machine::new(plan.policy, plan.hello, now),
            body: Body::Spawning(Box::pin(os::spawn(order))),
            inputs,
            owner,
            handler: plan.calls,
            calls: JoinSet::new(),
            call_numbers: HashMap::new(),
            jobs: BTreeMap::new(),
            numbers: BTreeMap::new(),
            last_job: None,
            lost: Vec::new(),
            alarm: Box::pin(tokio::time::sleep_until(Instant::now())),
            alarm_at: now,
            was_available: false,
            unmeasured: 0,
            turn: 0,
            report: None,
        };
        (driver, to_driver)
    }

    /// Drives the worker to its end.
    pub(crate) async fn run(mut self) {
        loop {
            self.perform().await;
            if let Some(report) = self.report.take() {
                return self.bury(report).await;
            }
            let happened = self.next().await;
            self.handle(happened).await;
        }
    }

    // ---- facts

    async fn next(&mut self) -> Happened {
        self.set_alarm();
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls everything that can happen, each time beginning with another, so that no flood of one
    /// kind hides the rest. By hand: this runs several times for each job, and a `select!` would
    /// register and remove every waker anew each time.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        const SOURCES: usize = 4;
        self.turn = (self.turn + 1) % SOURCES;
        for source in (self.turn..SOURCES).chain(0..self.turn) {
            let happened = match source {
                0 => self.body.poll_next(context),
                1 => match self.inputs.poll_recv(context) {
                    Poll::Ready(Some(input)) => Poll::Ready(Happened::Input(input)),
                    // Its owner is gone and will say nothing more.
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                },
                2 => match self.calls.poll_join_next_with_id(context) {
                    Poll::Ready(Some(Ok((task, result)))) => {
                        Poll::Ready(Happened::CallDone(task, result))
                    }
                    Poll::Ready(Some(Err(error))) => {
                        let result = Err("the host's handler panicked".to_owned());
                        Poll::Ready(Happened::CallDone(error.id(), result))
                    }
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                },
                _ => self.alarm.as_mut().poll(context).map(|()| Happened::Alarm),
            };
            if happened.is_ready() {
                return happened;
            }
        }
        Poll::Pending
    }

    /// A deadline that has moved away is left to expire: that wakes once for nothing, and saves
    /// setting the alarm anew at every message.
    fn set_alarm(&mut self) {
        let now = clock::now();
        let Some(due) = self.machine.poll_timeout() else {
            return;
        };
        if due < self.alarm_at || self.alarm_at <= now {
            self.alarm_at = due;
            self.alarm.as_mut().reset(clock::instant(due));
        }
    }

    async fn handle(&mut self, happened: Happened) {
        let now = clock::now();
        match happened {
            Happened::Spawned(Ok(spawned)) => self.spawned(now, spawned),
            Happened::Spawned(Err(failure)) => {
                self.body = Body::nothing();
                self.machine.handle_spawn_failed(now, failure);
            }
            Happened::Exited => self.exited(now).await,
            Happened::Channel(Ready::Write) => {}
            Happened::Channel(Ready::Read(read)) => {
                self.frames(now, read);
                if self
                    .body
                    .channel()
                    .is_some_and(|channel| channel.has_more())
                {
                    let_others_run().await;
                }
            }
            Happened::Printed(printed) => {
                let jobs = self.job_ids();
                if let Body::Running(running) = &mut self.body {
                    running.logs.take(&printed, now, &jobs);
                }
                let_others_run().await;
            }
            Happened::Input(input) => self.input(now, input).await,
            Happened::CallDone(task, result) => {
                if let Some(call) = self.call_numbers.remove(&task) {
                    self.machine.handle_call_result(now, call, result);
                }
            }
            Happened::Alarm => {
                if self.machine.is_judged_at(now) {
                    self.read_what_is_there(now);
                }
                self.machine.handle_timeout(now);
            }
        }
    }
}

/// A worker that says more than can be read must not make the host late: lateness is granted to
/// every worker, this one included, and a runtime of one thread looks at the clock only when nothing
/// is left to run.
async fn let_others_run() {
    tokio::task::yield_now().await;
}
