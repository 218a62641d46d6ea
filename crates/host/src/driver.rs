//! One task per worker: facts from the system go into the machine, its actions back to the system.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{DecodeError, ShutdownReason, WorkerMessage};
use greenroom_supervision::pool::RequestId;
use greenroom_supervision::worker::{Action, Hello, Malformed, Notice, State};
use greenroom_supervision::{
    ExitReport, ExitStatus, JobOutcome, JobUpdate, SpawnFailure, Time, Worker as Machine, WorkerId,
    WorkerPolicy,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use crate::call::{Call, CallHandler};
use crate::channel::{Channel, Read, Ready};
use crate::clock;
use crate::command::ResolvedWorker;
use crate::job::{JobCommand, JobError, LaunchError, Ticket};
use crate::logs::{Logs, Printed};
use crate::os::{self, Child, Spawned};
use crate::report::CrashReport;

/// How long output may still come once the process has ended. Who holds the pipes longer is
/// somebody else.
const DRAIN: Duration = Duration::from_millis(200);

/// What others want of a worker.
#[derive(Debug)]
pub(crate) enum Input {
    Launch(Box<Ticket>),
    Job(RequestId, JobCommand),
    Close(ShutdownReason),
    Kill(String),
    /// Its resident bytes, from the measuring thread.
    Memory(u64),
}

/// What a worker's owner learns of it.
#[derive(Debug)]
pub(crate) enum Tidings {
    Notice(Notice),
    /// It takes no more jobs.
    Unavailable,
    /// A job has ended, in a worker that has its place free again.
    Released {
        request: RequestId,
        job: String,
        error: Option<JobError>,
    },
    /// No worker can run this job: it is too large. Its place is free again.
    Refused {
        request: RequestId,
        job: String,
    },
    /// A job has not been run, or may be run again.
    Returned {
        ticket: Box<Ticket>,
        /// Whether it counts as a job that the worker has had.
        used: bool,
    },
    Exited(Arc<CrashReport>),
}

/// Where a single process stands, for those who wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) pid: Option<u32>,
    pub(crate) ready: bool,
    pub(crate) exited: Option<Arc<CrashReport>>,
}

/// Who a worker belongs to.
#[derive(Debug)]
pub(crate) enum Owner {
    Pool(mpsc::Sender<(WorkerId, Tidings)>),
    Process(watch::Sender<Status>),
}

/// What is needed to make a worker.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) worker: Arc<ResolvedWorker>,
    pub(crate) policy: WorkerPolicy,
    pub(crate) hello: Hello,
    pub(crate) calls: Option<Arc<dyn CallHandler>>,
}

pub(crate) struct Driver {
    id: WorkerId,
    machine: Machine,
    body: Body,
    inputs: mpsc::UnboundedReceiver<Input>,
    /// For the measuring thread's answers.
    to_self: mpsc::UnboundedSender<Input>,
    owner: Owner,
    handler: Option<Arc<dyn CallHandler>>,
    calls: JoinSet<(u64, Result<Bytes, String>)>,
    jobs: HashMap<u64, Box<Ticket>>,
    numbers: HashMap<RequestId, u64>,
    /// Jobs that ended with their worker, until it is known how it ended.
    lost: Vec<(Box<Ticket>, bool)>,
    alarm: Pin<Box<Sleep>>,
    alarm_at: Time,
    was_available: bool,
    /// What is polled first.
    turn: usize,
    report: Option<ExitReport>,
}

/// What there is of the process.
enum Body {
    Spawning(Pin<Box<dyn Future<Output = Result<Spawned, SpawnFailure>> + Send>>),
    Running(Box<Running>),
    Gone {
        last_lines: Vec<String>,
        dropped_lines: u64,
        output_held_open: bool,
    },
}

struct Running {
    child: Child,
    logs: Logs,
    /// `None` once the connection has ended.
    channel: Option<Channel>,
}

