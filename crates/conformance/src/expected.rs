//! A file of failures that are known: one case in each line, with the reason.
//!
//! ```text
//! # Comments and empty lines are passed over.
//! jobs/cancel-twice   the second cancel ends our loop; being worked on
//! ```

use std::collections::BTreeMap;

use crate::case::Case;

/// The cases that are known to fail, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(BTreeMap<String, String>);

/// A line of the file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Mistake {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nobody could say later why the failure is accepted.
    #[error("{id} has no reason: write why it fails behind it, on the same line")]
    NoReason {
        /// The case.
        id: String,
    },
    /// There is no such case.
    #[error("there is no case {id:?}")]
    Unknown {
        /// What was written.
        id: String,
    },
    /// The case has a line already.
    #[error("{id} is on line {first} already: take one of them out")]
    Duplicate {
        /// The case.
        id: String,
        /// The line that has it.
        first: usize,
    },
}

impl Expected {
    /// Reads the file's text. `cases` is the whole catalogue, also when only some of them are to run.
    ///
    /// Tells every mistake, in the order of the lines.
    pub fn parse(text: &str, cases: &[Case]) -> Result<Self, Vec<Mistake>> {
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        let mut mistakes = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (id, reason) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            let problem = if !cases.iter().any(|case| case.id == id) {
                Problem::Unknown { id: id.into() }
            } else if let Some(&first) = lines.get(id) {
                let id = id.into();
                Problem::Duplicate { id, first }
            } else if reason.is_empty() {
                Problem::NoReason { id: id.into() }
            } else {
                lines.insert(id, line);
                reasons.insert(id.into(), reason.trim_start().into());
                continue;
            };
            mistakes.push(Mistake { line, problem });
        }
        if mistakes.is_empty() {
            Ok(Self(reasons))
        } else {
            Err(mistakes)
        }
    }

    /// Why this case is known to fail, if it is.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn case(id: &'static str) -> Case {
        Case {
            id,
            requirements: &[],
            sends: "",
            expects: "",
        }
    }

    const CASES: [Case; 2] = [case("jobs/cancel-twice"), case("pings/replay")];

    #[test]
    fn each_line_is_a_case_and_its_reason() {
        let text =
            "\u{20}\n# known\njobs/cancel-twice\t  ends our loop # really \r\n\npings/replay x";
        let expected = Expected::parse(text, &CASES).unwrap();
        let reason = expected.reason("jobs/cancel-twice");
        assert_eq!(reason, Some("ends our loop # really"));
        assert_eq!(expected.reason("pings/replay"), Some("x"));
        assert_eq!(expected.reason("pings/other"), None);
        assert_eq!(Expected::parse("", &CASES), Ok(Expected::default()));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text =
            "pings/replay why\n\njobs/cancel-twice  \njobs/cancel-twise why\npings/replay why";
        let mistakes = Expected::parse(text, &CASES).unwrap_err();
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 3: jobs/cancel-twice has no reason: write why it fails behind it, on the same line",
                "line 4: there is no case \"jobs/cancel-twise\"",
                "line 5: pings/replay is on line 1 already: take one of them out",
            ]
        );
    }
}
