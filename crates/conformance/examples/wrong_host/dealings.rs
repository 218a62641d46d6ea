//! What a worker says, and what the host makes of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom_protocol::version::output_cost;
use greenroom_protocol::{
    CallRequest, CallResponse, DeadlineKind, ExtendDeadline, FailureKind, HostMessage,
    InitializeResponse, JobFinished, Pong, ShutdownReason, WorkerMessage,
};
use serde_json::json;

use crate::fault::Fault;
use crate::live::{Live, Phase};
use crate::rules::{check_response, demand, ensure};
use crate::{Violation, say};

/// What becomes of the worker.
pub(crate) enum Next {
    Stays,
    /// With the reason.
    Goes(String),
}

type Dealt = Result<(), Violation>;

impl Live {
    pub(crate) fn hear(&mut self, message: WorkerMessage) -> Result<Next, Violation> {
        self.order(&message)?;
        match message {
            WorkerMessage::InitializeResponse(response) => return self.respond(&response),
            WorkerMessage::Pong(pong) => self.pong(pong)?,
            WorkerMessage::ShuttingDown(_) => {
                let asked = matches!(self.phase, Phase::Leaving { .. });
                let unless = Fault::AcceptsShuttingDownUnasked;
                demand(asked, "GR-5.3-1", "unasked", self.planted, unless)?;
            }
            WorkerMessage::Exiting(_) => self.said_goodbye = true,
            WorkerMessage::ExtendDeadline(extend) => self.extend(extend)?,
            WorkerMessage::Retire(_) => self.retire(),
            WorkerMessage::JobAccepted(accepted) => self.accepted(accepted.job)?,
            WorkerMessage::JobOutput(output, data) => self.output(output.job, &data)?,
            WorkerMessage::JobFinished(finished, data) => self.finished(&finished, &data)?,
            WorkerMessage::CallRequest(request, data) => self.call(&request, data)?,
            WorkerMessage::StackDump(_) => {
                let unless = Fault::AcceptsADump;
                demand(false, "GR-5.9-4", "a stack dump", self.planted, unless)?;
            }
        }
        Ok(Next::Stays)
    }

    /// What may come when.
    fn order(&self, message: &WorkerMessage) -> Dealt {
        let unless = Fault::AcceptsWordsAfterExiting;
        demand(
            !self.said_goodbye,
            "GR-5.3-6",
            "after Exiting",
            self.planted,
            unless,
        )?;
        let early = matches!(
            message,
            WorkerMessage::ExtendDeadline(_)
                | WorkerMessage::Exiting(_)
                | WorkerMessage::ShuttingDown(_)
                | WorkerMessage::InitializeResponse(_)
        );
        let unless = Fault::AcceptsAnyFirstMessage;
        demand(
            early || self.responded,
            "GR-4.1-1",
            "not first",
            self.planted,
            unless,
        )
    }

    fn respond(&mut self, response: &InitializeResponse) -> Result<Next, Violation> {
        let unless = Fault::AcceptsASecondResponse;
        demand(
            !self.responded,
            "GR-4.1-1",
            "a second one",
            self.planted,
            unless,
        )?;
        self.responded = true;
        check_response(response, self.planted)?;
        if let Some(error) = &response.error
            && !self.is(Fault::UsesAFailedWorker)
        {
            return Ok(Next::Goes(format!(
                "could not initialize: {}",
                error.message
            )));
        }
        self.limits = self.limits.common(response.limits);
        if let Phase::Initializing { .. } = self.phase {
            self.phase = Phase::Ready;
            self.heard = Instant::now();
            self.ping();
            say(&json!({"worker": "ready", "name": response.name}));
        }
        Ok(Next::Stays)
    }

    fn pong(&mut self, pong: Pong) -> Dealt {
        let sent = pong.seq < self.next_seq && pong.seq > 0;
        let open = self.pings.remove(&pong.seq);
        let replayed = sent && self.is(Fault::AcceptsAReplayedPong);
        let unless = Fault::AcceptsAWrongSeq;
        demand(
            open || replayed,
            "GR-5.2-1",
            "no ping has it",
            self.planted,
            unless,
        )?;
        self.heard = Instant::now();
        Ok(())
    }

    fn retire(&mut self) {
        self.retired = !self.is(Fault::KeepsARetiredWorker);
    }

    fn extend(&mut self, extend: ExtendDeadline) -> Dealt {
        let extra = Duration::from_millis(extend.extra_ms.min(3_600_000));
        let any = self.is(Fault::GrantsAnyExtension);
        let grant = |left: &mut Duration| {
            let granted = if any { extra } else { extra.min(*left) };
            *left = left.saturating_sub(granted);
            granted
        };
        let unless = Fault::AcceptsAnExtensionOfNoJob;
        if extend.which == DeadlineKind::JOB {
            if let Some(job) = self.jobs.get_mut(&extend.job) {
                let granted = grant(&mut job.extension);
                job.deadline = job.deadline.map(|deadline| deadline + granted);
                return Ok(());
            }
            return demand(false, "GR-5.7-1", "no such job", self.planted, unless);
        }
        let known = extend.which.name().is_some();
        let refuses = self.is(Fault::RefusesUnknownDeadlines);
        ensure(known || !refuses, "GR-5.7-3", "which deadline")?;
        let about = "a job that it is not about";
        demand(
            extend.job == 0 || !known,
            "GR-5.7-1",
            about,
            self.planted,
            unless,
        )?;
        match (&mut self.phase, extend.which) {
            (Phase::Initializing { until }, DeadlineKind::INITIALIZE)
            | (Phase::Leaving { until }, DeadlineKind::CLOSE) => {
                *until += grant(&mut self.extension);
            }
            _ => {}
        }
        Ok(())
    }

