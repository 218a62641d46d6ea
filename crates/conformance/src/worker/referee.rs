//! What holds always: each message of the worker is checked against what was said before.
//!
//! Written from the text alone. It shares no rule with the code of the host, because a kit that
//! judged by the code that it tests would find nothing.

mod response;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use greenroom_protocol::{
    DeadlineKind, ExtendDeadline, FailureKind, HostMessage, InitializeRequest, InitializeResponse,
    JobFinished, Limits, WorkerMessage,
};

use crate::case::Finding;

/// What one job has done.
#[derive(Debug, Default)]
struct Job {
    accepted: bool,
    /// What its output has cost.
    used: u64,
    /// What its output may cost.
    window: u64,
    /// The host had asked the worker to leave when it started the job.
    late: bool,
}

/// What has been said so far, as far as rules depend on it.
#[derive(Debug, Default)]
pub(crate) struct Referee {
    request: Option<InitializeRequest>,
    response: Option<InitializeResponse>,
    /// Answers that are awaited.
    pings: HashSet<u64>,
    shutdowns: usize,
    dumps: usize,
    jobs: HashMap<u64, Job>,
    last_call: u64,
    asked_to_leave: bool,
    exiting: bool,
}

impl Referee {
    // ---- what the kit asks

    /// Whether the host has begun the handshake.
    pub(crate) fn has_begun(&self) -> bool {
        self.request.is_some()
    }

    /// Whether the host has asked the worker to leave.
    pub(crate) fn asked_to_leave(&self) -> bool {
        self.asked_to_leave
    }

    /// Whether a `Shutdown` has no `ShuttingDown` yet.
    pub(crate) fn owes_acknowledgement(&self) -> bool {
        self.shutdowns > 0
    }

    /// Whether the worker has said its last message.
    pub(crate) fn said_goodbye(&self) -> bool {
        self.exiting
    }

    /// The worker's response, once it is there.
    pub(crate) fn response(&self) -> Option<&InitializeResponse> {
        self.response.as_ref()
    }

    /// What both sides use, once the worker is ready.
    pub(crate) fn limits(&self) -> Option<Limits> {
        let (request, response) = (self.request.as_ref()?, self.response.as_ref()?);
        let (ours, theirs) = (request.limits, response.limits);
        response.error.is_none().then(|| Limits {
            max_frame: ours.max_frame.min(theirs.max_frame),
            max_payload: ours.max_payload.min(theirs.max_payload),
            output_window: ours.output_window.min(theirs.output_window),
        })
    }

    /// Jobs that run as the host counts them, without those that it started too late.
    pub(crate) fn running(&self) -> usize {
        self.jobs.values().filter(|job| !job.late).count()
    }

    /// What a running job may still send; 0 for any other.
    pub(crate) fn window_left(&self, job: u64) -> u64 {
        let job = self.jobs.get(&job);
        job.map_or(0, |job| job.window.saturating_sub(job.used))
    }

    // ---- the kit has sent

    /// Remembers what the host has said.
    pub(crate) fn sent(&mut self, message: &HostMessage) {
        match message {
            HostMessage::InitializeRequest(request, _) => {
                self.request.get_or_insert_with(|| request.clone());
            }
            HostMessage::Ping(ping) => {
                self.pings.insert(ping.seq);
            }
            HostMessage::Shutdown(_) => {
                self.shutdowns += 1;
                self.asked_to_leave = true;
            }
            HostMessage::DumpStacks => self.dumps += 1,
            HostMessage::StartJob(start, _) => {
                let window = self.limits().map_or(0, |limits| limits.output_window);
                let job = Job {
                    window: window.into(),
                    late: self.asked_to_leave,
                    ..Job::default()
                };
                self.jobs.insert(start.job, job);
            }
            HostMessage::JobWindow(more) => {
                if let Some(job) = self.jobs.get_mut(&more.job) {
                    job.window += u64::from(more.bytes);
                }
            }
            HostMessage::JobInput(..)
            | HostMessage::CancelJob(_)
            | HostMessage::CallResponse(..) => {}
        }
    }

    // ---- the worker has sent

