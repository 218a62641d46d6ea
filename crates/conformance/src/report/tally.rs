//! What a run comes to, counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::findings::{self, Judged, Key};
use super::{Outcome, Side};
use crate::case::{CaseResult, Verdict};
use crate::requirement::{Level, Requirement, Sides};

/// Cases by what they came to, and the requirements that they showed.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// As it must be.
    pub passed: usize,
    /// As it must be, not as it should be.
    pub non_strict: usize,
    /// Could not be judged.
    pub skipped: usize,
    /// Failed, and nobody knew.
    pub failed: usize,
    /// Failed, as is known.
    pub expected_failures: usize,
    /// Known to fail, and did not.
    pub unexpected_passes: usize,
    /// What is not as it must or should be, as it came.
    pub(super) groups: Vec<Group>,
    /// The first case of each set of findings.
    first: BTreeMap<[Option<Key>; 2], &'static str>,
    tried: BTreeSet<&'static str>,
    shown: BTreeSet<&'static str>,
    broken: BTreeSet<&'static str>,
    not_followed: BTreeSet<&'static str>,
}

/// Cases with the same finding.
#[derive(Clone, Debug)]
pub(super) struct Group {
    key: Key,
    /// The finding of the first of them, in words.
    pub(super) said: String,
    pub(super) fails: bool,
    /// At least one.
    pub(super) cases: Vec<&'static str>,
}

/// How many of the requirements were looked at that say MUST and bind the side under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// In the text.
    pub must: usize,
    /// Cited by a case that could be judged.
    pub tried: usize,
    /// Cited by a case that did not fail, and broken in none.
    pub shown: usize,
    /// Broken in a case.
    pub broken: usize,
}

/// How a requirement came out of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Shown,
    Broken,
    /// A SHOULD that was not followed, or a liberty taken.
    NotFollowed,
    /// Tried, but the case that cites it failed over another one.
    Open,
    Untried,
}

