//! A job, from the order to its one and only end.

use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{JobFailure, Pair};

use crate::ExitReason;

/// What a worker is given to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRequest {
    /// The job's identity for people and logs: the same in every attempt.
    pub id: String,
    /// What kind of job it is; handlers may choose by it.
    pub name: String,
    /// What the caller wants the handler to know beside the input.
    pub metadata: Vec<Pair>,
    /// A W3C `traceparent`, or empty.
    pub traceparent: String,
    /// How long it may run from the moment it is sent; `None` means no limit.
    pub deadline: Option<Duration>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The input.
    pub input: Bytes,
}

/// What happens to a job, in this order: at most one `Accepted`, any number of `Output`, exactly
/// one `Finished`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobUpdate {
    /// The worker is about to run it.
    Accepted,
    /// A piece of its output. The receiver grants its
    /// [cost](greenroom_protocol::version::output_cost) again once it has used it.
    Output(Bytes),
    /// Its end.
    Finished(JobOutcome),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Well, with the last piece of its output.
    Ok(Bytes),
    /// Its handler failed.
    Failed(JobFailure),
    /// It stopped because it was told to.
    Cancelled,
    /// It was stopped because its time was up.
    DeadlineExceeded {
        /// The time it had, extensions included.
        deadline: Duration,
    },
    /// Its worker died.
    Lost {
        /// Why the worker died.
        reason: ExitReason,
        /// Whether the handler may have begun. If not, running the job again is always safe.
        accepted: bool,
    },
}
