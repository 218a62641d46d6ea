//! The loop of a ready worker: it owns the socket and every job's state.

use std::collections::HashMap;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver as Callbacks;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    CallRequest, CallResponse, CancelJob, DeadlineKind, Exiting, ExtendDeadline, FailureKind,
    HostMessage, JobAccepted, JobFinished, JobInput, JobOutput, JobWindow, Pong, Retire, Shutdown,
    ShutdownReason, ShuttingDown, StackDump, StartJob, WorkerMessage,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::connection::{Connection, Fault};
use crate::failure::capped;
use crate::guard::{Guard, LAST_WORDS};
use crate::handshake::Ready;
use crate::job::{Callback, JobState};
use crate::link::{Answer, Command, Link};
use crate::perform::{Outcome, perform};
use crate::run::End;
use crate::watched::{Lag, Watched};
use crate::{Failure, Handler, JobContext};

/// Answers that a host leaves unread, in bytes beyond what its own jobs may send.
const PATIENCE: usize = 1 << 20;

pub(crate) struct Session<'a, H> {
    connection: Connection,
    guard: &'a Guard,
    handler: Rc<H>,
    slots: usize,
    link: Arc<Link>,
    commands: mpsc::Receiver<Command>,
    /// Jobs whose input is not complete.
    assembling: HashMap<u64, Assembly>,
    /// Jobs that the host was told have begun, until it is told that they ended.
    running: HashMap<u64, Arc<JobState>>,
    /// The beginning of `running`: jobs that start once the host has been told.
    announced: Vec<(JobContext, Callbacks<Callback>)>,
    /// The end of `running`: the handlers at work. As local tasks, so that a wake costs no syscall.
    tasks: JoinSet<(u64, Outcome)>,
    calls: HashMap<u64, Answer>,
    next_call: u64,
    retire_sent: bool,
    lag: Lag,
    /// When handlers are dropped that still run.
    cut_off: Option<Instant>,
}

struct Assembly {
    start: StartJob,
    begun: Instant,
    input: BytesMut,
}

impl<'a, H: Handler> Session<'a, H> {
    pub(crate) fn new(connection: Connection, guard: &'a Guard, ready: Ready<H>) -> Self {
        Self {
            connection,
            guard,
            handler: Rc::new(ready.handler),
            slots: ready.slots as usize,
            link: ready.link,
            commands: ready.commands,
            assembling: HashMap::new(),
            running: HashMap::new(),
            announced: Vec::new(),
            tasks: JoinSet::new(),
            calls: HashMap::new(),
            next_call: 1,
            retire_sent: false,
            lag: Lag::default(),
            cut_off: None,
        }
    }

    /// Serves jobs until the worker is told to leave and they have ended.
    pub(crate) async fn run(mut self) -> Result<End, Fault> {
        let reason = loop {
            match self.link.shutdown.get() {
                Some(reason) if self.running.is_empty() => break reason,
                _ => self.step().await?,
            }
        };
        self.shut_handler_down(reason).await?;
        self.say_goodbye(reason).await
    }

    async fn shut_handler_down(&mut self, reason: ShutdownReason) -> Result<(), Fault> {
        let handler = Rc::clone(&self.handler);
        let mut work = Watched::new(async move { handler.shutdown(reason).await }, &self.lag);
        loop {
            tokio::select! {
                // A panic has been logged by the hook, and there is nothing to do but leave.
                _ = &mut work => return Ok(()),
                step = self.step() => step?,
            }
        }
    }

    async fn say_goodbye(mut self, reason: ShutdownReason) -> Result<End, Fault> {
        if !self.connection.is_open() {
            return Ok(End::HostGone);
        }
        self.guard.stand_down();
        self.connection.send(&WorkerMessage::Exiting(Exiting {
            reason: format!("shutdown: {reason}"),
        }))?;
        self.connection.flush().await?;
        Ok(End::Left)
    }

