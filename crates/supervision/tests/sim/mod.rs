//! A host and one worker process in simulated time.
//!
//! The host's side is the real [`Worker`] machine, driven exactly as its contract says. The process
//! is a [`Child`]: a script of how it answers. What it does reaches the host as facts on a queue.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    Capabilities, Exiting, HostMessage, InitializeCode, InitializeError, InitializeResponse,
    JobAccepted, JobFinished, JobOutput, Limits, Pong, ShutdownReason, ShuttingDown, StackDump,
    WorkerMessage,
};
use greenroom_supervision::worker::{Action, Hello, Notice, State};
use greenroom_supervision::{
    ExitReason, ExitReport, ExitStatus, JobOutcome, JobRequest, JobUpdate, SpawnFailure, Time,
    Worker, WorkerPolicy,
};

pub(crate) const PID: u32 = 4711;
pub(crate) const KILLED: ExitStatus = ExitStatus::Signal {
    signal: 9,
    core: false,
};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn at(since_origin: Duration) -> Time {
    Time::from_origin(since_origin)
}

/// How a process behaves. `None` means never.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) spawns: Option<Duration>,
    pub(crate) initializes: Option<Duration>,
    pub(crate) refuses: Option<&'static str>,
    pub(crate) slots: u32,
    pub(crate) capabilities: Capabilities,
    pub(crate) limits: Limits,
    pub(crate) pongs: Option<Duration>,
    pub(crate) accepts: Option<Duration>,
    /// How long a job runs.
    pub(crate) works: Option<Duration>,
    pub(crate) output: Bytes,
    /// How long it takes a job to stop when told to.
    pub(crate) stops: Option<Duration>,
    /// How long it takes to leave when asked to.
    pub(crate) leaves: Option<Duration>,
    pub(crate) dumps: Option<Duration>,
    pub(crate) dies: Option<Duration>,
    /// What it would have answered within this span it answers at its end.
    pub(crate) blocked: Option<(Time, Time)>,
    pub(crate) rss: u64,
}

impl Child {
    pub(crate) fn healthy() -> Self {
        Self {
            spawns: Some(ms(1)),
            initializes: Some(ms(99)),
            refuses: None,
            slots: 1,
            capabilities: Capabilities::default(),
            limits: Limits::default(),
            pongs: Some(ms(1)),
            accepts: Some(ms(1)),
            works: Some(ms(50)),
            output: Bytes::new(),
            stops: Some(ms(5)),
            leaves: Some(ms(20)),
            dumps: Some(ms(30)),
            dies: Some(ms(2)),
            blocked: None,
            rss: 20_000_000,
        }
    }

    /// Gets ready and is never heard of again.
    pub(crate) fn hung() -> Self {
        Self {
            pongs: None,
            accepts: None,
            works: None,
            stops: None,
            leaves: None,
            dumps: None,
            ..Self::healthy()
        }
    }
}

/// What happens to the host.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Spawned,
    SpawnFailed(SpawnFailure),
    Message(WorkerMessage),
    Disconnected,
    Exited(ExitStatus),
    Memory,
}

/// What a host does first when a fact and a timer are due at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Facts,
    Timer,
}

pub(crate) struct Sim {
    pub(crate) now: Time,
    pub(crate) worker: Worker,
    pub(crate) child: Child,
    pub(crate) log: Vec<(Time, Action)>,
    pub(crate) first: First,
    /// Spans in which the host does not run, in order.
    pub(crate) frozen: Vec<(Time, Time)>,
    /// How late each wake-up for a timer is.
    pub(crate) lateness: Duration,
    facts: BTreeMap<(Time, u64), Fact>,
    numbered: u64,
}

impl Sim {
    pub(crate) fn new(child: Child, policy: WorkerPolicy) -> Self {
        let mut sim = Self {
            now: Time::ZERO,
            worker: Worker::new(policy, Hello::default(), Time::ZERO),
            child,
            log: Vec::new(),
            first: First::Facts,
            frozen: Vec::new(),
            lateness: Duration::ZERO,
            facts: BTreeMap::new(),
            numbered: 0,
        };
        if let Some(after) = sim.child.spawns {
            sim.later(after, Fact::Spawned);
        }
        sim
    }

    /// A worker that has just said that it is ready, 100 ms after the origin.
    pub(crate) fn ready(child: Child, policy: WorkerPolicy) -> Self {
        let mut sim = Self::new(child, policy);
        sim.run_until(at(ms(100)));
        assert_eq!(sim.worker.state(), State::Ready);
        sim
    }

    // ---- what the process does

    pub(crate) fn later(&mut self, after: Duration, fact: Fact) {
        let mut when = self.now + after;
        if let Some((from, until)) = self.child.blocked
            && when >= from
            && when < until
            && matches!(fact, Fact::Message(_))
        {
            when = until;
        }
        self.numbered += 1;
        self.facts.insert((when, self.numbered), fact);
    }

    pub(crate) fn says(&mut self, message: WorkerMessage) {
        if matches!(message, WorkerMessage::Exiting(_)) {
            // A process that is right says nothing after it.
            self.facts
                .retain(|_, fact| !matches!(fact, Fact::Message(_)));
        }
        let now = self.now;
        self.worker.handle_message(now, message);
        self.settle();
    }

