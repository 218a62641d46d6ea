//! The loop of a ready worker: it owns the socket and every job's state.

mod intake;
mod leaving;

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver as Callbacks;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, CallResponse, DeadlineKind, ExtendDeadline, FailureKind, HostMessage, JobFinished,
    JobOutput, Pong, Retire, WorkerMessage,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::intake::Assembly;
use self::leaving::handlers_share;
use crate::connection::{Connection, Fault};
use crate::failure::capped;
use crate::guard::Guard;
use crate::handshake::Ready;
use crate::job::{Callback, JobState};
use crate::link::{Answer, Command, Link};
use crate::perform::Outcome;
use crate::run::End;
use crate::watched::Lag;
use crate::{Failure, Handler, JobContext};

/// Answers that a host may leave unread, in bytes beyond what jobs may send.
const UNREAD_ANSWERS: usize = 1 << 20;
/// Pieces that a host may leave unread: about twice what jobs can make of the smallest outputs.
const UNREAD_PIECES: usize = 128 << 10;

pub(crate) struct Session<H> {
    connection: Connection,
    guard: Rc<Guard>,
    handler: Rc<H>,
    slots: usize,
    link: Arc<Link>,
    commands: mpsc::Receiver<Command>,
    assembling: HashMap<u64, Assembly>,
    /// How long the last input was that came in pieces. The next is likely to be as long, and what is
    /// reserved at once is often memory that was used before; what grows is new, page by page.
    last_input: usize,
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

impl<H: Handler> Session<H> {
    pub(crate) fn new(connection: Connection, guard: Rc<Guard>, ready: Ready<H>) -> Self {
        Self {
            connection,
            guard,
            handler: Rc::new(ready.handler),
            slots: ready.slots as usize,
            link: ready.link,
            commands: ready.commands,
            assembling: HashMap::new(),
            last_input: 0,
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

    fn on_message(&mut self, message: HostMessage) -> Result<(), Fault> {
        self.refuse_to_hoard()?;
        match message {
            HostMessage::Ping(ping) => self.connection.send(&WorkerMessage::Pong(Pong {
                seq: ping.seq,
                jobs: self.jobs(),
                lag_us: self.lag.take_us(),
            })),
            HostMessage::StartJob(start, data) => self.on_start_job(start, data),
            HostMessage::JobInput(input, data) => self.on_input(input, &data),
            HostMessage::CancelJob(cancel) => self.on_cancel(cancel),
            HostMessage::JobWindow(window) => {
                self.on_window(window);
                Ok(())
            }
            HostMessage::CallResponse(response, data) => self.on_answer(response, data),
            HostMessage::Shutdown(shutdown) => self.on_shutdown(shutdown),
            HostMessage::DumpStacks => Err(Fault::out_of_place(
                "GR-5.9-1",
                "this worker does not offer stacks",
            )),
            HostMessage::InitializeRequest(..) => Err(Fault::out_of_place(
                "GR-4.1-2",
                "a second InitializeRequest",
            )),
        }
    }

    /// The jobs that run as the host counts them: begun and not finished.
    fn jobs(&self) -> u32 {
        u32::try_from(self.assembling.len() + self.running.len()).unwrap_or(u32::MAX)
    }

    /// What jobs send is bounded by windows; answers are bounded by a host that reads them.
    fn refuse_to_hoard(&self) -> Result<(), Fault> {
        let frames = self.commands.max_capacity() + self.slots + 1;
        let jobs = frames.saturating_mul(self.link.limits.max_frame as usize);
        if self.connection.unsent() > jobs.saturating_add(UNREAD_ANSWERS)
            || self.connection.unsent_pieces() > UNREAD_PIECES
        {
            return Err(Fault::out_of_place(
                "GR-1.3-1",
                "the host asks and does not read the answers",
            ));
        }
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
                    Some(_) => {
                        self.cut_off = self.cut_off.and_then(|at| {
                            at.checked_add(handlers_share(Duration::from_millis(extra_ms)))
                        });
                        (DeadlineKind::CLOSE, 0)
                    }
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
        let sent = self.send_what_jobs_left();
        if let Some(state) = self.running.remove(&job) {
            state.window.close();
        }
        sent?;
        self.finish(job, outcome)
    }

    /// What a handler sent before it ended goes before its end.
    fn send_what_jobs_left(&mut self) -> Result<(), Fault> {
        self.send_notices()?;
        while let Ok(command) = self.commands.try_recv() {
            self.on_command(command)?;
        }
        Ok(())
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
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
