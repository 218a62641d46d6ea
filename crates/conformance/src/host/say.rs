//! What the kit says to a host under test, and what that says: section 9.2 of the text.

use serde::{Deserialize, Serialize};

use super::body::Output;

/// What is cited where a host does not do what this section alone asks of it: it is no requirement.
pub(super) const SECTION: &str = "section 9.2";

/// One line of the host's standard input.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(super) enum Command {
    Job(Job),
    Take { key: String },
    Cancel { key: String },
}

/// A job for the host to launch.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Job {
    pub(super) key: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) metadata: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline_ms: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) hold: bool,
}

/// One line of the host's standard output.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Say {
    Outcome {
        key: String,
        #[serde(flatten)]
        outcome: Outcome,
    },
    Worker(WorkerIs),
    Log {
        log: String,
        stream: Output,
    },
}

/// How a job has ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(super) enum Outcome {
    Ok {
        output: String,
        bytes: u64,
    },
    Failed {
        kind: u16,
        message: String,
        retryable: bool,
    },
    Cancelled,
    Lost {
        reason: String,
    },
}

/// What has become of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "worker", rename_all = "lowercase")]
pub(super) enum WorkerIs {
    Ready { name: String },
    Gone { reason: String },
}

/// Byte i of an input that is given by its size.
pub(super) fn pattern(size: usize) -> impl Iterator<Item = u8> {
    (0..=250u8).cycle().take(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Say {
        serde_json::from_str(line).expect("the line is one of section 9.2")
    }

    #[test]
    fn every_line_of_the_text_is_understood() {
        let ok = read(r#"{"key":"a","outcome":"ok","output":"x","bytes":1}"#);
        assert!(matches!(
            ok,
            Say::Outcome {
                outcome: Outcome::Ok { bytes: 1, .. },
                ..
            }
        ));
        let failed =
            read(r#"{"key":"a","outcome":"failed","kind":999,"message":"m","retryable":true}"#);
        assert!(matches!(
            failed,
            Say::Outcome {
                outcome: Outcome::Failed { kind: 999, .. },
                ..
            }
        ));
        let cancelled = read(r#"{"key":"a","outcome":"cancelled"}"#);
        assert!(matches!(
            cancelled,
            Say::Outcome {
                outcome: Outcome::Cancelled,
                ..
            }
        ));
        let lost = read(r#"{"key":"a","outcome":"lost","reason":"r"}"#);
        assert!(matches!(
            lost,
            Say::Outcome {
                outcome: Outcome::Lost { .. },
                ..
            }
        ));
        let ready = read(r#"{"worker":"ready","name":"n"}"#);
        assert_eq!(ready, Say::Worker(WorkerIs::Ready { name: "n".into() }));
        let log = read(r#"{"log":"l","stream":"stderr"}"#);
        assert_eq!(
            log,
            Say::Log {
                log: "l".into(),
                stream: Output::Stderr
            }
        );
    }

    #[test]
    fn a_job_names_only_what_it_has() {
        let job = Job {
            key: "k".into(),
            name: "n".into(),
            size: Some(3),
            ..Job::default()
        };
        let line = serde_json::to_string(&Command::Job(job)).expect("it is plain");
        assert_eq!(line, r#"{"do":"job","key":"k","name":"n","size":3}"#);
    }
}
