//! What each message of a worker means in each state.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, CancelReason, Capabilities, DeadlineKind, ExtendDeadline, Extension, FailureKind,
    InitializeCode, InitializeError, InitializeResponse, JobFailure, JobFinished, Pong,
    WorkerMessage, version,
};

use super::timers::Timer;
use super::{Action, ExitReason, JobTime, JobUpdate, Notice, State, Worker};
use crate::job::JobOutcome;
use crate::text::harmless;
use crate::time::Time;

/// The most jobs that a worker may offer to run at a time.
const MAX_SLOTS: u32 = 1 << 16;
/// What is kept of a worker's words, in bytes: reasons and messages, names, stacks.
const MAX_WORDS: usize = 16 << 10;
const MAX_NAME: usize = 256;
const MAX_STACKS: usize = 64 << 10;

impl Worker {
    /// It sent a message.
    pub fn handle_message(&mut self, now: Time, message: WorkerMessage) {
        self.catch_up(now);
        if self.distrusted || matches!(self.state, State::Starting | State::Exited) {
            return;
        }
        if self.farewell.is_some() {
            let detail = format!("{} after Exiting", message.kind());
            return self.violation(now, "GR-5.3-6", detail);
        }
        match message {
            WorkerMessage::InitializeResponse(response) => self.response(now, response),
            WorkerMessage::ExtendDeadline(extend) => self.extend(now, extend),
            WorkerMessage::Exiting(exiting) => {
                self.farewell = Some(harmless(&exiting.reason, MAX_WORDS));
                self.leaves_by_itself(now);
            }
            message if self.slots == 0 && self.state == State::Initializing => {
                let detail = format!("{} before InitializeResponse", message.kind());
                self.violation(now, "GR-4.1-1", detail);
            }
            WorkerMessage::Pong(pong) => self.pong(now, pong),
            WorkerMessage::ShuttingDown(_) => {
                let asked = std::mem::take(&mut self.shutdown_open);
                if !asked && self.state != State::Killing {
                    self.violation(now, "GR-5.3-1", "ShuttingDown without a Shutdown");
                }
            }
            WorkerMessage::Retire(retire) => {
                if !self.retiring && self.state == State::Ready {
                    self.retiring = true;
                    self.notice(Notice::Retiring {
                        reason: harmless(&retire.reason, MAX_WORDS),
                    });
                }
            }
            WorkerMessage::JobAccepted(accepted) => self.accepted(now, accepted.job),
            WorkerMessage::JobOutput(output, data) => self.output(now, output.job, data),
            WorkerMessage::JobFinished(finished, data) => self.finished(now, finished, data),
            WorkerMessage::CallRequest(request, argument) => self.call(now, request, argument),
            WorkerMessage::StackDump(dump) => self.stack_dump(now, &dump.text),
        }
    }

    fn response(&mut self, now: Time, response: InitializeResponse) {
        if self.state != State::Initializing || self.slots != 0 {
            // One that is being killed may still answer.
            if self.state != State::Killing {
                self.violation(now, "GR-4.1-1", "a second InitializeResponse");
            }
            return;
        }
        if let Some(number) = listed_twice(&response.extensions) {
            let detail = format!("extension {number} is listed twice");
            return self.violation(now, "GR-4.5-2", detail);
        }
        if let Some(error) = response.error {
            self.reason = Some(ExitReason::InitializeFailed {
                message: in_words(&error, response.protocol),
            });
            self.timers.clear(Timer::Initialize);
            self.enter(State::Closing, now);
            let close_at = now + self.policy.close_timeout;
            self.timers.set(Timer::Close, close_at);
            return;
        }
        if !version::SUPPORTED.contains(&response.protocol) {
            let detail = format!(
                "it chose protocol {}, offered were {} to {}",
                response.protocol,
                version::SUPPORTED.start(),
                version::SUPPORTED.end()
            );
            return self.violation(now, "GR-4.2-1", detail);
        }
        if let Some(problem) = response.limits.out_of_range() {
            return self.violation(now, "GR-4.3-1", problem);
        }
        if !(1..=MAX_SLOTS).contains(&response.slots) {
            let detail = format!("{} slots, it must be 1 to {MAX_SLOTS}", response.slots);
            return self.violation(now, "GR-4.3-1", detail);
        }
        self.limits = self.policy.limits.common(response.limits);
        self.capabilities = response.capabilities;
        self.slots = response
            .slots
            .min(self.policy.max_slots.unwrap_or(MAX_SLOTS));
        self.timers.clear(Timer::Initialize);
        self.enter(State::Ready, now);
        self.last_answer = now;
        self.timers
            .set(Timer::Silence, now + self.policy.ping_timeout);
        self.timers.set(Timer::Ping, now);
        self.timers.set(Timer::Memory, now);
        self.notice(Notice::Ready {
            slots: self.slots,
            name: harmless(&response.name, MAX_NAME),
            version: harmless(&response.version, MAX_NAME),
            build: harmless(&response.build_id, MAX_NAME),
        });
    }

