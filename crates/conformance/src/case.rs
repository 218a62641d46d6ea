//! What a case is, and what comes out of one.

use std::fmt;
use std::time::Duration;

use crate::requirement::{Level, Requirement};
use crate::transcript::Transcript;

/// What is known of a case before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `theme/what-is-tried`, for example `jobs/one-finish`.
    pub id: &'static str,
    /// The requirements that it shows, the main one first.
    pub requirements: &'static [&'static str],
    /// What the kit does, in words.
    pub sends: &'static str,
    /// What must come of it, in words.
    pub expects: &'static str,
}

/// What was judged of one side of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Pass,
    /// A SHOULD was not followed, or a liberty taken that the text leaves open.
    NonStrict(Finding),
    /// A MUST was broken.
    Fail(Finding),
    /// Could not be judged: the program does not offer what it takes. With the reason.
    Skip(String),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The requirement that was broken, or that was waited for in vain; or `section 9.1` or
    /// `section 9.2`, which are no requirements, if a program lists a job and does something else.
    pub requirement: &'static str,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub got: String,
}

impl Finding {
    /// The requirement must be one of the text, or `section 9.1` or `section 9.2`.
    pub fn new(
        requirement: &'static str,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self {
            requirement,
            expected: expected.into(),
            got: got.into(),
        }
    }

    /// As binding as the requirement is: [`Verdict::Fail`] for a MUST and for section 9, otherwise
    /// [`Verdict::NonStrict`].
    pub fn judged(self) -> Verdict {
        match Requirement::find(self.requirement).map(|found| found.level) {
            Some(Level::Should | Level::May) => Verdict::NonStrict(self),
            Some(Level::Must) | None => Verdict::Fail(self),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, got {}",
            self.requirement, self.expected, self.got
        )
    }
}

/// One case that has run.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Which case.
    pub case: Case,
    /// Whether what it said and did was right.
    pub behaviour: Verdict,
    /// Whether the connection and the process ended as they must.
    pub closing: Verdict,
    /// What went over the wire.
    pub transcript: Transcript,
    /// How long it took.
    pub took: Duration,
}

impl CaseResult {
    /// The worse of the two verdicts: fail, then non-strict, then skip, then pass. Something that was
    /// skipped and closed as it must is skipped.
    pub fn verdict(&self) -> &Verdict {
        let rank = |verdict: &Verdict| match verdict {
            Verdict::Fail(_) => 3,
            Verdict::NonStrict(_) => 2,
            Verdict::Skip(_) => 1,
            Verdict::Pass => 0,
        };
        if rank(&self.closing) > rank(&self.behaviour) {
            &self.closing
        } else {
            &self.behaviour
        }
    }
}