enum Happened {
    Spawned(Result<Spawned, SpawnFailure>),
    Exited,
    Channel(Ready),
    Printed(Printed),
    Input(Input),
    CallDone(u64, Result<Bytes, String>),
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
        let (to_self, inputs) = mpsc::unbounded_channel();
        let now = clock::now();
        let driver = Self {
            id,
            machine: Machine::new(plan.policy, plan.hello, now),
            body: Body::Spawning(Box::pin(os::spawn(plan.worker))),
            inputs,
            to_self: to_self.clone(),
            owner,
            handler: plan.calls,
            calls: JoinSet::new(),
            jobs: HashMap::new(),
            numbers: HashMap::new(),
            lost: Vec::new(),
            alarm: Box::pin(tokio::time::sleep_until(Instant::now())),
            alarm_at: now,
            was_available: false,
            turn: 0,
            report: None,
        };
        (driver, to_self)
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
                    // It holds a sender itself.
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                },
                2 => match self.calls.poll_join_next(context) {
                    Poll::Ready(Some(Ok((call, result)))) => {
                        Poll::Ready(Happened::CallDone(call, result))
                    }
                    // Its number went down with it: the worker waits for no answer longer than its
                    // job.
                    Poll::Ready(Some(Err(_))) => Poll::Ready(Happened::Alarm),
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
            Happened::Channel(Ready::Read(read)) => self.frames(now, read),
            Happened::Printed(printed) => {
                let jobs = self.job_ids();
                if let Body::Running(running) = &mut self.body {
                    running.logs.take(&printed, now, &jobs);
                }
            }
            Happened::Input(input) => self.input(now, input).await,
            Happened::CallDone(call, result) => {
                self.machine.handle_call_result(now, call, result);
            }
            Happened::Alarm => {
                self.read_what_is_there(now);
                self.machine.handle_timeout(now);
            }
        }
    }

    fn spawned(&mut self, now: Time, spawned: Spawned) {
        let Spawned {
            mut child,
            socket,
            stdout,
            stderr,
            shortcomings,
        } = spawned;
        let pid = child.id();
        for shortcoming in shortcomings {
            tracing::warn!(worker = %self.id, pid, %shortcoming, "a worker runs without a limit");
        }
        let body = child.watch().and_then(|()| {
            Ok(Body::Running(Box::new(Running {
                logs: Logs::new(self.id, pid, stdout, stderr)?,
                channel: Some(Channel::new(socket)?),
                child,
            })))
        });
        match body {
            Ok(body) => {
                self.body = body;
                self.machine.handle_spawned(now, pid);
            }
            // The child was dropped on the way, and so ended.
            Err(error) => {
                self.body = Body::nothing();
                let failure = SpawnFailure {
                    step: "watch the process".into(),
                    errno: error.raw_os_error(),
                    message: error.to_string(),
                    permanent: false,
                };
                self.machine.handle_spawn_failed(now, failure);
            }
        }
    }

    /// The process has ended: what it still said counts, then it is reaped.
    async fn exited(&mut self, now: Time) {
        if let Some(channel) = self.body.channel() {
            channel.forget();
        }
        self.read_what_is_there(now);
        self.perform().await;
        let jobs = self.job_ids();
        let Body::Running(running) = std::mem::replace(&mut self.body, Body::nothing()) else {
            return;
        };
        let Running {
            child, mut logs, ..
        } = *running;
        // What it has left behind in its group would hold the pipes open.
        child.kill();
        let drained = tokio::time::timeout(DRAIN, async {
            while !logs.ended() {
                let printed = std::future::poll_fn(|context| logs.poll_read(context)).await;
                logs.take(&printed, clock::now(), &jobs);
            }
        });
        let output_held_open = drained.await.is_err();
        let status = child.reap().unwrap_or(ExitStatus::Code(-1));
        let status = if self.was_out_of_memory(status) {
            ExitStatus::OutOfMemory
        } else {
            status
        };
        let (last_lines, dropped_lines) = logs.finish();
        self.body = Body::Gone {
            last_lines,
            dropped_lines,
            output_held_open,
        };
        self.machine.handle_exit(clock::now(), status);
    }

    /// The system kills with the same signal as everybody else.
    fn was_out_of_memory(&self, status: ExitStatus) -> bool {
        const SIGKILL: i32 = 9;
        let killed = matches!(
            status,
            ExitStatus::Signal {
                signal: SIGKILL,
                ..
            }
        );
        killed && self.machine.state() != State::Killing && os::out_of_memory_since_last_look()
    }

    /// Takes the frames that a read brought.
    fn frames(&mut self, now: Time, read: Read) {
        while let Some(channel) = self.body.channel() {
            let message = match channel.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => WorkerMessage::decode(frame),
                Err(error) => return self.malformed(now, &error.into()),
            };
            match message {
                Ok(Some(message)) => {
                    self.machine.handle_message(now, message);
                    self.accept_frames();
                }
                Ok(None) => {}
                Err(error) => return self.malformed(now, &DecodeError::into(error)),
            }
        }
        if read == Read::Gone {
            self.disconnected(now);
        }
    }

    /// A new limit holds from the very next frame, which may have been read already.
    fn accept_frames(&mut self) {
        if let Some(max_frame) = self.machine.max_frame()
            && let Some(channel) = self.body.channel()
        {
            channel.set_max_frame(max_frame);
        }
    }

    fn malformed(&mut self, now: Time, malformed: &Malformed) {
        self.close_channel();
        self.machine.handle_malformed(now, malformed);
    }

    fn disconnected(&mut self, now: Time) {
        if let Some(mut channel) = self.close_channel()
            && let Err(error) = channel.check_end()
        {
            tracing::debug!(worker = %self.id, %error, "the connection ended");
        }
        self.machine.handle_disconnected(now);
    }

    fn close_channel(&mut self) -> Option<Channel> {
        match &mut self.body {
            Body::Running(running) => running.channel.take(),
            Body::Spawning(_) | Body::Gone { .. } => None,
        }
    }

    /// Bypasses the runtime, which may not have looked yet: an answer that is there counts before
    /// time does, and a result before death.
    fn read_what_is_there(&mut self, now: Time) {
        let Some(channel) = self.body.channel() else {
            return;
        };
        let read = channel.read_now();
        if read != Read::Nothing {
            self.frames(now, read);
        }
    }

    async fn input(&mut self, now: Time, input: Input) {
        match input {
            Input::Launch(ticket) => self.launch(now, ticket).await,
            Input::Job(request, command) => {
                let Some(&number) = self.numbers.get(&request) else {
                    return;
                };
                match command {
                    JobCommand::Grant(bytes) => self.machine.grant(now, number, bytes),
                    JobCommand::Cancel => self.machine.cancel(now, number),
                    JobCommand::Kill => self.machine.kill(now, "the job was killed"),
                }
            }
            Input::Close(reason) => self.machine.close(now, reason),
            Input::Kill(by) => self.machine.kill(now, by),
            Input::Memory(rss) => self.machine.handle_memory(now, rss),
        }
    }

    async fn launch(&mut self, now: Time, mut ticket: Box<Ticket>) {
        use greenroom_supervision::worker::LaunchRefused;
        match self.machine.launch(now, ticket.to_request()) {
            Ok(number) => {
                ticket.launched(self.id);
                self.numbers.insert(ticket.request, number);
                self.jobs.insert(number, ticket);
            }
            Err(LaunchRefused::Busy { .. }) if matches!(self.owner, Owner::Pool(_)) => {
                // It began to leave when the pool did not know yet.
                let used = false;
                self.tell(Tidings::Returned { ticket, used }).await;
            }
            Err(refused) => {
                let request = ticket.request;
                let job = ticket.id().to_owned();
                ticket.fail_launch(refused);
                self.tell(Tidings::Refused { request, job }).await;
            }
        }
    }

    // ---- actions

    async fn perform(&mut self) {
        loop {
            while let Some(action) = self.machine.poll_action() {
                self.act(action).await;
            }
            if !self.flush() {
                break;
            }
        }
        let available = self.machine.state() == State::Ready;
        if self.was_available && !available {
            self.tell(Tidings::Unavailable).await;
        }
        self.was_available = available;
    }

    /// Writes what waits. True if that has brought new actions.
    fn flush(&mut self) -> bool {
        let Some(channel) = self.body.channel() else {
            return false;
        };
        if channel.flush().is_ok() {
            return false;
        }
        // The other side no longer reads; what it wrote before counts.
        let now = clock::now();
        self.read_what_is_there(now);
        self.disconnected(now);
        true
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Send(message) => {
                let Some(channel) = self.body.channel() else {
                    return;
                };
                match message.encode() {
                    Ok(frame) => channel.push(&message, frame),
                    // The machine cuts everything to size.
                    Err(error) => tracing::error!(worker = %self.id, %error, "a message is lost"),
                }
            }
            Action::Kill => {
                if let Body::Running(running) = &mut self.body {
                    if let Some(channel) = &mut running.channel {
                        channel.forget();
                    }
                    running.child.kill();
                }
            }
            Action::SampleMemory => {
                if let Body::Running(running) = &self.body {
                    let to_self = self.to_self.clone();
                    os::sample(running.child.id(), move |rss| {
                        // A worker that is gone needs no measure.
                        let _ = to_self.send(Input::Memory(rss));
                    });
                }
            }
            Action::Call {
                call,
                method,
                argument,
            } => self.call(call, method, argument),
            Action::Job(number, update) => self.update(number, update).await,
            Action::Notice(notice) => {
                self.log(&notice);
                self.tell(Tidings::Notice(notice)).await;
            }
            Action::Exited(report) => self.report = Some(report),
        }
    }

    fn call(&mut self, call: u64, method: String, argument: Bytes) {
        let Some(handler) = &self.handler else {
            let error = format!("this host serves no calls, and so not {method:?}");
            self.machine
                .handle_call_result(clock::now(), call, Err(error));
            return;
        };
        let served = handler.call(Call {
            worker: self.id,
            method,
            argument,
        });
        self.calls.spawn(async move { (call, served.await) });
    }

    async fn update(&mut self, number: u64, update: JobUpdate) {
        match update {
            JobUpdate::Accepted => {
                if let Some(ticket) = self.jobs.get(&number) {
                    ticket.accepted();
                }
            }
            JobUpdate::Output(data) => {
                let size = data.len() as u64;
                if let Some(ticket) = self.jobs.get_mut(&number)
                    && !ticket.output(data)
                {
                    self.machine.grant(clock::now(), number, size);
                }
            }
            JobUpdate::Finished(outcome) => {
                if let Some(ticket) = self.jobs.remove(&number) {
                    self.numbers.remove(&ticket.request);
                    self.ended(ticket, outcome).await;
                }
            }
        }
    }

    async fn ended(&mut self, mut ticket: Box<Ticket>, outcome: JobOutcome) {
        if matches!(self.owner, Owner::Pool(_)) && ticket.attempts.again(&outcome) {
            let used = true;
            return self.tell(Tidings::Returned { ticket, used }).await;
        }
        let result = match outcome {
            JobOutcome::Ok(last) => Ok(last),
            JobOutcome::Failed(failure) => Err(JobError::Failed {
                kind: failure.kind,
                message: failure.message,
                retryable: failure.retryable,
            }),
            JobOutcome::Cancelled => Err(JobError::Cancelled),
            JobOutcome::DeadlineExceeded { deadline } => {
                Err(JobError::DeadlineExceeded { deadline })
            }
            JobOutcome::Lost { accepted, .. } => return self.lost.push((ticket, accepted)),
        };
        self.conclude(ticket, result).await;
    }

    /// The pool knows of the free place before the caller knows of the result.
    async fn conclude(&mut self, ticket: Box<Ticket>, result: Result<Bytes, JobError>) {
        let released = Tidings::Released {
            request: ticket.request,
            job: ticket.id().to_owned(),
            error: result.as_ref().err().cloned(),
        };
        self.tell(released).await;
        ticket.finish(result);
    }

    /// The last thing: everybody who waits is told how the worker ended.
    async fn bury(mut self, exit: ExitReport) {
        let (last_lines, dropped_lines, output_held_open) = match self.body {
            Body::Gone {
                last_lines,
                dropped_lines,
                output_held_open,
            } => (last_lines, dropped_lines, output_held_open),
            // It could not be killed; dropping it here tries once more.
            Body::Spawning(_) | Body::Running(_) => (Vec::new(), 0, false),
        };
        self.body = Body::nothing();
        let report = Arc::new(CrashReport {
            worker: self.id,
            exit,
            last_lines,
            dropped_lines,
            output_held_open,
        });
        for (ticket, started) in std::mem::take(&mut self.lost) {
            let report = Arc::clone(&report);
            let lost = JobError::Lost { report, started };
            self.conclude(ticket, Err(lost)).await;
        }
        self.inputs.close();
        while let Ok(input) = self.inputs.try_recv() {
            if let Input::Launch(ticket) = input {
                self.came_too_late(ticket, &report).await;
            }
        }
        self.tell(Tidings::Exited(report)).await;
    }

    async fn came_too_late(&mut self, ticket: Box<Ticket>, report: &Arc<CrashReport>) {
        if matches!(self.owner, Owner::Pool(_)) {
            let used = false;
            return self.tell(Tidings::Returned { ticket, used }).await;
        }
        let report = Arc::clone(report);
        ticket.fail_launch(LaunchError::WorkerGone { report });
    }

    async fn tell(&mut self, tidings: Tidings) {
        match &self.owner {
            Owner::Pool(pool) => {
                if pool.send((self.id, tidings)).await.is_err() {
                    self.machine.kill(clock::now(), "its pool is gone");
                }
            }
            Owner::Process(status) => {
                status.send_if_modified(|status| status.note(tidings));
            }
        }
    }

    fn log(&self, notice: &Notice) {
        let worker = self.id;
        match notice {
            Notice::HighPing { rtt } => {
                tracing::warn!(%worker, ?rtt, "a worker answers slowly");
            }
            Notice::HighMemory { rss, warn, limit } => {
                tracing::warn!(%worker, rss, warn, limit, "a worker uses much memory");
            }
            Notice::KillOverdue { since } => {
                tracing::error!(%worker, ?since, "a killed worker has not ended");
            }
            notice => tracing::debug!(%worker, ?notice),
        }
    }

    fn job_ids(&self) -> Vec<String> {
        self.jobs.values().map(|job| job.id().to_owned()).collect()
    }
}

