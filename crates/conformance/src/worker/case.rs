//! What a case of a worker is made of.

use std::pin::Pin;

use super::session::Session;
use crate::case::{Case, Finding, Verdict};

/// A future in a box, as [`WorkerCase::run`] returns it.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One case: what it is about, and how it goes. Each has a process of its own.
///
/// ```ignore
/// WorkerCase {
///     about: Case { id: "pings/answered", requirements: &["GR-5.2-3"], sends: "…", expects: "…" },
///     needs: &["conformance.echo"],
///     closing: Closing::Orderly,
///     run: |session| Box::pin(answered(session)),
/// }
///
/// async fn answered(session: &mut Session) -> Result<(), Stop> {
///     session.ready().await?;
///     …
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerCase {
    /// Its name and its requirements.
    pub(crate) about: Case,
    /// The jobs of section 9.1 that the worker must offer; without one of them the case is skipped.
    /// `conformance.jobs` stands for the ways in which it prepares itself.
    pub(crate) needs: &'static [&'static str],
    /// How the connection must end when `run` is through.
    pub(crate) closing: Closing,
    /// What is done, from a process that has just been started and has been sent nothing. `Ok` is a
    /// pass, or non-strict if there are [remarks](Session::remark).
    pub(crate) run: for<'a> fn(&'a mut Session) -> BoxFuture<'a, Result<(), Stop>>,
}

/// How a connection must end; judged apart from what came before. A case that failed is not judged
/// for its closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The kit sends `Shutdown` if the case has not: `ShuttingDown` must come, then `Exiting` as the
    /// last message, the end of the stream, and exit 0, all within the grace. Jobs may still run.
    /// Needs an `InitializeRequest` before.
    Orderly,
    /// The kit has broken a requirement: the worker must end the connection itself, and exit.
    Refused,
    /// The kit closes the connection: the worker must exit.
    HostGone,
    /// The case has judged it. What is left of the worker is killed.
    Judged,
}

/// Why a case ends early. `?` turns a [`Finding`] into one, as binding as its requirement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A MUST was broken.
    Fail(Finding),
    /// A SHOULD was not followed, or a liberty taken; the closing is still judged.
    NonStrict(Finding),
    /// The worker does not offer what it takes, with the reason; the closing is still judged.
    Skip(String),
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