    fn pong(&mut self, now: Time, pong: Pong) {
        let Some(rtt) = self.pings.answer(pong.seq, now) else {
            let detail = format!("a Pong for {}, which is not under way", pong.seq);
            return self.violation(now, "GR-5.2-1", detail);
        };
        if matches!(self.state, State::Killing) {
            return;
        }
        if rtt <= self.policy.high_ping {
            self.pings.calm();
        } else if self.pings.warn_once() {
            self.notice(Notice::HighPing { rtt });
        }
        self.last_answer = now;
        self.stacks_asked = false;
        if self.connected {
            self.timers
                .set(Timer::Silence, now + self.policy.ping_timeout);
            self.expect_pong(now);
        }
    }

    /// It has said goodbye, asked or not.
    fn leaves_by_itself(&mut self, now: Time) {
        self.may_leave = true;
        // Nothing more is to come, so nothing more is waited for but its end.
        for timer in [Timer::HighPing, Timer::Silence] {
            self.timers.clear(timer);
        }
        if matches!(self.state, State::Initializing | State::Ready) {
            self.timers.clear(Timer::Initialize);
            self.enter(State::Closing, now);
            let close_at = now + self.policy.close_timeout;
            self.timers.set(Timer::Close, close_at);
        }
    }

    fn stack_dump(&mut self, now: Time, text: &str) {
        if !self.capabilities.contains(Capabilities::STACK_DUMP) {
            return self.violation(now, "GR-4.4-1", "a StackDump without the capability for it");
        }
        let Some(open) = self.dumps_open.checked_sub(1) else {
            return self.violation(now, "GR-5.9-4", "a StackDump that nobody asked for");
        };
        self.dumps_open = open;
        self.stacks = Some(harmless(text, MAX_STACKS));
    }

    fn extend(&mut self, now: Time, extend: ExtendDeadline) {
        let fits = match extend.which {
            DeadlineKind::JOB => self.jobs.get(extend.job).is_some(),
            DeadlineKind::INITIALIZE | DeadlineKind::CLOSE => extend.job == 0,
            _ => true,
        };
        if !fits {
            let detail = format!("ExtendDeadline({}) with job {}", extend.which, extend.job);
            return self.violation(now, "GR-5.7-1", detail);
        }
        let asked = Duration::from_millis(extend.extra_ms);
        let max = self.policy.max_extension;
        let granted = match extend.which {
            DeadlineKind::INITIALIZE if self.state == State::Initializing => {
                let granted = self.initialize_allowance.extend(asked, max);
                self.move_timer(Timer::Initialize, granted);
                granted
            }
            DeadlineKind::CLOSE if self.state == State::Closing && self.connected => {
                let granted = self.close_allowance.extend(asked, max);
                self.move_timer(Timer::Close, granted);
                granted
            }
            DeadlineKind::JOB => self.extend_job(extend.job, asked, max),
            _ => Duration::ZERO,
        };
        // What is granted is bounded, and a refusal is said once: no worker floods its host with it.
        let news = !granted.is_zero() || !std::mem::replace(&mut self.extension_refused, true);
        if news && self.state != State::Killing {
            self.notice(Notice::DeadlineExtended { asked, granted });
        }
    }

    fn move_timer(&mut self, timer: Timer, by: Duration) {
        if let Some(at) = self.timers.get(timer) {
            self.timers.set(timer, at + by);
        }
    }

    /// Only a job that still has time can get more.
    fn extend_job(&mut self, number: u64, asked: Duration, max: Duration) -> Duration {
        let Some(job) = self.jobs.get_mut(number) else {
            return Duration::ZERO;
        };
        let JobTime::Until(at) = job.time else {
            return Duration::ZERO;
        };
        let granted = asked.min(max.saturating_sub(job.extended));
        job.extended += granted;
        job.deadline = job.deadline.saturating_add(granted);
        job.time = JobTime::Until(at + granted);
        granted
    }

