//! One worker's life as a state machine.

mod action;
mod jobs;
mod messages;
mod pings;
mod policy;
mod state;
mod timers;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallResponse, CancelJob, CancelReason, Capabilities, FrameError, HostMessage,
    InitializeRequest, JobInput, JobWindow, Limits, MAX_FIELDS, Ping, Shutdown, ShutdownReason,
    StartJob, version,
};

use crate::allowance::Allowance;
use crate::deadline::Deadline;
use crate::exit::{ExitReason, ExitReport, ExitStatus, InitializePhase, SpawnFailure};
use crate::job::{JobOutcome, JobRequest, JobUpdate};
use crate::memory::{Memory, Verdict};
use crate::time::Time;

use jobs::{Job, JobTime, Jobs};
use pings::Pings;
use timers::{Timer, Timers};

pub use action::{Action, Hello, LaunchRefused, Malformed, Notice};
pub use policy::WorkerPolicy;
pub use state::State;

/// A wake-up that is later than this was the host's stall, not the worker's silence.
pub const STALL_TOLERANCE: Duration = Duration::from_millis(100);
/// How long a closed connection may be followed by nothing before the worker is killed.
pub const DISCONNECT_GRACE: Duration = Duration::from_secs(1);
/// How long a kill may take until it is reported as overdue, and then until it is given up.
pub const KILL_OVERDUE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(8)];
/// A ping comes up to one such part of its interval early.
const PINGS_ON_GRID: u32 = 10;
/// How long a worker may take to say what its threads do before it is killed for its silence.
pub const STACKS_WITHIN: Duration = Duration::from_millis(500);

/// One worker, from the order to spawn it to its exit report.
#[derive(Clone, Debug)]
pub struct Worker {
    policy: WorkerPolicy,
    hello: Hello,
    state: State,
    entered: Time,
    journey: Vec<(State, Duration)>,
    pid: Option<u32>,
    /// Set before the worker is ended, and never changed.
    reason: Option<ExitReason>,
    /// Whether anything can still be written to it.
    connected: bool,
    /// Whether it has broken the protocol: nothing it says counts any more.
    distrusted: bool,
    /// Whether its own exit with code 0 would be in order.
    may_leave: bool,
    /// Whether a Shutdown was sent and not yet acknowledged.
    shutdown_open: bool,
    retiring: bool,
    /// Whether it was told that it gets no more time.
    extension_refused: bool,
    /// Whether the last call was one too many.
    call_refused: bool,
    kill_overdue: bool,
    stacks_asked: bool,
    /// What the end of the stream has cut.
    cut_short: Option<String>,
    /// How often its stacks were asked for without an answer.
    dumps_open: u32,
    stacks: Option<String>,
    farewell: Option<String>,
    capabilities: Capabilities,
    limits: Limits,
    slots: u32,
    jobs: Jobs,
    last_call: u64,
    calls: BTreeSet<u64>,
    pings: Pings,
    last_answer: Time,
    memory: Memory,
    timers: Timers,
    initialize_allowance: Allowance,
    close_allowance: Allowance,
    actions: VecDeque<Action>,
}

