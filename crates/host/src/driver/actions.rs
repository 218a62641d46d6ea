//! What a worker's machine wants done.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_protocol::version;
use greenroom_supervision::worker::{Action, Notice, State};
use greenroom_supervision::{ExitReport, JobOutcome, JobUpdate};

use super::body::Body;
use super::{Driver, Input, Owner, Tidings};
use crate::call::Call;
use crate::clock;
use crate::job::{JobError, LaunchError, Ticket};
use crate::os;
use crate::report::CrashReport;

impl Driver {
    pub(super) async fn perform(&mut self) {
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
                    let rss = os::resident(running.child.id());
                    self.note_whether_measured(rss);
                    self.machine.handle_memory(clock::now(), rss);
                }
            }
            Action::Call {
                call,
                method,
                argument,
            } => self.call(call, method, argument),
            Action::Job(number, update) => self.update(number, update).await,
            Action::Notice(notice) => {
                self.was_available |= matches!(notice, Notice::Ready { .. });
                self.log(&notice);
                self.tell(Tidings::Notice(notice)).await;
            }
            Action::Exited(report) => self.report = Some(report),
        }
    }

    fn call(&mut self, call: u64, method: String, argument: Bytes) {
        let Some(handler) = self.handler.clone() else {
            let error = format!("this host serves no calls, and so not {method:?}");
            self.machine
                .handle_call_result(clock::now(), call, Err(error));
            return;
        };
        let asked = Call {
            worker: self.id,
            method,
            argument,
        };
        // Within the task, so that a panic of the handler is the call's, not this worker's.
        let task = self.calls.spawn(async move { handler.call(asked).await });
        self.call_numbers.insert(task.id(), call);
    }

    async fn update(&mut self, number: u64, update: JobUpdate) {
        match update {
            JobUpdate::Accepted => {
                if let Some(ticket) = self.jobs.get(&number) {
                    ticket.accepted();
                }
            }
            JobUpdate::Output(data) => {
                let size = version::output_cost(data.len());
                if let Some(ticket) = self.jobs.get_mut(&number)
                    && !ticket.output(data)
                {
                    self.machine.grant(clock::now(), number, size);
                }
            }
            JobUpdate::Finished(outcome) => {
                if let Some(ticket) = self.jobs.remove(&number) {
                    self.numbers.remove(&ticket.request);
                    self.last_job = Some(ticket.id().to_owned());
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
    pub(super) async fn bury(mut self, exit: ExitReport) {
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
        // Not `try_recv`: it can overlook what another thread is sending at this moment.
        while let Some(input) = self.inputs.recv().await {
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

    pub(super) async fn tell(&mut self, tidings: Tidings) {
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

    /// The jobs that what is printed now belongs to.
    pub(super) fn job_ids(&self) -> Vec<String> {
        if self.jobs.is_empty() {
            return self.last_job.iter().cloned().collect();
        }
        self.jobs.values().map(|job| job.id().to_owned()).collect()
    }
}
