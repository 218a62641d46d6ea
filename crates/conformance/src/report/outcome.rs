//! What a case comes to, with what is known of it and what is asked for.

use serde::Serialize;

use crate::case::{CaseResult, Verdict};
use crate::expected::Expected;

/// What makes a run fail.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Non-strict cases have failed.
    pub strict: bool,
    /// Failures that are known.
    pub expected: Expected,
}

/// What a case comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "snake_case")]
pub enum Outcome<'a> {
    /// As it must be.
    Passed,
    /// As it must be, and not as it should be.
    NonStrict,
    /// Could not be judged, for this reason.
    Skipped(&'a str),
    /// Makes the run fail.
    Failed,
    /// Has failed, which is known, for this reason.
    ExpectedFailure(&'a str),
    /// Is known to fail for this reason, and does not. Makes the run fail, so that the list of known
    /// failures stays true.
    UnexpectedPass(&'a str),
}

impl Rules {
    /// What a case comes to. One that is known to fail and was skipped is skipped.
    pub fn outcome<'a>(&'a self, result: &'a CaseResult) -> Outcome<'a> {
        let outcome = match result.verdict() {
            Verdict::Skip(reason) => return Outcome::Skipped(reason),
            Verdict::Pass => Outcome::Passed,
            Verdict::NonStrict(_) if self.strict => Outcome::Failed,
            Verdict::NonStrict(_) => Outcome::NonStrict,
            Verdict::Fail(_) => Outcome::Failed,
        };
        match (self.expected.reason(result.case.id), outcome) {
            (None, outcome) => outcome,
            (Some(reason), Outcome::Failed) => Outcome::ExpectedFailure(reason),
            (Some(reason), _) => Outcome::UnexpectedPass(reason),
        }
    }
}

impl Outcome<'_> {
    /// Whether it makes the run fail.
    pub fn fails(self) -> bool {
        matches!(self, Self::Failed | Self::UnexpectedPass(_))
    }

    /// In one or two words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::NonStrict => "non-strict",
            Self::Skipped(_) => "skip",
            Self::Failed => "FAIL",
            Self::ExpectedFailure(_) => "known",
            Self::UnexpectedPass(_) => "FIXED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn strictness_and_known_failures_decide() {
        let known = "pings/seq it is known\nshutdown/idle so is this\njobs/finish and this\noutput/window x";
        let expected = Expected::parse(known, &sample::cases()).unwrap();
        let outcomes = |strict, expected: &Expected| {
            let rules = Rules {
                strict,
                expected: expected.clone(),
            };
            let results = sample::results();
            results
                .iter()
                .map(|result| rules.outcome(result).word())
                .collect::<Vec<_>>()
        };
        // pings/seq fails, shutdown/idle is non-strict, jobs/finish passes, output/window is skipped.
        let none = Expected::default();
        assert_eq!(
            outcomes(false, &none),
            ["FAIL", "non-strict", "pass", "skip"]
        );
        assert_eq!(outcomes(true, &none), ["FAIL", "FAIL", "pass", "skip"]);
        assert_eq!(
            outcomes(false, &expected),
            ["known", "FIXED", "FIXED", "skip"]
        );
        assert_eq!(
            outcomes(true, &expected),
            ["known", "known", "FIXED", "skip"]
        );
    }
}