    // ---- jobs

    /// The number of a job that runs; false if the fault does not mind that there is none.
    fn runs(&self, number: u64) -> Result<bool, Violation> {
        let runs = self.jobs.contains_key(&number);
        let unless = Fault::AcceptsUnknownJobs;
        demand(runs, "GR-5.4-1", "no such job runs", self.planted, unless)?;
        Ok(runs)
    }

    fn accepted(&mut self, number: u64) -> Dealt {
        if !self.runs(number)? {
            return Ok(());
        }
        let planted = self.planted;
        let Some(job) = self.jobs.get_mut(&number) else {
            return Ok(());
        };
        let once = !std::mem::replace(&mut job.accepted, true);
        demand(
            once,
            "GR-5.4-3",
            "twice",
            planted,
            Fault::AcceptsTwoAcceptances,
        )
    }

    fn output(&mut self, number: u64, data: &Bytes) -> Dealt {
        if !self.runs(number)? {
            return Ok(());
        }
        let planted = self.planted;
        let Some(job) = self.jobs.get_mut(&number) else {
            return Ok(());
        };
        let unless = Fault::AcceptsOutputBeforeAcceptance;
        demand(
            job.accepted,
            "GR-5.4-3",
            "before JobAccepted",
            planted,
            unless,
        )?;
        let cost = output_cost(data.len());
        let fits = cost <= job.window;
        demand(
            fits,
            "GR-5.5-1",
            "over the window",
            planted,
            Fault::ToleratesOverflow,
        )?;
        job.window = job.window.saturating_sub(cost);
        job.output(data, planted.is(Fault::GrantsWithoutReading));
        self.grant(number);
        Ok(())
    }

    fn finished(&mut self, finished: &JobFinished, data: &Bytes) -> Dealt {
        let number = finished.job;
        if finished_again(self, number) || !self.runs(number)? {
            return Ok(());
        }
        let Some(mut job) = self.jobs.remove(&number) else {
            return Ok(());
        };
        if let Some(failure) = &finished.failure {
            let known = failure.kind.name().is_some();
            let refuses = self.is(Fault::RefusesUnknownFailures);
            let checked = ensure(known || !refuses, "GR-3.3-1", "a kind of failure");
            if checked.is_err() {
                self.jobs.insert(number, job);
                return checked;
            }
        }
        let failure = finished.failure.as_ref();
        let rejected = failure.is_some_and(|failure| failure.kind == FailureKind::REJECTED);
        let after_all = rejected && job.accepted;
        let unless = Fault::AcceptsALateRejection;
        if let Err(violation) = demand(!after_all, "GR-5.4-13", "after all", self.planted, unless) {
            self.jobs.insert(number, job);
            return Err(violation);
        }
        let well = !finished.cancelled && finished.failure.is_none();
        let unless = Fault::AcceptsUnacceptedSuccess;
        let accepted = job.accepted || !well;
        if let Err(violation) = demand(accepted, "GR-5.4-4", "unaccepted", self.planted, unless) {
            self.jobs.insert(number, job);
            return Err(violation);
        }
        if !(self.is(Fault::LosesTheLastOutput) && job.has_output()) {
            job.keep(data);
        }
        if job.is_held() {
            self.done.push((job, finished.clone()));
        } else {
            job.finish(finished);
        }
        if self.retired && self.jobs.is_empty() {
            self.shut_down(ShutdownReason::RETIRED);
        }
        Ok(())
    }

    // ---- calls

    fn call(&mut self, request: &CallRequest, argument: Bytes) -> Dealt {
        let call = request.call;
        let new = call > self.last_call;
        let unless = Fault::AcceptsACallNumberTwice;
        demand(
            new,
            "GR-5.6-1",
            "a number that was used",
            self.planted,
            unless,
        )?;
        self.last_call = self.last_call.max(call);
        let (error, data) = match request.method.as_str() {
            "echo" => (None, argument),
            "refuse" => (
                Some(String::from_utf8_lossy(&argument).into()),
                Bytes::new(),
            ),
            other => (Some(format!("there is no method {other}")), Bytes::new()),
        };
        let response = HostMessage::CallResponse(CallResponse { call, error }, data);
        if !self.is(Fault::NeverAnswersCalls) {
            self.outbox.send(&response);
        }
        if self.is(Fault::AnswersCallsTwice) {
            self.outbox.send(&response);
        }
        Ok(())
    }
}

/// Whether the fault is not to mind that this job has ended before.
fn finished_again(live: &Live, number: u64) -> bool {
    let ended = !live.jobs.contains_key(&number) && number > 0 && number < live.next_job;
    ended && live.is(Fault::AcceptsTwoFinishes)
}
