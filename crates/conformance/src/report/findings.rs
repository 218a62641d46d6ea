//! What is wrong, in words, and which findings of a run are the same one.

use crate::case::{CaseResult, Finding, Verdict};
use crate::requirement::{Level, Requirement};

/// A finding, and how it was judged.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) finding: &'a Finding,
    failed: bool,
}

/// What findings of one mistake have in common.
pub(super) type Key = (&'static str, String);

/// What is wrong with a behaviour or a closing, if anything is.
pub(super) fn of(verdict: &Verdict) -> Option<Judged<'_>> {
    let (finding, failed) = match verdict {
        Verdict::Fail(finding) => (finding, true),
        Verdict::NonStrict(finding) => (finding, false),
        Verdict::Pass | Verdict::Skip(_) => return None,
    };
    Some(Judged { finding, failed })
}

/// What is wrong with a case: with its behaviour, with its closing.
pub(super) fn of_case(result: &CaseResult) -> [Option<Judged<'_>>; 2] {
    [of(&result.behaviour), of(&result.closing)]
}

impl Judged<'_> {
    /// What it says of the program.
    pub(super) fn claim(&self) -> String {
        let id = self.finding.requirement;
        match (Requirement::find(id).map(|found| found.level), self.failed) {
            (None, _) => format!("does not do what {id} says"),
            (Some(Level::Must), true) => format!("breaks {id}"),
            (Some(Level::Should), _) => format!("does not follow {id} (SHOULD)"),
            (Some(Level::Must | Level::May), _) => format!("not strict, beside {id}"),
        }
    }

    /// All of it.
    pub(super) fn said(&self) -> String {
        let Finding { expected, got, .. } = self.finding;
        format!("{}: expected {expected}; got {got}", self.claim())
    }

    /// The same for findings that differ only in the numbers of processes, jobs and the like.
    pub(super) fn key(&self) -> Key {
        (self.finding.requirement, without_numbers(&self.said()))
    }
}

/// Numbers are left out, but for those that say what has happened.
fn without_numbers(text: &str) -> String {
    const TELLING: [&str; 5] = ["GR-", "status: ", "signal: ", "kind ", "code "];
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        kept += &rest[..at];
        rest = &rest[at..];
        let id = kept.ends_with("GR-");
        let inside = |c: char| c.is_ascii_digit() || id && matches!(c, '.' | '-');
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let telling = TELLING.iter().any(|before| kept.ends_with(before));
        kept += if telling { &rest[..end] } else { "0" };
        rest = &rest[end..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verdict: &Verdict) -> String {
        of(verdict).unwrap().claim()
    }

    #[test]
    fn only_a_must_that_failed_is_broken() {
        let finding = |id| Finding::new(id, "this", "that");
        for (verdict, claim) in [
            (finding("GR-2.2-1").judged(), "breaks GR-2.2-1"),
            (
                finding("GR-1.2-5").judged(),
                "does not follow GR-1.2-5 (SHOULD)",
            ),
            (
                Verdict::NonStrict(finding("GR-2.2-1")),
                "not strict, beside GR-2.2-1",
            ),
            (
                finding("section 9.1").judged(),
                "does not do what section 9.1 says",
            ),
        ] {
            assert_eq!(said(&verdict), claim);
        }
        let listed = finding("section 9.2").judged();
        assert!(matches!(listed, Verdict::Fail(_)), "{listed:?}");
    }

    #[test]
    fn numbers_of_processes_and_jobs_make_no_difference() {
        let one = "breaks GR-5.4-1: process 17 lives; job 7 ended with exit status: 3";
        let other = "breaks GR-5.4-1: process 2003 lives; job 12 ended with exit status: 3";
        assert_eq!(without_numbers(one), without_numbers(other));
        assert!(without_numbers(one).contains("GR-5.4-1"));
        let third = one.replace(": 3", ": 4");
        assert_ne!(without_numbers(one), without_numbers(&third));
    }
}