    /// Waits for one thing to happen and deals with it. Cancel-safe.
    async fn step(&mut self) -> Result<(), Fault> {
        match self.try_step().await {
            Err(Fault::HostGone) => {
                self.host_gone();
                Ok(())
            }
            result => result,
        }
    }

    async fn try_step(&mut self) -> Result<(), Fault> {
        self.start_announced();
        let open = self.connection.is_open();
        let flowing = self.connection.is_flowing();
        let cut_off = self.cut_off;
        tokio::select! {
            message = self.connection.receive(), if open => match message? {
                Some(message) => self.on_message(message),
                None => Ok(()),
            },
            Some(command) = self.commands.recv(), if flowing => self.on_command(command),
            Some(end) = self.tasks.join_next() => match end {
                Ok((job, outcome)) => self.on_job_end(job, outcome),
                // Handlers and callbacks are caught where they run, so this is a defect of ours.
                Err(defect) => resume_unwind(defect.into_panic()),
            },
            () = self.link.notices.notified() => self.send_notices(),
            () = at(cut_off) => {
                self.drop_handlers();
                Ok(())
            }
            () = self.guard.host_gone().wait(), if open => Err(Fault::HostGone),
        }
    }

    /// A job may end this process in its first instruction: the host must have been told by then.
    fn start_announced(&mut self) {
        if self.announced.is_empty() || self.connection.unsent() > 0 {
            return;
        }
        for (job, callbacks) in self.announced.drain(..) {
            let handler = Rc::clone(&self.handler);
            self.tasks
                .spawn_local(perform(handler, job, callbacks, self.lag.clone()));
        }
    }

    fn on_message(&mut self, message: HostMessage) -> Result<(), Fault> {
        self.refuse_to_hoard()?;
        match message {
            HostMessage::Ping(ping) => self.connection.send(&WorkerMessage::Pong(Pong {
                seq: ping.seq,
                jobs: count(self.running.len()),
                lag_us: self.lag.take_us(),
            })),
            HostMessage::StartJob(start, data) => self.on_start_job(start, data),
            HostMessage::JobInput(input, data) => self.on_input(input, &data),
            HostMessage::CancelJob(cancel) => self.on_cancel(cancel),
            HostMessage::JobWindow(window) => self.on_window(window),
            HostMessage::CallResponse(response, data) => self.on_answer(response, data),
            HostMessage::Shutdown(shutdown) => self.on_shutdown(shutdown),
            HostMessage::DumpStacks => self.dump(),
            HostMessage::InitializeRequest(..) => Err(Fault::out_of_place(
                "GR-4.1-2",
                "a second InitializeRequest",
            )),
        }
    }

    /// What jobs send is bounded by windows; answers are bounded by a host that reads them.
    fn refuse_to_hoard(&self) -> Result<(), Fault> {
        let frames = self.commands.max_capacity() + self.slots + 1;
        let jobs = frames.saturating_mul(self.link.limits.max_frame as usize);
        if self.connection.unsent() > jobs.saturating_add(PATIENCE) {
            return Err(Fault::out_of_place(
                "GR-1.3-1",
                "the host asks and does not read the answers",
            ));
        }
        Ok(())
    }

    fn on_start_job(&mut self, start: StartJob, data: Bytes) -> Result<(), Fault> {
        let job = start.job;
        if self.assembling.contains_key(&job) || self.running.contains_key(&job) {
            return Err(Fault::out_of_place(
                "GR-5.4-7",
                format!("job number {job} is in use"),
            ));
        }
        if self.link.shutdown.get().is_some() {
            return self.reject(job, "the worker is shutting down");
        }
        if self.assembling.len() + self.running.len() >= self.slots {
            let message = format!("all {} slots of the worker are taken", self.slots);
            return self.reject(job, &message);
        }
        let begun = Instant::now();
        if start.last {
            self.check_payload(job, data.len())?;
            return self.announce(start, data, begun);
        }
        let assembly = Assembly {
            start,
            begun,
            input: BytesMut::new(),
        };
        self.assembling.insert(job, assembly);
        self.on_input(JobInput { job, last: false }, &data)
    }