impl Worker {
    /// A worker that the driver is spawning right now.
    pub fn new(policy: WorkerPolicy, hello: Hello, now: Time) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Initialize, now + policy.initialize_timeout);
        timers.set(Timer::Ping, now + policy.ping_interval);
        Self {
            initialize_allowance: Allowance::default(),
            close_allowance: Allowance::default(),
            limits: policy.limits,
            policy,
            hello,
            state: State::Starting,
            entered: now,
            journey: Vec::new(),
            pid: None,
            reason: None,
            connected: false,
            distrusted: false,
            may_leave: false,
            shutdown_open: false,
            retiring: false,
            extension_refused: false,
            call_refused: false,
            kill_overdue: false,
            stacks_asked: false,
            cut_short: None,
            dumps_open: 0,
            stacks: None,
            farewell: None,
            capabilities: Capabilities::default(),
            slots: 0,
            jobs: Jobs::default(),
            last_call: 0,
            calls: BTreeSet::new(),
            pings: Pings::default(),
            last_answer: now,
            memory: Memory::default(),
            timers,
            actions: VecDeque::new(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// How many jobs it has.
    pub fn running(&self) -> usize {
        self.jobs.len()
    }

    /// How many more jobs it takes.
    pub fn free_slots(&self) -> usize {
        if self.state == State::Ready && !self.retiring {
            (self.slots as usize).saturating_sub(self.jobs.len())
        } else {
            0
        }
    }

    /// The largest frame it may send from now on, in bytes after the length field, once that is
    /// agreed on. It holds for the very next frame.
    pub fn max_frame(&self) -> Option<u32> {
        (self.slots > 0).then_some(self.limits.max_frame)
    }

    // ---- outputs

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` only once it has exited.
    pub fn poll_timeout(&self) -> Option<Time> {
        // Once it is killed, its exit ends the jobs: their own deadlines are void.
        let job = match self.state {
            State::Killing => None,
            _ => self.jobs.next_wake(),
        };
        [self.timers.next(), job].into_iter().flatten().min()
    }

    /// Whether [`handle_timeout`](Self::handle_timeout) would now judge the worker by what it has not
    /// said. What it has said by then must be read first.
    pub fn is_judged_at(&self, now: Time) -> bool {
        let job = self.jobs.next_wake();
        let due = [self.timers.next_judgement(), job];
        due.into_iter().flatten().any(|at| at <= now)
    }

    // ---- facts

    /// The process runs.
    pub fn handle_spawned(&mut self, now: Time, pid: u32) {
        self.catch_up(now);
        match self.state {
            State::Starting => {
                self.pid = Some(pid);
                self.connected = true;
                self.enter(State::Initializing, now);
                self.notice(Notice::Started { pid });
                // Its preparation may grow as its jobs may.
                let at = self.memory.hurry(now, &self.policy.memory()).unwrap_or(now);
                self.timers.set(Timer::Memory, at);
                let (request, arguments) = self.initialize_request();
                self.send(HostMessage::InitializeRequest(request, arguments));
            }
            // It was given up before it existed.
            State::Killing if self.pid.is_none() => {
                self.pid = Some(pid);
                self.actions.push_back(Action::Kill);
                self.kill_overdue = false;
                self.timers.set(Timer::Killed, now + KILL_OVERDUE[0]);
            }
            _ => {}
        }
    }

    /// The system refused to start it.
    pub fn handle_spawn_failed(&mut self, now: Time, failure: SpawnFailure) {
        self.catch_up(now);
        if self.pid.is_none() && self.state != State::Exited {
            self.reason.get_or_insert(ExitReason::SpawnFailed(failure));
            self.exit(now, None);
        }
    }

    /// What it sent is no message. Its connection cannot be trusted any further.
    pub fn handle_malformed(&mut self, now: Time, malformed: &Malformed) {
        self.catch_up(now);
        if self.state == State::Starting {
            return;
        }
        let requirement = match malformed {
            Malformed::Frame(error) => error.requirement(),
            Malformed::Message(error) => error.requirement(),
        };
        // A frame cut short by the end of the stream is how a dying process looks.
        if matches!(malformed, Malformed::Frame(FrameError::Truncated { .. })) {
            self.cut_short = Some(malformed.to_string());
            self.handle_disconnected(now);
        } else {
            self.violation(now, requirement, malformed.to_string());
        }
    }

    /// Nothing more will come from it: end of stream, reset, or a broken pipe.
    pub fn handle_disconnected(&mut self, now: Time) {
        self.catch_up(now);
        if !self.connected {
            return;
        }
        self.connected = false;
        self.drop_unsent();
        self.calls.clear();
        for timer in [Timer::Ping, Timer::HighPing, Timer::Silence] {
            self.timers.clear(timer);
        }
        if !matches!(self.state, State::Killing | State::Exited) {
            self.notice(Notice::Disconnected);
            self.timers.clear(Timer::Initialize);
            self.enter(State::Closing, now);
            let kill_at = now + DISCONNECT_GRACE;
            let close_at = self.timers.get(Timer::Close).unwrap_or(kill_at);
            self.timers.set(Timer::Close, close_at.min(kill_at));
        }
    }

    /// The process has ended.
    pub fn handle_exit(&mut self, now: Time, status: ExitStatus) {
        self.catch_up(now);
        self.exit(now, Some(status));
    }

    /// Its resident memory in bytes; 0 says nothing.
    pub fn handle_memory(&mut self, now: Time, rss: u64) {
        self.catch_up(now);
        let alive = !matches!(self.state, State::Starting | State::Killing | State::Exited);
        if rss == 0 || !alive {
            return;
        }
        let idle = self.state == State::Ready && self.jobs.len() == 0;
        let verdict = self.memory.observe(now, rss, idle, &self.policy.memory());
        let next = self.memory.next_sample(now, &self.policy.memory());
        self.timers.set(Timer::Memory, next);
        match verdict {
            Verdict::Fine => {}
            Verdict::Warn => self.notice(Notice::HighMemory {
                rss,
                warn: self.policy.memory_warn.unwrap_or_default(),
                limit: self.policy.memory_limit,
            }),
            Verdict::Kill { limit } => {
                return self.end(now, ExitReason::MemoryLimit { rss, limit });
            }
        }
        if let Some(max) = self.policy.max_rss.take_if(|max| rss > *max) {
            self.notice(Notice::Outgrown { rss, max });
        }
    }

    /// What a call of the worker came to.
    pub fn handle_call_result(&mut self, now: Time, call: u64, result: Result<Bytes, String>) {
        self.catch_up(now);
        if self.calls.remove(&call) {
            self.answer_call(call, result);
        }
    }

    /// Time has passed. Calls before [`poll_timeout`](Self::poll_timeout) do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.catch_up(now);
        for number in self.jobs.due(now) {
            self.job_overdue(now, number);
        }
        while let Some(timer) = self.timers.take_expired(now) {
            match timer {
                Timer::Ping => self.ping(now),
                Timer::HighPing => self.warn_of_ping(now),
                Timer::Memory => {
                    self.actions.push_back(Action::SampleMemory);
                    // In case no sample ever comes.
                    let next = now.next_on_grid(self.policy.memory_sample);
                    self.timers.set(Timer::Memory, next);
                }
                Timer::Initialize => self.initialize_overdue(now),
                Timer::Silence => self.silent(now),
                Timer::Close => {
                    let reason = if self.connected {
                        ExitReason::CloseTimeout {
                            after: self.close_allowance.extended(self.policy.close_timeout),
                        }
                    } else if let Some(detail) = self.cut_short.take() {
                        // The process is alive and well, so this is no way of dying.
                        ExitReason::ProtocolViolation {
                            requirement: "GR-2.3-2",
                            detail,
                        }
                    } else {
                        ExitReason::Disconnected
                    };
                    self.end(now, reason);
                }
                Timer::Killed => self.kill_is_overdue(now),
            }
        }
    }

    // ---- commands

    /// Gives it a job and returns the job's number.
    pub fn launch(&mut self, now: Time, job: JobRequest) -> Result<u64, LaunchRefused> {
        self.catch_up(now);
        if self.free_slots() == 0 {
            return Err(LaunchRefused::Busy {
                state: self.state,
                jobs: self.jobs.len(),
            });
        }
        let size = job.input.len() as u64;
        if size > self.limits.max_payload {
            return Err(LaunchRefused::PayloadTooLarge {
                size,
                limit: self.limits.max_payload,
            });
        }
        let mut start = StartJob {
            // Known once the job is taken.
            job: 0,
            id: job.id,
            name: job.name,
            metadata: job.metadata,
            traceparent: job.traceparent,
            deadline_ms: job.deadline.map_or(0, |span| whole_millis(span).max(1)),
            attempt: job.attempt,
            last: true,
        };
        let header = header_size(&start, self.limits.max_frame)?;
        start.job = self.jobs.add(Job {
            id: start.id.clone(),
            accepted: false,
            window: u64::from(self.limits.output_window),
            used: 0,
            time: job
                .deadline
                .map_or(JobTime::Unlimited, |span| JobTime::Until(now + span)),
            deadline: job.deadline.unwrap_or_default(),
            extended: Duration::ZERO,
        });
        let number = start.job;
        self.send_input(start, header, job.input);
        if let Some(at) = self.memory.hurry(now, &self.policy.memory()) {
            // Never later than planned: launch after launch would put the look off for ever.
            let planned = self.timers.get(Timer::Memory).unwrap_or(at);
            self.timers.set(Timer::Memory, at.min(planned));
        }
        Ok(number)
    }

    /// Tells a job to stop. Its worker is killed if it has not within the grace.
    pub fn cancel(&mut self, now: Time, number: u64) {
        self.catch_up(now);
        self.cancel_for(now, number, CancelReason::REQUESTED);
    }

    /// `bytes` of a job's output have been used and may be sent anew. The worker is told once half
    /// a window is free, not for every piece.
    pub fn grant(&mut self, now: Time, number: u64, bytes: u64) {
        self.catch_up(now);
        let half = u64::from(self.limits.output_window) / 2;
        let Some(job) = self.jobs.get_mut(number) else {
            return;
        };
        // No more comes back than was taken.
        let taken = u64::from(self.limits.output_window) - job.window;
        job.used = job.used.saturating_add(bytes).min(taken);
        if job.used >= half {
            let granted = u32::try_from(job.used).unwrap_or(u32::MAX);
            job.used -= u64::from(granted);
            job.window += u64::from(granted);
            self.send(HostMessage::JobWindow(JobWindow {
                job: number,
                bytes: granted,
            }));
        }
    }

    /// Asks it to leave. One that is not ready yet has nothing to finish and is killed.
    pub fn close(&mut self, now: Time, reason: ShutdownReason) {
        self.catch_up(now);
        match self.state {
            State::Starting | State::Initializing => self.end(
                now,
                ExitReason::Requested {
                    by: "closed before it was ready".into(),
                },
            ),
            State::Ready => {
                self.may_leave = true;
                self.shutdown_open = true;
                self.send(HostMessage::Shutdown(Shutdown {
                    reason,
                    grace_ms: whole_millis(self.policy.close_timeout),
                }));
                self.enter(State::Closing, now);
                let close_at = now + self.policy.close_timeout;
                self.timers.set(Timer::Close, close_at);
            }
            State::Closing | State::Killing | State::Exited => {}
        }
    }

    /// Ends it now. `by` says who wants that, or why.
    pub fn kill(&mut self, now: Time, by: impl Into<String>) {
        self.catch_up(now);
        self.end(now, ExitReason::Requested { by: by.into() });
    }

    // ---- the host's own lateness

    /// Adds what the host was late by to every deadline.
    fn catch_up(&mut self, now: Time) {
        let Some(due) = self.poll_timeout() else {
            return;
        };
        let lateness = now - due;
        if lateness > STALL_TOLERANCE {
            let grace = self.policy.ping_interval;
            self.timers.postpone(lateness, now, grace);
            self.jobs.postpone(lateness, now, grace);
            self.pings.postpone(lateness);
            self.last_answer = self.last_answer + lateness;
        }
    }

    // ---- what timers do

    fn ping(&mut self, now: Time) {
        // On a grid, so that a host with a thousand workers wakes for many of them at once.
        let interval = self.policy.ping_interval;
        let next = (now + interval).last_on_grid(interval / PINGS_ON_GRID);
        self.timers.set(Timer::Ping, next);
        // Before the handshake is over and after a farewell, the wake-up only shows whether the host
        // was late.
        if self.slots == 0 || self.farewell.is_some() {
            return;
        }
        if let Some(seq) = self.pings.send(now) {
            self.send(HostMessage::Ping(Ping { seq }));
            self.expect_pong(now);
        }
    }

    /// Watches the oldest unanswered ping, unless its delay was already reported.
    fn expect_pong(&mut self, now: Time) {
        match self.pings.oldest() {
            Some(sent) if !self.pings.has_warned() => {
                let warn_at = (sent + self.policy.high_ping).max(now);
                self.timers.set(Timer::HighPing, warn_at);
            }
            _ => self.timers.clear(Timer::HighPing),
        }
    }

    fn warn_of_ping(&mut self, now: Time) {
        if let Some(sent) = self.pings.oldest()
            && self.pings.warn_once()
        {
            self.notice(Notice::HighPing { rtt: now - sent });
        }
    }

    fn silent(&mut self, now: Time) {
        if self.capabilities.contains(Capabilities::STACK_DUMP) && !self.stacks_asked {
            self.stacks_asked = true;
            self.dumps_open += 1;
            self.send(HostMessage::DumpStacks);
            self.timers.set(Timer::Silence, now + STACKS_WITHIN);
            return;
        }
        let reason = ExitReason::PingTimeout {
            last_rtt: self.pings.last_rtt(),
            silent_for: now - self.last_answer,
        };
        self.end(now, reason);
    }

    fn initialize_overdue(&mut self, now: Time) {
        let phase = match self.state {
            State::Starting => InitializePhase::Spawn,
            _ => InitializePhase::Handshake,
        };
        let limit = self.policy.initialize_timeout;
        let after = self.initialize_allowance.extended(limit);
        self.end(now, ExitReason::InitializeTimeout { phase, after });
    }

    fn job_overdue(&mut self, now: Time, number: u64) {
        let Some(job) = self.jobs.get(number) else {
            return;
        };
        let id = job.id.clone();
        let deadline = job.deadline;
        match job.time {
            JobTime::Unlimited => {}
            JobTime::Until(_) => self.cancel_for(now, number, CancelReason::DEADLINE),
            JobTime::Cancelled { reason, .. } => {
                let reason = if reason == CancelReason::DEADLINE {
                    ExitReason::JobDeadline { job: id, deadline }
                } else {
                    ExitReason::CancelIgnored {
                        job: id,
                        after: self.policy.cancel_grace,
                    }
                };
                self.end(now, reason);
            }
        }
    }

    fn cancel_for(&mut self, now: Time, number: u64, reason: CancelReason) {
        if matches!(self.state, State::Killing | State::Exited) {
            return;
        }
        let Some(job) = self.jobs.get_mut(number) else {
            return;
        };
        if job.cancelled_for().is_none() {
            let kill = Deadline::new(now + self.policy.cancel_grace);
            job.time = JobTime::Cancelled { reason, kill };
            self.send(HostMessage::CancelJob(CancelJob {
                job: number,
                reason,
            }));
        }
    }

    fn kill_is_overdue(&mut self, now: Time) {
        if self.kill_overdue {
            self.exit(now, None);
        } else {
            self.kill_overdue = true;
            self.notice(Notice::KillOverdue {
                since: KILL_OVERDUE[0],
            });
            self.timers.set(Timer::Killed, now + KILL_OVERDUE[1]);
        }
    }

    // ---- endings

    fn violation(&mut self, now: Time, requirement: &'static str, detail: impl Into<String>) {
        self.distrusted = true;
        let detail = detail.into();
        self.end(
            now,
            ExitReason::ProtocolViolation {
                requirement,
                detail,
            },
        );
    }

    /// Kills it for `reason`, unless somebody else has.
    fn end(&mut self, now: Time, reason: ExitReason) {
        if matches!(self.state, State::Killing | State::Exited) {
            return;
        }
        self.reason.get_or_insert(reason);
        self.drop_unsent();
        self.calls.clear();
        self.timers.clear_all();
        self.timers.set(Timer::Killed, now + KILL_OVERDUE[0]);
        if self.pid.is_some() {
            self.actions.push_back(Action::Kill);
        }
        self.enter(State::Killing, now);
    }

    fn exit(&mut self, now: Time, status: Option<ExitStatus>) {
        if self.state == State::Exited {
            return;
        }
        let reason = self.reason.take().unwrap_or(match status {
            Some(ExitStatus::Code(0)) if self.may_leave => ExitReason::Clean,
            Some(ExitStatus::Code(code)) => ExitReason::Code { code },
            Some(ExitStatus::Signal { signal, core }) => ExitReason::Signal { signal, core },
            Some(ExitStatus::OutOfMemory) => ExitReason::OutOfMemory,
            None => ExitReason::Disconnected,
        });
        self.drop_unsent();
        self.timers.clear_all();
        self.enter(State::Exited, now);
        let jobs = self.jobs.ids();
        for (number, job) in self.jobs.take_all() {
            let outcome = outcome_of_death(&job, &reason);
            self.update(number, JobUpdate::Finished(outcome));
        }
        self.actions.push_back(Action::Exited(ExitReport {
            pid: self.pid,
            reason,
            status,
            journey: self.journey.clone(),
            peak_memory: self.memory.peak(),
            jobs,
            farewell: self.farewell.take(),
            stacks: self.stacks.take(),
        }));
    }

    // ---- small steps

    fn initialize_request(&mut self) -> (InitializeRequest, Bytes) {
        let policy = &self.policy;
        let request = InitializeRequest {
            protocol_min: *version::SUPPORTED.start(),
            protocol_max: *version::SUPPORTED.end(),
            capabilities: Capabilities::STACK_DUMP,
            slot: self.hello.slot,
            generation: self.hello.generation,
            host_name: self.hello.host_name.clone(),
            host_version: self.hello.host_version.clone(),
            limits: policy.limits,
            ping_interval_ms: whole_millis(policy.ping_interval),
            ping_timeout_ms: whole_millis(policy.ping_timeout),
            high_ping_ms: whole_millis(policy.high_ping),
            initialize_timeout_ms: whole_millis(policy.initialize_timeout),
            close_timeout_ms: whole_millis(policy.close_timeout),
            log_filter: self.hello.log_filter.clone(),
            extensions: Vec::new(),
        };
        (request, std::mem::take(&mut self.hello.arguments))
    }

    /// One frame if the input fits beside the header, else as many as it takes.
    fn send_input(&mut self, mut start: StartJob, header: usize, mut input: Bytes) {
        let max_frame = self.limits.max_frame as usize;
        if header + input.len() <= max_frame {
            self.send(HostMessage::StartJob(start, input));
            return;
        }
        let number = start.job;
        start.last = false;
        self.send(HostMessage::StartJob(start, Bytes::new()));
        let room = max_frame - DATA_HEADER;
        while !input.is_empty() {
            let piece = input.split_to(room.min(input.len()));
            let message = JobInput {
                job: number,
                last: input.is_empty(),
            };
            self.send(HostMessage::JobInput(message, piece));
        }
    }

    fn answer_call(&mut self, call: u64, result: Result<Bytes, String>) {
        let room = self.limits.max_frame as usize - DATA_HEADER;
        let (error, data) = match result {
            Ok(data) if data.len() > room => {
                let error = format!(
                    "the result has {} bytes, an answer holds {room}",
                    data.len()
                );
                (Some(error), Bytes::new())
            }
            Ok(data) => (None, data),
            Err(mut error) => {
                error.truncate(error.floor_char_boundary(MAX_ERROR));
                (Some(error), Bytes::new())
            }
        };
        self.send(HostMessage::CallResponse(
            CallResponse { call, error },
            data,
        ));
    }

    fn send(&mut self, message: HostMessage) {
        if self.connected && !matches!(self.state, State::Killing | State::Exited) {
            self.actions.push_back(Action::Send(message));
        }
    }

    /// Takes back what was about to be written.
    fn drop_unsent(&mut self) {
        self.actions
            .retain(|action| !matches!(action, Action::Send(_) | Action::SampleMemory));
    }

    fn update(&mut self, number: u64, update: JobUpdate) {
        self.actions.push_back(Action::Job(number, update));
    }

    fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    fn enter(&mut self, state: State, now: Time) {
        if self.state != state {
            self.journey.push((self.state, now - self.entered));
            self.state = state;
            self.entered = now;
        }
    }
}

/// The most that a type number and a message's integers and flags take before data.
const DATA_HEADER: usize = 48;
/// The most that the length of a text takes.
const TEXT_HEADER: usize = 5;
/// The most bytes of an error's text on the wire.
const MAX_ERROR: usize = 16 << 10;

/// What a job takes in a frame beside its input, or a little more.
fn header_size(start: &StartJob, max_frame: u32) -> Result<usize, LaunchRefused> {
    let texts = start
        .metadata
        .iter()
        .flat_map(|pair| [&pair.key, &pair.value]);
    let texts = texts.chain([&start.id, &start.name, &start.traceparent]);
    let size = texts.map(|text| TEXT_HEADER + text.len()).sum::<usize>() + DATA_HEADER;
    let limit = max_frame.min(MAX_FIELDS);
    if size > limit as usize {
        return Err(LaunchRefused::HeaderTooLarge { size, limit });
    }
    Ok(size)
}

fn outcome_of_death(job: &Job, reason: &ExitReason) -> JobOutcome {
    match reason {
        ExitReason::JobDeadline { job: id, deadline } if *id == job.id => {
            JobOutcome::DeadlineExceeded {
                deadline: *deadline,
            }
        }
        ExitReason::CancelIgnored { job: id, .. } if *id == job.id => JobOutcome::Cancelled,
        reason => JobOutcome::Lost {
            reason: reason.clone(),
            accepted: job.accepted,
        },
    }
}

/// Milliseconds for the wire; more than 584 million years is as good as that.
fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