impl Tally {
    /// Counts a case.
    pub fn add(&mut self, result: &CaseResult, outcome: Outcome<'_>) {
        let count = match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::NonStrict => &mut self.non_strict,
            Outcome::Skipped(_) => &mut self.skipped,
            Outcome::Failed => &mut self.failed,
            Outcome::ExpectedFailure(_) => &mut self.expected_failures,
            Outcome::UnexpectedPass(_) => &mut self.unexpected_passes,
        };
        *count += 1;
        match outcome {
            Outcome::Failed | Outcome::NonStrict => self.group(result, outcome.fails()),
            Outcome::UnexpectedPass(_) => {
                let said = "known to fail, and does not: take it off the list";
                self.join(("", String::new()), said.into(), true, result.case.id);
            }
            _ => {}
        }
        for verdict in [&result.behaviour, &result.closing] {
            match verdict {
                Verdict::Fail(finding) => self.broken.insert(finding.requirement),
                Verdict::NonStrict(finding) => self.not_followed.insert(finding.requirement),
                Verdict::Pass | Verdict::Skip(_) => false,
            };
        }
        let cited = result.case.requirements;
        match result.verdict() {
            Verdict::Skip(_) => {}
            Verdict::Fail(_) => self.tried.extend(cited),
            Verdict::Pass | Verdict::NonStrict(_) => {
                self.tried.extend(cited);
                self.shown.extend(cited);
            }
        }
    }

    fn group(&mut self, result: &CaseResult, fails: bool) {
        let found = findings::of_case(result);
        for judged in found.iter().flatten() {
            self.join(judged.key(), judged.said(), fails, result.case.id);
        }
        let keys = found.map(|judged| judged.as_ref().map(Judged::key));
        self.first.entry(keys).or_insert(result.case.id);
    }

    fn join(&mut self, key: Key, said: String, fails: bool, case: &'static str) {
        match self.groups.iter_mut().find(|group| group.key == key) {
            // Its behaviour and its closing may have the same.
            Some(group) if group.cases.last() == Some(&case) => {}
            Some(group) => group.cases.push(case),
            None => self.groups.push(Group {
                key,
                said,
                fails,
                cases: vec![case],
            }),
        }
    }

    /// An earlier case in which exactly the same was found. `result` is one that was added.
    pub fn same_as(&self, result: &CaseResult) -> Option<&'static str> {
        let keys = findings::of_case(result).map(|judged| judged.as_ref().map(Judged::key));
        let first = self.first.get(&keys).copied();
        first.filter(|first| *first != result.case.id)
    }

    /// How many cases there were.
    pub fn cases(&self) -> usize {
        self.passed
            + self.non_strict
            + self.skipped
            + self.failed
            + self.expected_failures
            + self.unexpected_passes
    }

    /// Whether the run is as it must be.
    pub fn ok(&self) -> bool {
        self.failed == 0 && self.unexpected_passes == 0
    }

    /// What was seen of the text's MUSTs for this side.
    pub fn coverage(&self, side: Side) -> Coverage {
        let own = match side {
            Side::Worker => Sides::Worker,
            Side::Host => Sides::Host,
        };
        let binds = move |found: &&Requirement| [own, Sides::Both].contains(&found.binds());
        let musts = || {
            let musts = Requirement::all().filter(|found| found.level == Level::Must);
            musts.filter(binds)
        };
        let standing = |wanted| musts().filter(move |found| self.standing(found.id) == wanted);
        let must = musts().count();
        Coverage {
            must,
            tried: must - standing(Standing::Untried).count(),
            shown: standing(Standing::Shown).count(),
            broken: standing(Standing::Broken).count(),
        }
    }

    pub(super) fn standing(&self, requirement: &str) -> Standing {
        if self.broken.contains(requirement) {
            Standing::Broken
        } else if self.not_followed.contains(requirement) {
            Standing::NotFollowed
        } else if self.shown.contains(requirement) {
            Standing::Shown
        } else if self.tried.contains(requirement) {
            Standing::Open
        } else {
            Standing::Untried
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Rules, sample};

    #[test]
    fn what_a_failed_case_cites_is_shown_only_by_others() {
        let rules = Rules::default();
        let mut tally = Tally::default();
        for result in &sample::results() {
            tally.add(result, rules.outcome(result));
        }
        assert_eq!(tally.cases(), 4);
        assert!(!tally.ok());
        // pings/seq cites both and broke the first; jobs/finish shows its own.
        assert_eq!(tally.standing(sample::BROKEN), Standing::Broken);
        assert_eq!(tally.standing(sample::OPEN), Standing::Open);
        assert_eq!(tally.standing(sample::SHOWN), Standing::Shown);
        assert_eq!(tally.standing(sample::LIBERTY), Standing::NotFollowed);
        assert_eq!(tally.standing(sample::SKIPPED), Standing::Untried);
        // Those that bind both sides.
        let coverage = tally.coverage(Side::Worker);
        assert_eq!((coverage.tried, coverage.broken), (2, 1), "{coverage:?}");
        // And that for the standard input, which the host makes.
        let coverage = tally.coverage(Side::Host);
        assert_eq!((coverage.tried, coverage.shown, coverage.broken), (3, 1, 1));
        assert!(coverage.must > 30, "{coverage:?}");
    }

    #[test]
    fn cases_with_the_same_finding_are_one_group() {
        let rules = Rules::default();
        let mut tally = Tally::default();
        let results = sample::results();
        let mut again = results[0].clone();
        again.case = results[2].case;
        for result in [&results[0], &results[1], &again] {
            tally.add(result, rules.outcome(result));
        }
        let cases: Vec<_> = tally.groups.iter().map(|it| it.cases.clone()).collect();
        let (first, other) = (results[0].case.id, results[1].case.id);
        assert_eq!(cases, [vec![first, again.case.id], vec![other]]);
        assert_eq!(tally.same_as(&results[0]), None);
        assert_eq!(tally.same_as(&again), Some(first));
    }
}
