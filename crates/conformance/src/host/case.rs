//! What a case of a host is made of.

use std::pin::Pin;

use super::NotTested;
use super::stage::Stage;
use crate::case::{Case, Finding, Verdict};

/// A future in a box, as [`HostCase::run`] returns it.
pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What becomes of a case.
pub(super) type Played = Result<(), Stop>;

/// One case: what it is about, and how it goes. Each has a host of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostCase {
    /// Its name and its requirements.
    pub(super) about: Case,
    /// How the worker must end when `run` is through.
    pub(super) closing: Closing,
    /// What is done, from a host that has just been started. `Ok` is a pass, or non-strict if there
    /// are [remarks](Stage::remark).
    pub(super) run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Played>,
}

/// How the first worker must end; judged apart from what came before. In any case the host must live
/// on, run a job in a worker that behaves, and end well with its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// It behaves from now on: it must not be ended, unless it is told to leave.
    Orderly,
    /// It has broken a requirement, or a bound of the host: the host must have ended it.
    Refused,
    /// It has ended by itself.
    WorkerGone,
    /// The case has judged it, or it cannot be judged. What is left is killed.
    Judged,
}

/// Why a case ends early. `?` turns a [`Finding`] into one, as binding as its requirement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A MUST was broken.
    Fail(Finding),
    /// A SHOULD was not followed, or a liberty taken.
    NonStrict(Finding),
    /// The host does not offer what it takes, with the reason.
    Skip(String),
}

impl From<NotTested> for Stop {
    fn from(error: NotTested) -> Self {
        Self::Skip(error.to_string())
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        match finding.judged() {
            Verdict::NonStrict(finding) => Self::NonStrict(finding),
            Verdict::Fail(finding) => Self::Fail(finding),
            Verdict::Pass | Verdict::Skip(_) => unreachable!("a finding is neither"),
        }
    }
}

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fail(finding) => Self::Fail(finding),
            Stop::NonStrict(finding) => Self::NonStrict(finding),
            Stop::Skip(reason) => Self::Skip(reason),
        }
    }
}