    /// The rule that the worker has broken with this message, if it has.
    pub(crate) fn received(&mut self, message: &WorkerMessage) -> Result<(), Finding> {
        if self.exiting {
            return Err(broken("GR-5.3-6", "nothing after Exiting", message));
        }
        self.order(message)?;
        match message {
            WorkerMessage::InitializeResponse(response) => self.initialize_response(response),
            WorkerMessage::Pong(pong) => {
                let known = self.pings.remove(&pong.seq);
                let expected = "the seq of a Ping that is not yet answered";
                ensure(known, "GR-5.2-1", expected, message)
            }
            WorkerMessage::ShuttingDown(leaving) => {
                let asked = self.shutdowns > 0;
                let expected = "one ShuttingDown for each Shutdown";
                ensure(asked, "GR-5.3-1", expected, message)?;
                self.shutdowns -= 1;
                let running = self.running();
                let expected = format!("ShuttingDown with the number of jobs that run, {running}");
                ensure(
                    leaving.jobs as usize == running,
                    "GR-5.3-2",
                    expected,
                    message,
                )
            }
            WorkerMessage::Exiting(_) => {
                self.exiting = true;
                Ok(())
            }
            WorkerMessage::ExtendDeadline(extend) => self.extend_deadline(*extend, message),
            WorkerMessage::Retire(_) => Ok(()),
            WorkerMessage::JobAccepted(accepted) => {
                let job = self.job(accepted.job, message)?;
                let twice = std::mem::replace(&mut job.accepted, true);
                ensure(!twice, "GR-5.4-3", "JobAccepted at most once", message)
            }
            WorkerMessage::JobOutput(output, data) => self.output(output.job, data, message),
            WorkerMessage::JobFinished(finished, _) => self.finished(finished, message),
            WorkerMessage::CallRequest(request, _) => {
                let (number, last) = (request.call, self.last_call);
                let expected = format!("a call number greater than {last}");
                ensure(number > last, "GR-5.6-1", expected, message)?;
                self.last_call = number;
                Ok(())
            }
            WorkerMessage::StackDump(_) => {
                let expected = "StackDump only as the answer to a DumpStacks";
                ensure(self.dumps > 0, "GR-5.9-4", expected, message)?;
                self.dumps -= 1;
                Ok(())
            }
        }
    }

    /// What may come before `InitializeResponse`, and what only once.
    fn order(&self, message: &WorkerMessage) -> Result<(), Finding> {
        let first = match message {
            WorkerMessage::InitializeResponse(_) => {
                let once = self.response.is_none();
                return ensure(once, "GR-4.1-1", "InitializeResponse only once", message);
            }
            WorkerMessage::ExtendDeadline(_)
            | WorkerMessage::Exiting(_)
            | WorkerMessage::ShuttingDown(_) => true,
            _ => self.response.is_some(),
        };
        ensure(first, "GR-4.1-1", "InitializeResponse first", message)
    }

    fn initialize_response(&mut self, response: &InitializeResponse) -> Result<(), Finding> {
        response::judge(self.request.as_ref(), response)?;
        self.response = Some(response.clone());
        Ok(())
    }

    fn extend_deadline(
        &self,
        extend: ExtendDeadline,
        message: &WorkerMessage,
    ) -> Result<(), Finding> {
        if extend.which == DeadlineKind::JOB {
            let runs = self.jobs.contains_key(&extend.job);
            ensure(runs, "GR-5.7-1", "the number of a job that runs", message)
        } else {
            ensure(extend.job == 0, "GR-5.7-1", "job 0", message)
        }
    }

    fn output(
        &mut self,
        number: u64,
        data: &Bytes,
        message: &WorkerMessage,
    ) -> Result<(), Finding> {
        let job = self.job(number, message)?;
        let expected = "JobAccepted before any output of the job";
        ensure(job.accepted, "GR-5.4-3", expected, message)?;
        // The cost of a piece: its bytes, but at least 64.
        job.used += (data.len() as u64).max(64);
        if job.used > job.window {
            let expected = format!("output that costs at most {} bytes so far", job.window);
            let got = format!("output that costs {}", job.used);
            return Err(Finding::new("GR-5.5-1", expected, got));
        }
        Ok(())
    }

    fn finished(&mut self, finished: &JobFinished, message: &WorkerMessage) -> Result<(), Finding> {
        let job = self.job(finished.job, message)?;
        let (accepted, used) = (job.accepted, job.used);
        self.jobs.remove(&finished.job);
        let went_well = !finished.cancelled && finished.failure.is_none();
        let expected = "JobAccepted before the handler runs";
        ensure(accepted || !went_well, "GR-5.4-4", expected, message)?;
        let failure = finished.failure.as_ref();
        let rejected = failure.is_some_and(|failure| failure.kind == FailureKind::REJECTED);
        let began = accepted || used > 0;
        let expected = "kind 4 (rejected) only for a job that has never started";
        ensure(!(rejected && began), "GR-5.4-13", expected, message)
    }

    /// A job that runs.
    fn job(&mut self, number: u64, message: &WorkerMessage) -> Result<&mut Job, Finding> {
        let job = self.jobs.get_mut(&number);
        job.ok_or_else(|| broken("GR-5.4-1", "the number of a job that runs", message))
    }
}

fn ensure(
    holds: bool,
    requirement: &'static str,
    expected: impl Into<String>,
    message: &WorkerMessage,
) -> Result<(), Finding> {
    if holds {
        Ok(())
    } else {
        Err(broken(requirement, expected, message))
    }
}

fn broken(
    requirement: &'static str,
    expected: impl Into<String>,
    message: &WorkerMessage,
) -> Finding {
    Finding::new(requirement, expected, crate::words::worker(message))
}

#[cfg(test)]
mod tests;