    fn accepted(&mut self, now: Time, number: u64) {
        match self.jobs.get_mut(number) {
            None => self.unknown_job(now, "JobAccepted", number),
            Some(job) if job.accepted => {
                self.violation(now, "GR-5.4-3", format!("job {number} was accepted twice"));
            }
            Some(job) => {
                job.accepted = true;
                self.update(number, JobUpdate::Accepted);
            }
        }
    }

    fn output(&mut self, now: Time, number: u64, data: Bytes) {
        let size = version::output_cost(data.len());
        match self.jobs.get_mut(number) {
            None => self.unknown_job(now, "JobOutput", number),
            Some(job) if !job.accepted => {
                let detail = format!("output of job {number} before it was accepted");
                self.violation(now, "GR-5.4-3", detail);
            }
            Some(job) if size > job.window => {
                let detail = format!(
                    "an output of job {number} costs {size} of its window, which was {}",
                    job.window
                );
                self.violation(now, "GR-5.5-1", detail);
            }
            Some(job) => {
                job.window -= size;
                if data.is_empty() {
                    self.grant(now, number, size);
                } else {
                    self.update(number, JobUpdate::Output(data));
                }
            }
        }
    }

    fn finished(&mut self, now: Time, finished: JobFinished, data: Bytes) {
        let Some(job) = self.jobs.get(finished.job) else {
            return self.unknown_job(now, "JobFinished", finished.job);
        };
        let broken = match &finished.failure {
            Some(failure) if failure.kind == FailureKind::REJECTED => job
                .accepted
                .then_some(("GR-5.4-13", "rejected after it was accepted")),
            Some(_) => None,
            None => (!job.accepted && !finished.cancelled)
                .then_some(("GR-5.4-4", "done without having been accepted")),
        };
        if let Some((requirement, what)) = broken {
            // It stays with the worker, and is lost with it.
            let detail = format!("job {} was {what}", finished.job);
            return self.violation(now, requirement, detail);
        }
        let Some(job) = self.jobs.remove(finished.job) else {
            return;
        };
        let outcome = match finished.failure {
            Some(failure) => JobOutcome::Failed(JobFailure {
                message: harmless(&failure.message, MAX_WORDS),
                ..failure
            }),
            None if !finished.cancelled => JobOutcome::Ok(data),
            None if job.cancelled_for() == Some(CancelReason::DEADLINE) => {
                JobOutcome::DeadlineExceeded {
                    deadline: job.deadline,
                }
            }
            None => JobOutcome::Cancelled,
        };
        self.update(finished.job, JobUpdate::Finished(outcome));
    }

    fn unknown_job(&mut self, now: Time, message: &str, number: u64) {
        let detail = format!("{message} for job {number}, which is not running");
        self.violation(now, "GR-5.4-1", detail);
    }

    fn call(&mut self, now: Time, request: CallRequest, argument: Bytes) {
        let CallRequest { call, method } = request;
        if call <= self.last_call {
            let detail = format!("call {call} after call {}", self.last_call);
            return self.violation(now, "GR-5.6-1", detail);
        }
        self.last_call = call;
        if matches!(self.state, State::Killing) || !self.connected {
            return;
        }
        if self.calls.len() >= self.policy.max_calls {
            let error = format!("{} calls are under way already", self.calls.len());
            if !std::mem::replace(&mut self.call_refused, true) {
                let method = harmless(&method, MAX_NAME);
                self.notice(Notice::CallRefused { method });
            }
            return self.answer_call(call, Err(error));
        }
        self.call_refused = false;
        self.calls.insert(call);
        self.actions.push_back(Action::Call {
            call,
            method,
            argument,
        });
    }
}

/// The first extension number that is in the list more than once.
fn listed_twice(extensions: &[Extension]) -> Option<u32> {
    let mut seen = BTreeSet::new();
    let mut numbers = extensions.iter().map(|extension| extension.number);
    numbers.find(|number| !seen.insert(*number))
}

/// What the worker says, or what its code means if it says nothing.
fn in_words(error: &InitializeError, protocol: u16) -> String {
    if !error.message.is_empty() {
        return harmless(&error.message, MAX_WORDS);
    }
    match error.code {
        InitializeCode::VERSION => format!(
            "it speaks protocol {protocol}, this host {} to {}: build both with the same release",
            version::SUPPORTED.start(),
            version::SUPPORTED.end()
        ),
        code => format!("it gives no reason but its code, {code}"),
    }
}