    fn on_input(&mut self, JobInput { job, last }: JobInput, data: &[u8]) -> Result<(), Fault> {
        if self.running.contains_key(&job) {
            return Err(Fault::out_of_place(
                "GR-5.4-8",
                format!("input for job {job} after its last"),
            ));
        }
        let Some(assembly) = self.assembling.get_mut(&job) else {
            // On its way when the job was rejected or cancelled.
            return Ok(());
        };
        let length = assembly.input.len() + data.len();
        assembly.input.extend_from_slice(data);
        self.check_payload(job, length)?;
        if last && let Some(assembly) = self.assembling.remove(&job) {
            return self.announce(assembly.start, assembly.input.freeze(), assembly.begun);
        }
        Ok(())
    }

    fn check_payload(&self, job: u64, length: usize) -> Result<(), Fault> {
        let max = self.link.limits.max_payload;
        if length as u64 > max {
            return Err(Fault::out_of_place(
                "GR-5.4-9",
                format!("the input of job {job} has more than the {max} bytes agreed on"),
            ));
        }
        Ok(())
    }

    fn announce(&mut self, start: StartJob, input: Bytes, begun: Instant) -> Result<(), Fault> {
        let job = start.job;
        let (context, callbacks) = JobContext::new(start, input, begun, Arc::clone(&self.link));
        self.running.insert(job, Arc::clone(&context.state));
        self.announced.push((context, callbacks));
        self.connection
            .send(&WorkerMessage::JobAccepted(JobAccepted { job }))
    }

    fn on_cancel(&mut self, CancelJob { job, reason }: CancelJob) -> Result<(), Fault> {
        if self.assembling.remove(&job).is_some() {
            return self.finish(job, Outcome::Cancelled);
        }
        // A job that is not there has just ended.
        if let Some(state) = self.running.get(&job) {
            state.cancel.raise(reason);
        }
        Ok(())
    }

    fn on_window(&mut self, JobWindow { job, bytes }: JobWindow) -> Result<(), Fault> {
        let Some(state) = self.running.get(&job) else {
            return Ok(());
        };
        let bytes = bytes as usize;
        if state.window.available_permits() + bytes > u32::MAX as usize {
            return Err(Fault::out_of_place(
                "GR-5.5-3",
                format!("the window of job {job} grows over {} bytes", u32::MAX),
            ));
        }
        state.window.add_permits(bytes);
        Ok(())
    }

    fn on_answer(&mut self, response: CallResponse, data: Bytes) -> Result<(), Fault> {
        let Some(answer) = self.calls.remove(&response.call) else {
            return Err(Fault::out_of_place(
                "GR-5.6-2",
                format!("an answer to call {}, which is not open", response.call),
            ));
        };
        // Fails if the caller no longer waits, which is its right.
        let _ = answer.to.send(match response.error {
            None => Ok(data),
            Some(error) => Err(error),
        });
        Ok(())
    }

    fn on_shutdown(&mut self, shutdown: Shutdown) -> Result<(), Fault> {
        self.begin_shutdown(shutdown.reason, Duration::from_millis(shutdown.grace_ms));
        self.connection
            .send(&WorkerMessage::ShuttingDown(ShuttingDown {
                jobs: count(self.running.len()),
            }))?;
        let never_started: Vec<u64> = self.assembling.drain().map(|(job, _)| job).collect();
        for job in never_started {
            self.reject(job, "the worker is shutting down")?;
        }
        Ok(())
    }

    /// Told twice, the first reason and the earlier cut-off count.
    fn begin_shutdown(&mut self, reason: ShutdownReason, grace: Duration) {
        self.link.shutdown.raise(reason);
        // The rest of the grace is for callbacks. A grace beyond the clock's end is no bound.
        let cut_off = Instant::now().checked_add(grace / 5 * 3);
        self.cut_off = self.cut_off.into_iter().chain(cut_off).min();
    }