impl Body {
    fn nothing() -> Self {
        Self::Gone {
            last_lines: Vec::new(),
            dropped_lines: 0,
            output_held_open: false,
        }
    }

    fn channel(&mut self) -> Option<&mut Channel> {
        match self {
            Self::Running(running) => running.channel.as_mut(),
            Self::Spawning(_) | Self::Gone { .. } => None,
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        match self {
            Self::Spawning(spawned) => spawned.as_mut().poll(context).map(Happened::Spawned),
            Self::Running(running) => running.poll_next(context),
            Self::Gone { .. } => Poll::Pending,
        }
    }
}

impl Running {
    /// The exit comes first, so that whoever has inherited the socket cannot talk over it; what it
    /// prints comes last.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        if self.child.poll_exited(context).is_ready() {
            return Poll::Ready(Happened::Exited);
        }
        if let Some(channel) = &mut self.channel
            && let Poll::Ready(ready) = channel.poll_ready(context)
        {
            return Poll::Ready(Happened::Channel(ready));
        }
        self.logs.poll_read(context).map(Happened::Printed)
    }
}

impl Status {
    /// True if anybody who waits may want to look.
    fn note(&mut self, tidings: Tidings) -> bool {
        match tidings {
            Tidings::Notice(Notice::Started { pid }) => self.pid = Some(pid),
            Tidings::Notice(Notice::Ready { .. }) => self.ready = true,
            Tidings::Unavailable => self.ready = false,
            Tidings::Exited(report) => {
                self.ready = false;
                self.exited = Some(report);
            }
            Tidings::Notice(_)
            | Tidings::Released { .. }
            | Tidings::Refused { .. }
            | Tidings::Returned { .. } => {
                return false;
            }
        }
        true
    }
}
