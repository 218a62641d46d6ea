//! The rules that a host must keep in every case, whatever the case looks for.
//!
//! It sees both directions of one connection, in the order in which the kit meets them. A worker of
//! the kit may break rules; this judges the host alone.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_protocol::version::output_cost;
use greenroom_protocol::{
    CallResponse, Capabilities, HANDSHAKE_FRAME, HostMessage, InitializeRequest, JobInput, Limits,
    StartJob, WorkerMessage,
};

use crate::case::Finding;

/// What is known of one connection.
#[derive(Debug, Default)]
pub(super) struct Referee {
    request: Option<InitializeRequest>,
    answer: Option<Answer>,
    /// `Shutdown` has come.
    dismissed: bool,
    jobs: BTreeMap<u64, Job>,
    calls: BTreeSet<u64>,
    retire: Retire,
}

/// What the worker has answered in the handshake.
#[derive(Debug)]
enum Answer {
    Ready {
        limits: Limits,
        slots: u32,
        stack_dump: bool,
    },
    Error,
}

/// Whether the host knows that the worker wants no more jobs.
#[derive(Debug, Default)]
enum Retire {
    #[default]
    No,
    /// It was said; a job may have crossed it.
    Said,
    /// It was said before this call, and the call is not answered yet.
    SaidBefore(u64),
    /// The host has read it: it has answered a call that came after it.
    Read,
}

#[derive(Debug, Default)]
struct Job {
    input: u64,
    last: bool,
    accepted: bool,
    finished: bool,
    /// What its output has cost, and what the host has allowed anew.
    cost: u64,
    allowed: u64,
}

impl Referee {
    /// The limits that both sides use, once they are agreed on.
    pub(super) fn limits(&self) -> Option<Limits> {
        match self.answer {
            Some(Answer::Ready { limits, .. }) => Some(limits),
            Some(Answer::Error) | None => None,
        }
    }

    /// The largest frame that the host may send, in bytes after the length field.
    pub(super) fn max_frame(&self) -> u32 {
        self.limits()
            .map_or(HANDSHAKE_FRAME, |limits| limits.max_frame)
    }

    /// What the host has asked in the handshake.
    pub(super) fn request(&self) -> Option<&InitializeRequest> {
        self.request.as_ref()
    }

    /// Whether the host waits for the answer of the handshake.
    pub(super) fn is_waiting_for_response(&self) -> bool {
        self.request.is_some() && self.answer.is_none()
    }

    /// Whether the host has told the worker to leave.
    pub(super) fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    /// The jobs that the host has started and the worker has not finished, and whether it has accepted
    /// them.
    pub(super) fn running(&self) -> impl Iterator<Item = (u64, bool)> {
        let running = self.jobs.iter().filter(|(_, job)| !job.finished);
        running.map(|(number, job)| (*number, job.accepted))
    }

    /// The calls that the host has not answered yet.
    pub(super) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    // ---- the worker's side

    /// The kit has sent this.
    pub(super) fn sent(&mut self, message: &WorkerMessage) {
        match message {
            WorkerMessage::InitializeResponse(response) if self.answer.is_none() => {
                let (limits, capabilities) = match &self.request {
                    Some(request) => (request.limits, request.capabilities),
                    None => (Limits::default(), Capabilities::default()),
                };
                let common = capabilities.common(response.capabilities);
                self.answer = Some(match response.error {
                    Some(_) => Answer::Error,
                    None => Answer::Ready {
                        limits: limits.common(response.limits),
                        slots: response.slots,
                        stack_dump: common.contains(Capabilities::STACK_DUMP),
                    },
                });
            }
            WorkerMessage::Retire(_) if matches!(self.retire, Retire::No) => {
                self.retire = Retire::Said;
            }
            WorkerMessage::JobAccepted(accepted) => {
                if let Some(job) = self.jobs.get_mut(&accepted.job) {
                    job.accepted = true;
                }
            }
            WorkerMessage::JobOutput(output, data) => {
                if let Some(job) = self.jobs.get_mut(&output.job) {
                    job.cost += output_cost(data.len());
                }
            }
            WorkerMessage::JobFinished(finished, _) => {
                if let Some(job) = self.jobs.get_mut(&finished.job) {
                    job.finished = true;
                }
            }
            WorkerMessage::CallRequest(request, _) => {
                self.calls.insert(request.call);
                if matches!(self.retire, Retire::Said) {
                    self.retire = Retire::SaidBefore(request.call);
                }
            }
            _ => {}
        }
    }

    // ---- the host's side

    /// The host has sent this: what is wrong with it, if anything is.
    pub(super) fn received(&mut self, message: &HostMessage) -> Option<Finding> {
        if self.request.is_none() && !matches!(message, HostMessage::InitializeRequest(..)) {
            let got = message.kind().to_string();
            return Some(Finding::new("GR-4.1-2", "InitializeRequest first", got));
        }
        let in_handshake = matches!(
            message,
            HostMessage::InitializeRequest(..) | HostMessage::Shutdown(_)
        );
        if self.answer.is_none() && !in_handshake {
            return Some(Finding::new(
                "GR-4.1-3",
                "nothing but Shutdown before InitializeResponse",
                message.kind().to_string(),
            ));
        }
        match message {
            HostMessage::InitializeRequest(request, _) => self.requested(request),
            HostMessage::Shutdown(_) => {
                self.dismissed = true;
                None
            }
            HostMessage::StartJob(start, data) => self.started(start, data.len()),
            HostMessage::JobInput(input, data) => self.fed(*input, data.len()),
            HostMessage::JobWindow(window) => self.allowed(window.job, window.bytes),
            HostMessage::CallResponse(response, _) => self.answered(response),
            HostMessage::DumpStacks => self.asked_for_stacks(),
            HostMessage::Ping(_) | HostMessage::CancelJob(_) => None,
        }
    }