    /// It closes its socket and, a little later, ends.
    pub(crate) fn dies_with(&mut self, after: Duration, status: ExitStatus) {
        self.later(after, Fact::Disconnected);
        self.later(after, Fact::Exited(status));
    }

    fn hears(&mut self, message: HostMessage) {
        let answer = |this: &mut Self, after: Option<Duration>, message| {
            if let Some(after) = after {
                this.later(after, Fact::Message(message));
            }
        };
        match message {
            HostMessage::InitializeRequest(..) => {
                let response = WorkerMessage::InitializeResponse(self.response());
                answer(self, self.child.initializes, response);
                if let (Some(_), Some(after)) = (self.child.refuses, self.child.initializes) {
                    self.dies_with(after + ms(1), ExitStatus::Code(1));
                }
            }
            HostMessage::Ping(ping) => answer(self, self.child.pongs, pong(ping.seq)),
            HostMessage::StartJob(start, _) => {
                let job = start.job;
                answer(self, self.child.accepts, accepted(job));
                if !self.child.output.is_empty() {
                    let data = self.child.output.clone();
                    answer(self, self.child.accepts, output(job, data));
                }
                answer(self, self.child.works, finished(job));
            }
            HostMessage::CancelJob(cancel) => {
                if let Some(after) = self.child.stops {
                    let job = cancel.job;
                    self.facts
                        .retain(|_, fact| !matches!(fact, Fact::Message(message) if is_end_of(message, job)));
                    answer(self, Some(after), cancelled(job));
                }
            }
            HostMessage::Shutdown(_) => {
                if let Some(after) = self.child.leaves {
                    answer(
                        self,
                        Some(ms(1)),
                        WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }),
                    );
                    answer(self, Some(after), exiting("asked to"));
                    self.dies_with(after + ms(1), ExitStatus::Code(0));
                }
            }
            HostMessage::DumpStacks => answer(self, self.child.dumps, stack_dump("main: loop")),
            HostMessage::JobInput(..)
            | HostMessage::JobWindow(_)
            | HostMessage::CallResponse(..) => {}
        }
    }

    fn response(&self) -> InitializeResponse {
        InitializeResponse {
            error: self.child.refuses.map(|message| InitializeError {
                code: InitializeCode::FAILED,
                message: message.into(),
            }),
            capabilities: self.child.capabilities,
            limits: self.child.limits,
            slots: self.child.slots,
            ..ready()
        }
    }

    // ---- what the host does

    pub(crate) fn command<T>(&mut self, command: impl FnOnce(&mut Worker, Time) -> T) -> T {
        let result = command(&mut self.worker, self.now);
        self.settle();
        result
    }

    pub(crate) fn launch(&mut self, deadline: Option<Duration>) -> u64 {
        self.command(|worker, now| worker.launch(now, job(deadline)))
            .unwrap()
    }

    pub(crate) fn close(&mut self) {
        self.command(|worker, now| worker.close(now, ShutdownReason::REQUESTED));
    }

    pub(crate) fn tell(&mut self, fact: Fact) {
        let (now, worker) = (self.now, &mut self.worker);
        match fact {
            Fact::Spawned => worker.handle_spawned(now, PID),
            Fact::SpawnFailed(failure) => worker.handle_spawn_failed(now, failure),
            Fact::Message(message) => return self.says(message),
            Fact::Disconnected => worker.handle_disconnected(now),
            Fact::Memory => worker.handle_memory(now, self.child.rss),
            Fact::Exited(status) => {
                self.facts.clear();
                worker.handle_exit(now, status);
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(action) = self.worker.poll_action() {
            self.log.push((self.now, action.clone()));
            match action {
                Action::Send(message) => self.hears(message),
                Action::Kill => {
                    self.facts.clear();
                    if let Some(after) = self.child.dies {
                        self.dies_with(after, KILLED);
                    }
                }
                Action::SampleMemory => self.later(Duration::ZERO, Fact::Memory),
                _ => {}
            }
        }
    }

    /// Runs the next thing that happens. False if nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let fact = self.facts.keys().next().map(|(when, _)| *when);
        let timer = self.worker.poll_timeout().map(|due| due + self.lateness);
        let Some(mut next) = [fact, timer].into_iter().flatten().min() else {
            return false;
        };
        for (from, until) in &self.frozen {
            if next >= *from && next < *until {
                next = *until;
            }
        }
        self.now = self.now.max(next);
        if self.first == First::Timer {
            self.wake();
        }
        while let Some(entry) = self.facts.first_entry()
            && entry.key().0 <= self.now
        {
            let fact = entry.remove();
            self.tell(fact);
        }
        if self.first == First::Facts {
            self.wake();
        }
        true
    }

    fn wake(&mut self) {
        if self
            .worker
            .poll_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.worker.handle_timeout(self.now);
            self.settle();
        }
    }

    /// Runs everything up to and including that moment.
    pub(crate) fn run_until(&mut self, until: Time) {
        self.bounded(|this| {
            let fact = this.facts.keys().next().map(|(when, _)| *when);
            let timer = this.worker.poll_timeout().map(|due| due + this.lateness);
            [fact, timer].into_iter().flatten().all(|next| next > until)
        });
        self.now = self.now.max(until);
    }

    /// Runs to the end of the life and gives its report.
    pub(crate) fn run_to_exit(&mut self) -> ExitReport {
        self.bounded(|this| this.worker.state() == State::Exited);
        assert!(self.worker.poll_timeout().is_none(), "it is over");
        self.report()
            .expect("an exited worker has a report")
            .clone()
    }

    fn bounded(&mut self, mut done: impl FnMut(&Self) -> bool) {
        for _ in 0..200_000 {
            if done(self) || !self.step() {
                return;
            }
        }
        panic!("it goes on for ever: {:?} at {:?}", self.worker, self.now);
    }

    // ---- what was seen

    pub(crate) fn report(&self) -> Option<&ExitReport> {
        self.log.iter().find_map(|(_, action)| match action {
            Action::Exited(report) => Some(report),
            _ => None,
        })
    }

    /// When the worker was killed, each time.
    pub(crate) fn kills(&self) -> Vec<Time> {
        self.times(|action| *action == Action::Kill)
    }

    pub(crate) fn times(&self, wanted: impl Fn(&Action) -> bool) -> Vec<Time> {
        self.log
            .iter()
            .filter(|(_, action)| wanted(action))
            .map(|(when, _)| *when)
            .collect()
    }

    pub(crate) fn pings(&self) -> Vec<Time> {
        self.times(|action| matches!(action, Action::Send(HostMessage::Ping(_))))
    }

    pub(crate) fn sent(&self, wanted: impl Fn(&HostMessage) -> bool) -> Vec<Time> {
        self.times(|action| matches!(action, Action::Send(message) if wanted(message)))
    }

    pub(crate) fn notices(&self) -> Vec<(Time, Notice)> {
        self.log
            .iter()
            .filter_map(|(when, action)| match action {
                Action::Notice(notice) => Some((*when, notice.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn updates(&self) -> Vec<(u64, JobUpdate)> {
        self.log
            .iter()
            .filter_map(|(_, action)| match action {
                Action::Job(number, update) => Some((*number, update.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn outcomes(&self) -> Vec<JobOutcome> {
        self.updates()
            .into_iter()
            .filter_map(|(_, update)| match update {
                JobUpdate::Finished(outcome) => Some(outcome),
                _ => None,
            })
            .collect()
    }

    /// The requirement that the worker was killed for.
    pub(crate) fn broke(&mut self) -> &'static str {
        match self.run_to_exit().reason {
            ExitReason::ProtocolViolation { requirement, .. } => requirement,
            other => panic!("it did not break the protocol: {other}"),
        }
    }
}

// ---- messages and orders

pub(crate) fn job(deadline: Option<Duration>) -> JobRequest {
    job_with("j", deadline, Bytes::new())
}

pub(crate) fn job_with(id: &str, deadline: Option<Duration>, input: Bytes) -> JobRequest {
    JobRequest {
        id: id.into(),
        name: String::new(),
        metadata: Vec::new(),
        traceparent: String::new(),
        deadline,
        attempt: 1,
        input,
    }
}

/// The response of a worker that is ready for one job at a time.
pub(crate) fn ready() -> InitializeResponse {
    InitializeResponse {
        error: None,
        protocol: 1,
        capabilities: Capabilities::default(),
        limits: Limits::default(),
        slots: 1,
        name: "w".into(),
        version: "1".into(),
        build_id: String::new(),
        sdk: String::new(),
        pid: PID,
        extensions: Vec::new(),
    }
}

pub(crate) fn pong(seq: u64) -> WorkerMessage {
    WorkerMessage::Pong(Pong {
        seq,
        jobs: 0,
        lag_us: 0,
    })
}

pub(crate) fn accepted(job: u64) -> WorkerMessage {
    WorkerMessage::JobAccepted(JobAccepted { job })
}

pub(crate) fn output(job: u64, data: Bytes) -> WorkerMessage {
    WorkerMessage::JobOutput(JobOutput { job }, data)
}

pub(crate) fn finished(job: u64) -> WorkerMessage {
    end_of(job, false)
}

pub(crate) fn cancelled(job: u64) -> WorkerMessage {
    end_of(job, true)
}

fn end_of(job: u64, cancelled: bool) -> WorkerMessage {
    let finished = JobFinished {
        job,
        cancelled,
        failure: None,
    };
    WorkerMessage::JobFinished(finished, Bytes::new())
}

fn is_end_of(message: &WorkerMessage, number: u64) -> bool {
    matches!(message, WorkerMessage::JobFinished(finished, _) if finished.job == number)
}

pub(crate) fn exiting(reason: &str) -> WorkerMessage {
    WorkerMessage::Exiting(Exiting {
        reason: reason.into(),
    })
}

pub(crate) fn stack_dump(text: &str) -> WorkerMessage {
    WorkerMessage::StackDump(StackDump { text: text.into() })
}
