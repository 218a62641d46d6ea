//! A job's own life: accepted, its output sent within its window, finished once.

use bytes::Bytes;
use greenroom_protocol::version::output_cost;
use greenroom_protocol::{
    FailureKind, JobFailure, JobFinished, JobOutput, StartJob, WorkerMessage,
};

use crate::fault::Fault;
use crate::worker::{Worker, accepted};
use crate::writer::shortened;

/// Never given to a job by the kit, which counts from 1.
const NO_JOB: u64 = 1 << 40;
/// Output that is not cut into pieces on purpose.
const PIECE: usize = 64 << 10;
/// So much goes with `JobFinished`.
const LAST: usize = 32 << 10;
/// Room in a frame for the type and the number of the job.
const HEAD: usize = 16;

pub(crate) struct Job {
    pub(crate) start: StartJob,
    pub(crate) doing: Doing,
    /// What its output may still cost.
    pub(crate) window: u64,
}

pub(crate) enum Doing {
    /// More input is to come.
    Reading(Vec<u8>),
    /// Its output is on the way, in pieces of this size if that was asked for.
    Sending { data: Bytes, piece: Option<usize> },
    /// For a cancel.
    Waiting,
    /// For nothing.
    Deaf,
    /// For the answers to its calls.
    Calling { answers: Vec<Option<Bytes>> },
}

impl Job {
    pub(crate) fn new(start: StartJob, window: u64) -> Self {
        Self {
            start,
            doing: Doing::Reading(Vec::new()),
            window,
        }
    }
}

/// The kit asks for the list of jobs first: there, nothing is wrong.
fn is_list(name: &str) -> bool {
    name == "conformance.jobs"
}

impl Worker {
    pub(crate) fn accept(&self, number: u64, name: &str) {
        let late = [Fault::AcceptsAfterOutput, Fault::NeverAccepts];
        let unannounced = self.is(Fault::BeginsUnannounced) && name == "conformance.exit";
        let late = unannounced || late.iter().any(|fault| self.is(*fault));
        if is_list(name) || !late {
            self.send(&accepted(number));
        }
        if is_list(name) {
            return;
        }
        if self.is(Fault::AcceptsTwice) {
            self.send(&accepted(number));
        }
        if self.is(Fault::AcceptsAnUnknownJob) {
            self.send(&accepted(NO_JOB));
        }
    }

    /// Sends what the window and the frames allow.
    pub(crate) fn pump(&mut self, number: u64) {
        while let Some(piece) = self.next_piece(number) {
            self.output(number, piece);
        }
        let done = matches!(
            self.jobs.get(&number).map(|job| &job.doing),
            Some(Doing::Sending { data, piece })
                if data.is_empty() || (piece.is_none() && data.len() <= LAST)
        );
        if done
            && let Some(job) = self.jobs.get_mut(&number)
            && let Doing::Sending { data, .. } = &mut job.doing
        {
            let last = std::mem::take(data);
            self.finish(number, false, None, last);
        }
    }

    fn next_piece(&mut self, number: u64) -> Option<Bytes> {
        let planted = self.planted;
        let mut room = self.agreed.limits.max_frame as usize - HEAD;
        let job = self.jobs.get_mut(&number)?;
        let window = match planted.is(Fault::ExceedsTheWindow) {
            true => u64::MAX,
            false => job.window,
        };
        let Doing::Sending { data, piece } = &mut job.doing else {
            return None;
        };
        let mut size = piece.unwrap_or(PIECE);
        if planted.is(Fault::SendsOverlongFrames) {
            (room, size) = (8 << 20, 8 << 20);
        }
        if data.is_empty() || (piece.is_none() && data.len() <= LAST) {
            return None;
        }
        size = size.min(room).min(data.len());
        if piece.is_none() && window >= 64 {
            size = size.min(usize::try_from(window).unwrap_or(size));
        }
        let cost = match planted.is(Fault::ChargesSmallOutputByItsBytes) {
            true => size as u64,
            false => output_cost(size),
        };
        if cost > window {
            return None;
        }
        job.window = job.window.saturating_sub(cost);
        Some(data.split_to(size))
    }

    /// What does not count towards the window is none of this function's business.
    pub(crate) fn output(&self, job: u64, data: Bytes) {
        self.send(&WorkerMessage::JobOutput(JobOutput { job }, data));
        if self.is(Fault::AcceptsAfterOutput) {
            self.send(&accepted(job));
        }
    }

    /// Output that is small enough for any window.
    pub(crate) fn say(&mut self, number: u64, text: &'static str) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.window = job.window.saturating_sub(output_cost(text.len()));
            self.output(number, text.into());
        }
    }

    /// As one that was told to stop.
    pub(crate) fn end(&mut self, number: u64) {
        if self.is(Fault::FinishesBothWays) {
            let both = JobFinished {
                job: number,
                cancelled: true,
                failure: Some(failure(FailureKind::ERROR, "both", false)),
            };
            self.jobs.remove(&number);
            return self.send(&WorkerMessage::JobFinished(both, Bytes::new()));
        }
        self.finish(number, true, None, Bytes::new());
    }

    pub(crate) fn fail(&mut self, number: u64, kind: FailureKind, message: &str, retryable: bool) {
        let failure = failure(kind, message, retryable);
        self.finish(number, false, Some(failure), Bytes::new());
    }

    pub(crate) fn finish(
        &mut self,
        number: u64,
        cancelled: bool,
        mut failed: Option<JobFailure>,
        data: Bytes,
    ) {
        let Some(job) = self.jobs.remove(&number) else {
            return;
        };
        if is_list(&job.start.name) {
            return self.finished(number, cancelled, failed, data);
        }
        if self.is(Fault::NeverFinishes) {
            return;
        }
        if self.is(Fault::RejectsWhatHasRun) {
            failed = Some(failure(FailureKind::REJECTED, "after all", true));
        }
        let data = if failed.is_some() { Bytes::new() } else { data };
        self.finished(number, cancelled && failed.is_none(), failed, data);
        match self.planted {
            planted if planted.is(Fault::FinishesTwice) => {
                self.finished(number, false, None, Bytes::new());
            }
            planted if planted.is(Fault::FinishesAnUnknownJob) => {
                self.finished(NO_JOB, true, None, Bytes::new());
            }
            planted if planted.is(Fault::SendsOutputAfterTheEnd) => {
                self.output(number, "late".into());
            }
            _ => {}
        }
    }
}

fn failure(kind: FailureKind, message: &str, retryable: bool) -> JobFailure {
    JobFailure {
        kind,
        message: shortened(message).into(),
        retryable,
    }
}