    /// The jobs end as if told to shut down, with what the guard gives them; nothing reaches anybody.
    fn host_gone(&mut self) {
        self.connection.hang_up();
        self.commands.close();
        self.link.call_places.close();
        self.calls.clear();
        self.assembling.clear();
        for (job, _) in self.announced.drain(..) {
            self.running.remove(&job.state.number());
        }
        for state in self.running.values() {
            state.window.close();
        }
        self.begin_shutdown(ShutdownReason::HOST_GONE, LAST_WORDS);
    }

    fn drop_handlers(&mut self) {
        self.cut_off = None;
        for state in self.running.values() {
            state.drop_now.raise(());
        }
    }

    fn on_command(&mut self, command: Command) -> Result<(), Fault> {
        match command {
            Command::Output { job, data } if self.running.contains_key(&job) => {
                let output = JobOutput { job };
                self.connection
                    .send(&WorkerMessage::JobOutput(output, data))
            }
            // From a thread that its job has not waited for.
            Command::Output { .. } => Ok(()),
            Command::Call {
                method,
                argument,
                answer,
            } => {
                let call = self.next_call;
                self.next_call += 1;
                self.calls.insert(call, answer);
                let request = CallRequest { call, method };
                self.connection
                    .send(&WorkerMessage::CallRequest(request, argument))
            }
        }
    }

    fn send_notices(&mut self) -> Result<(), Fault> {
        for (&job, state) in &self.running {
            if let Some(extra_ms) = state.extension.take() {
                let (which, job) = match self.link.shutdown.get() {
                    None => (DeadlineKind::JOB, job),
                    Some(_) => (DeadlineKind::CLOSE, 0),
                };
                let extension = ExtendDeadline {
                    which,
                    job,
                    extra_ms,
                };
                self.connection
                    .send(&WorkerMessage::ExtendDeadline(extension))?;
            }
        }
        if !self.retire_sent
            && let Some(reason) = self.link.retire.get()
        {
            self.retire_sent = true;
            let reason = capped(reason).to_owned();
            self.connection
                .send(&WorkerMessage::Retire(Retire { reason }))?;
        }
        Ok(())
    }

    fn on_job_end(&mut self, job: u64, outcome: Outcome) -> Result<(), Fault> {
        // What the handler sent before it ended goes before its end.
        self.send_notices()?;
        while let Ok(command) = self.commands.try_recv() {
            self.on_command(command)?;
        }
        if let Some(state) = self.running.remove(&job) {
            state.window.close();
        }
        self.finish(job, outcome)
    }

    fn reject(&mut self, job: u64, message: &str) -> Result<(), Fault> {
        let failure = Failure {
            kind: FailureKind::REJECTED,
            ..Failure::new(message).retryable()
        };
        self.finish(job, Outcome::Failed(failure))
    }

    fn finish(&mut self, job: u64, outcome: Outcome) -> Result<(), Fault> {
        let (cancelled, failure, data) = match outcome {
            Outcome::Ok(data) => (false, None, data),
            Outcome::Failed(failure) => (false, Some(failure.to_wire()), Bytes::new()),
            Outcome::Cancelled => (true, None, Bytes::new()),
        };
        let finished = JobFinished {
            job,
            cancelled,
            failure,
        };
        self.connection
            .send(&WorkerMessage::JobFinished(finished, data))
    }

    /// Never offered in this version; a host that asks all the same learns what is known.
    fn dump(&mut self) -> Result<(), Fault> {
        let mut text = format!("{} jobs are running", self.running.len());
        for (job, state) in &self.running {
            let age = state.begun.elapsed().as_millis();
            // Writing into a String cannot fail.
            let _ = write!(text, "\njob {job}, {}: {age} ms", state.describe());
        }
        let text = capped(&text).to_owned();
        self.connection
            .send(&WorkerMessage::StackDump(StackDump { text }))
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

fn count(jobs: usize) -> u32 {
    u32::try_from(jobs).unwrap_or(u32::MAX)
}