    fn requested(&mut self, request: &InitializeRequest) -> Option<Finding> {
        if self.request.is_some() {
            return Some(Finding::new(
                "GR-4.1-2",
                "InitializeRequest only once",
                "a second one",
            ));
        }
        self.request = Some(request.clone());
        if let Some(problem) = request.limits.out_of_range() {
            return Some(Finding::new("GR-4.3-1", "limits in their range", problem));
        }
        if request.protocol_min > request.protocol_max {
            let got = format!("{} to {}", request.protocol_min, request.protocol_max);
            return Some(Finding::new("GR-4.2-1", "a range of versions", got));
        }
        if request.initialize_timeout_ms == 0 {
            return Some(Finding::new(
                "GR-4.1-6",
                "the bound of the time until InitializeResponse",
                "an initialize_timeout_ms of 0",
            ));
        }
        let mut numbers = BTreeSet::new();
        let mut twice = request.extensions.iter().map(|extension| extension.number);
        twice.find(|number| !numbers.insert(*number)).map(|number| {
            let got = format!("extension {number} twice");
            Finding::new("GR-4.5-2", "each extension once", got)
        })
    }

    fn started(&mut self, start: &StartJob, bytes: usize) -> Option<Finding> {
        let number = start.job;
        let got = format!("StartJob {number}");
        if self.dismissed {
            return Some(Finding::new("GR-5.3-3", "no StartJob after Shutdown", got));
        }
        let slots = match &self.answer {
            Some(Answer::Ready { slots, .. }) => *slots as usize,
            Some(Answer::Error) | None => {
                let expected = "no job for a worker that has answered with an error";
                return Some(Finding::new("GR-4.6-3", expected, got));
            }
        };
        if matches!(self.retire, Retire::Read) {
            let expected = "no StartJob for a worker whose Retire was read";
            return Some(Finding::new("GR-5.8-1", expected, got));
        }
        if self.jobs.contains_key(&number) {
            return Some(Finding::new("GR-5.4-7", "a new job number", got));
        }
        let running = self.running().count();
        self.jobs.insert(number, Job::default());
        if running >= slots {
            let expected = format!("at most {slots} jobs at a time");
            let got = format!("{got} while {running} run");
            return Some(Finding::new("GR-5.4-6", expected, got));
        }
        self.take_input(number, start.last, bytes)
    }

    fn fed(&mut self, input: JobInput, bytes: usize) -> Option<Finding> {
        self.take_input(input.job, input.last, bytes)
    }

    fn take_input(&mut self, number: u64, last: bool, bytes: usize) -> Option<Finding> {
        let limit = self.limits().map_or(0, |limits| limits.max_payload);
        let Some(job) = self.jobs.get_mut(&number) else {
            let got = format!("JobInput for job {number}");
            return Some(Finding::new(
                "GR-5.4-8",
                "input of a job that was started",
                got,
            ));
        };
        if job.last {
            let got = format!("more input of job {number}");
            return Some(Finding::new("GR-5.4-8", "no input after the last one", got));
        }
        job.last = last;
        job.input += bytes as u64;
        (job.input > limit).then(|| {
            let expected = format!("at most {limit} bytes of input");
            let got = format!("{} bytes of job {number}", job.input);
            Finding::new("GR-5.4-9", expected, got)
        })
    }

    fn allowed(&mut self, number: u64, bytes: u32) -> Option<Finding> {
        let Some(job) = self.jobs.get_mut(&number) else {
            let got = format!("JobWindow for job {number}");
            return Some(Finding::new(
                "GR-5.5-3",
                "a window for a job that was started",
                got,
            ));
        };
        job.allowed += u64::from(bytes);
        (job.allowed > job.cost).then(|| {
            let expected = format!("no more than the {} that were sent, allowed anew", job.cost);
            Finding::new("GR-5.5-3", expected, job.allowed.to_string())
        })
    }

    fn answered(&mut self, response: &CallResponse) -> Option<Finding> {
        let call = response.call;
        if matches!(self.retire, Retire::SaidBefore(known) if known == call) {
            self.retire = Retire::Read;
        }
        (!self.calls.remove(&call)).then(|| {
            let got = format!("one for call {call}, which is not open");
            Finding::new("GR-5.6-2", "one CallResponse for each CallRequest", got)
        })
    }

    fn asked_for_stacks(&self) -> Option<Finding> {
        let common = matches!(
            self.answer,
            Some(Answer::Ready {
                stack_dump: true,
                ..
            })
        );
        (!common).then(|| {
            let expected = "no DumpStacks without the common capability";
            Finding::new("GR-5.9-1", expected, "DumpStacks")
        })
    }
}

#[cfg(test)]
mod tests;
