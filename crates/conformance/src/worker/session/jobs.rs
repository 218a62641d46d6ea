//! Jobs as a host runs them.

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    HostMessage, JobFailure, JobFinished, JobWindow, Pair, StartJob, WorkerMessage,
};

use super::Session;
use crate::case::Finding;
use crate::worker::case::Stop;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobEnd {
    /// Whether it stopped because it was told to.
    pub(crate) cancelled: bool,
    /// What went wrong.
    pub(crate) failure: Option<JobFailure>,
    /// All of its output: each `JobOutput`, then the data of `JobFinished`.
    pub(crate) output: Bytes,
}

impl JobEnd {
    /// Whether it ended well.
    pub(crate) fn is_ok(&self) -> bool {
        !self.cancelled && self.failure.is_none()
    }

    /// Its output, if it ended well: section 9.1 says that a job of this name does.
    pub(crate) fn well(self, name: &str) -> Result<Bytes, Stop> {
        let got = match self.failure {
            None if !self.cancelled => return Ok(self.output),
            None => "cancelled".into(),
            Some(failure) => format!("failed, {}: {}", failure.kind, failure.message),
        };
        let expected = format!("{name} to end well");
        Err(Finding::new("section 9.1", expected, got).into())
    }
}

impl Session {
    /// A job number that was not used yet.
    pub(crate) fn job_number(&mut self) -> u64 {
        self.next_job += 1;
        self.next_job - 1
    }

    /// A `StartJob` of a new job: attempt 1, no deadline, no metadata, and the whole input in it.
    pub(crate) fn start_message(&mut self, name: &str) -> StartJob {
        let job = self.job_number();
        StartJob {
            job,
            id: format!("case-{job}"),
            name: name.into(),
            metadata: Vec::new(),
            traceparent: String::new(),
            deadline_ms: 0,
            attempt: 1,
            last: true,
        }
    }

    /// Starts a job with its whole input in one message, and returns its number.
    pub(crate) async fn start(
        &mut self,
        name: &str,
        input: impl Into<Bytes>,
        metadata: &[(&str, &str)],
    ) -> Result<u64, Stop> {
        let mut start = self.start_message(name);
        start.metadata = pairs(metadata);
        let job = start.job;
        self.send(HostMessage::StartJob(start, input.into()))
            .await?;
        Ok(job)
    }

    /// Starts a job and takes its output until it has ended; see [`finish_job`](Self::finish_job).
    pub(crate) async fn run_job(
        &mut self,
        name: &str,
        input: impl Into<Bytes>,
        metadata: &[(&str, &str)],
    ) -> Result<JobEnd, Stop> {
        let job = self.start(name, input, metadata).await?;
        self.finish_job(job).await
    }

    /// As [`run_job`](Self::run_job), for a job that must end well. Returns its output.
    pub(crate) async fn run_well(
        &mut self,
        name: &str,
        input: impl Into<Bytes>,
        metadata: &[(&str, &str)],
    ) -> Result<Bytes, Stop> {
        self.run_job(name, input, metadata).await?.well(name)
    }

    /// Runs `conformance.echo` and compares: what a worker is good for that is well.
    pub(crate) async fn echo(&mut self, input: &str) -> Result<(), Stop> {
        let output = self
            .run_well("conformance.echo", input.to_owned(), &[])
            .await?;
        if output == input {
            return Ok(());
        }
        let expected = format!("the output {input:?}");
        let got = format!("{:?}", String::from_utf8_lossy(&output));
        Err(Finding::new("section 9.1", expected, got).into())
    }

    /// Takes a job's output until it has ended, and lets it send as much more as is taken. Each
    /// message has the bound for itself. Other messages are passed over: calls are not answered.
    pub(crate) async fn finish_job(&mut self, job: u64) -> Result<JobEnd, Stop> {
        let expected = format!("JobOutput or JobFinished of job {job}");
        let mut output = BytesMut::new();
        loop {
            match self.next("GR-5.4-2", &expected).await? {
                WorkerMessage::JobOutput(piece, data) if piece.job == job => {
                    output.extend_from_slice(&data);
                    let taken = u32::try_from(data.len().max(64)).unwrap_or(u32::MAX);
                    self.grant(job, taken).await?;
                }
                WorkerMessage::JobFinished(finished, data) if finished.job == job => {
                    output.extend_from_slice(&data);
                    let JobFinished {
                        cancelled, failure, ..
                    } = finished;
                    return Ok(JobEnd {
                        cancelled,
                        failure,
                        output: output.freeze(),
                    });
                }
                _ => {}
            }
        }
    }

    /// Lets a job send so many bytes more.
    pub(crate) async fn grant(&mut self, job: u64, bytes: u32) -> Result<(), Stop> {
        self.send(HostMessage::JobWindow(JobWindow { job, bytes }))
            .await
    }

    /// What a running job may still send, in cost; 0 for any other job.
    pub(crate) fn window_left(&self, job: u64) -> u64 {
        self.referee.window_left(job)
    }
}

fn pairs(metadata: &[(&str, &str)]) -> Vec<Pair> {
    let pair = |&(key, value): &(&str, &str)| Pair {
        key: key.into(),
        value: value.into(),
    };
    metadata.iter().map(pair).collect()
}
