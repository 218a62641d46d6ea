//! What is said over the control socket.

use serde::{Deserialize, Serialize};

use crate::view::{EventView, LineView, PlanView, ReportView, UnitView};

/// The version of everything in this file.
pub(crate) const VERSION: u32 = 1;

/// The longest line that a client may send, in bytes.
pub(crate) const MAX_REQUEST: usize = 64 << 10;

/// The first line of both sides. It never changes, but for more keys, which are skipped.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) greenroom: u32,
    /// Who it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

impl Hello {
    pub(crate) fn ours() -> Self {
        Self {
            greenroom: VERSION,
            version: Some(env!("CARGO_PKG_VERSION").into()),
        }
    }
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Answered by units: all, or everything about one.
    Status {
        unit: Option<String>,
    },
    /// Answered by lines: the last ones, and then, if wanted, all that come.
    Logs {
        unit: Option<String>,
        last: usize,
        follow: bool,
    },
    /// Answered by events: the last ones, and then, if wanted, all that come.
    Events {
        last: usize,
        follow: bool,
    },
    /// Answered by the report of its last death.
    Why {
        unit: String,
    },
    /// Answered by the unit once it is ready.
    Start {
        unit: String,
    },
    /// Answered by the unit once it is gone.
    Stop {
        unit: String,
    },
    /// Answered by the unit once it is ready again.
    Restart {
        unit: String,
    },
    Signal {
        unit: String,
        signal: i32,
    },
    /// How many workers a pool keeps ready.
    Scale {
        pool: String,
        workers: usize,
    },
    /// Answered by the plan, and by errors of units that did not become ready.
    Reload {
        dry_run: bool,
    },
    /// Answered by events until everything has ended.
    Shutdown {
        now: bool,
    },
}

/// A line of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Unit(Box<UnitView>),
    Line(LineView),
    Event(EventView),
    Report(ReportView),
    Plan(PlanView),
    /// So many lines or events came faster than they were read, and are left out here.
    Missed(u64),
    /// So many lines of a unit were never kept for anybody: it printed them too fast.
    Dropped {
        unit: String,
        lines: u64,
    },
    /// All is said.
    Done {},
    /// It could not be done.
    Error(Failure),
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// The request cannot be understood.
    BadRequest,
    /// The other side speaks another version.
    Version,
    /// This user may not.
    NotPermitted,
    /// There are too many connections.
    Busy,
    /// The client took too long.
    TooSlow,
    /// There is no such unit.
    UnknownUnit,
    /// It was tried and did not succeed.
    Failed,
    /// The configuration file cannot be used.
    BadConfiguration,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_look_as_scripts_expect_them() {
        let line = |request: &Request| serde_json::to_string(request).unwrap();
        assert_eq!(
            line(&Request::Stop { unit: "api".into() }),
            r#"{"request":"stop","unit":"api"}"#
        );
        assert_eq!(
            line(&Request::Reload { dry_run: true }),
            r#"{"request":"reload","dry_run":true}"#
        );
        let failure = Failure::new(FailureKind::UnknownUnit, "there is no unit x");
        assert_eq!(
            serde_json::to_string(&Answer::Error(failure)).unwrap(),
            r#"{"error":{"kind":"unknown_unit","message":"there is no unit x"}}"#
        );
        assert_eq!(
            serde_json::to_string(&Answer::Done {}).unwrap(),
            r#"{"done":{}}"#
        );
    }

    #[test]
    fn what_a_request_does_not_know_is_refused() {
        let read = serde_json::from_str::<Request>;
        assert!(read(r#"{"request":"stop","unit":"a","force":true}"#).is_err());
        assert!(read(r#"{"request":"explode"}"#).is_err());
        assert!(read("[]").is_err());
    }
}
