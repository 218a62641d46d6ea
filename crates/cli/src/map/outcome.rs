//! What became of a job, as one line of JSON.

use std::time::Duration;

use bytes::Bytes;
use greenroom::{ExitReason, FailureKind, JobError, LaunchError, WorkerId};
use serde::Serialize;

use super::base64;
use super::fingerprint::Fingerprint;
use super::input::{Content, Input, LONGEST_LINE};

/// A job's end, ready to be written.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) fingerprint: Fingerprint,
    pub(super) ok: bool,
    /// The line for standard output, without its end.
    pub(super) line: Vec<u8>,
}

/// How a job that ran went.
pub(super) struct Ran {
    pub(super) worker: Option<WorkerId>,
    pub(super) queued: Duration,
    pub(super) took: Duration,
    pub(super) result: Result<Bytes, Failure>,
}

/// Why a job did not succeed, for programs and for people.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Line<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_base64: Option<String>,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_us: Option<u64>,
}

impl Outcome {
    pub(super) fn of(input: &Input, ran: &Ran) -> Self {
        let mut line = Line {
            index: input.index,
            ok: ran.result.is_ok(),
            worker: ran.worker.map(|worker| worker.to_string()),
            queued_us: ran.worker.map(|_| micros(ran.queued)),
            took_us: ran.worker.map(|_| micros(ran.took)),
            ..Line::default()
        };
        if let Content::Bytes(bytes) = &input.content {
            (line.input, line.input_base64) = text(bytes);
        }
        match &ran.result {
            Ok(output) => (line.output, line.output_base64) = text(output),
            Err(failure) => line.error = Some(failure),
        }
        Self {
            fingerprint: input.fingerprint,
            ok: line.ok,
            line: serde_json::to_vec(&line).expect("texts and numbers can be JSON"),
        }
    }

    /// Of a line that was too long to be a job.
    pub(super) fn too_long(input: &Input, length: u64) -> Self {
        let failure = Failure::new(
            "input_too_large",
            format!(
                "the line has {length} bytes, the limit is {LONGEST_LINE}: \
                 put it into a file and send its path"
            ),
        );
        Self::of(input, &Ran::not_at_all(failure))
    }
}

impl Ran {
    /// Of a job that no worker has ever had.
    pub(super) fn not_at_all(failure: Failure) -> Self {
        Self {
            worker: None,
            queued: Duration::ZERO,
            took: Duration::ZERO,
            result: Err(failure),
        }
    }
}

/// As it is, or else as base64.
fn text(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(base64::encode(bytes))),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Failure {
    fn new(kind: &'static str, message: String) -> Self {
        Self {
            kind,
            message,
            reason: None,
        }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let message = match &error {
            JobError::OutputTooLarge { limit } => {
                format!("the job's output exceeds {limit} bytes: raise --max-output")
            }
            error => error.to_string(),
        };
        let kind = match &error {
            JobError::Failed { kind, .. } => match *kind {
                FailureKind::PANIC => "panicked",
                FailureKind::INVALID_INPUT => "invalid_input",
                _ => "failed",
            },
            JobError::Cancelled => "cancelled",
            JobError::DeadlineExceeded { .. } => "deadline",
            JobError::Lost { report, .. } => {
                return Self {
                    kind: match report.reason {
                        ExitReason::JobDeadline { .. } => "deadline",
                        ExitReason::CancelIgnored { .. } => "cancelled",
                        _ => "crashed",
                    },
                    message,
                    reason: Some(reason(&report.reason)),
                };
            }
            JobError::NotRunAgain(_) => "not_run_again",
            JobError::OutputTooLarge { .. } => "output_too_large",
            _ => "crashed",
        };
        Self::new(kind, message)
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        Self::new("refused", error.to_string())
    }
}

/// How a worker died, in a word.
fn reason(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::Clean => "clean",
        ExitReason::Code { .. } => "code",
        ExitReason::Signal { .. } => "signal",
        ExitReason::OutOfMemory => "out_of_memory",
        ExitReason::SpawnFailed(_) => "spawn_failed",
        ExitReason::InitializeTimeout { .. } => "initialize_timeout",
        ExitReason::InitializeFailed { .. } => "initialize_failed",
        ExitReason::PingTimeout { .. } => "ping_timeout",
        ExitReason::MemoryLimit { .. } => "memory_limit",
        ExitReason::CloseTimeout { .. } => "close_timeout",
        ExitReason::ProtocolViolation { .. } => "protocol_violation",
        ExitReason::JobDeadline { .. } => "job_deadline",
        ExitReason::CancelIgnored { .. } => "cancel_ignored",
        ExitReason::Disconnected => "disconnected",
        ExitReason::Requested { .. } => "requested",
        ExitReason::HostGone => "host_gone",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(input: &'static [u8], result: Result<Bytes, Failure>) -> String {
        let input = Input {
            index: 7,
            fingerprint: Fingerprint::of(input),
            content: Content::Bytes(Bytes::from_static(input)),
        };
        let ran = Ran {
            worker: None,
            queued: Duration::ZERO,
            took: Duration::ZERO,
            result,
        };
        String::from_utf8(Outcome::of(&input, &ran).line).unwrap()
    }

    #[test]
    fn what_is_no_text_is_written_in_base64() {
        let expected = r#"{"index":7,"input":"a\n","ok":true,"output_base64":"/w=="}"#;
        assert_eq!(line(b"a\n", Ok(Bytes::from_static(b"\xff"))), expected);
        let expected = r#"{"index":7,"input_base64":"/w==","ok":true,"output":""}"#;
        assert_eq!(line(b"\xff", Ok(Bytes::new())), expected);
    }

    #[test]
    fn a_failure_says_its_kind_and_the_words_of_the_handler() {
        let failed = JobError::Failed {
            kind: FailureKind::PANIC,
            message: "oh \"no\"".into(),
            retryable: false,
        };
        let expected = r#"{"index":7,"input":"x","ok":false,"error":{"kind":"panicked","message":"oh \"no\""}}"#;
        assert_eq!(line(b"x", Err(failed.into())), expected);
    }
}
