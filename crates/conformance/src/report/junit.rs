//! JUnit XML, as CI systems read it.
//!
//! A suite for each theme, a test case for each case, named by its whole id so that it can be given to
//! `--only`. `failure` has what was expected and what came as its message, the broken requirement as
//! its type, and the exchange as its text. What was non-strict has passed, with the same text as
//! `system-out`: readers of JUnit show that, while most pass over `properties`. A known failure is
//! `skipped`, as other test programs do it; one that did not fail is a `failure`.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report, findings, harmless, text, theme};
use crate::case::CaseResult;

/// Of the words of a message, so many bytes.
const WORDS: usize = 2_000;

/// The whole run as XML. Fails only if XML cannot be written at all.
pub fn render(report: &Report<'_>) -> Result<String, quick_junit::SerializeError> {
    let mut suites: Vec<TestSuite> = Vec::new();
    for (result, outcome) in report.judged() {
        let theme = theme(&result.case);
        let test = test_case(report, result, outcome);
        match suites.iter_mut().find(|suite| suite.name == *theme) {
            Some(suite) => {
                suite.add_test_case(test);
            }
            None => {
                let mut suite = TestSuite::new(theme);
                suite.add_test_case(test);
                suites.push(suite);
            }
        }
    }
    let mut xml = quick_junit::Report::new(format!("greenroom conformance {}", report.side.name()));
    xml.set_time(report.took).add_test_suites(suites);
    xml.to_string()
}

fn test_case(report: &Report<'_>, result: &CaseResult, outcome: Outcome<'_>) -> TestCase {
    let mut test = TestCase::new(result.case.id, status(result, outcome));
    test.set_classname(report.side.name()).set_time(result.took);
    if matches!(outcome, Outcome::NonStrict | Outcome::ExpectedFailure(_)) {
        test.set_system_out(text::details(result, text::plain));
    }
    test
}

fn status(result: &CaseResult, outcome: Outcome<'_>) -> TestCaseStatus {
    let mut status = match outcome {
        Outcome::Passed | Outcome::NonStrict => return TestCaseStatus::success(),
        Outcome::Skipped(_) | Outcome::ExpectedFailure(_) => TestCaseStatus::skipped(),
        Outcome::Failed | Outcome::UnexpectedPass(_) => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
    };
    let message = match outcome {
        Outcome::Skipped(reason) => reason.to_owned(),
        Outcome::ExpectedFailure(reason) => format!("known to fail: {reason}"),
        Outcome::UnexpectedPass(reason) => {
            format!("known to fail, and did not; the list says: {reason}")
        }
        _ => match findings::of(result.verdict()) {
            Some(found) => {
                status.set_type(found.finding.requirement);
                status.set_description(text::details(result, text::plain));
                found.said()
            }
            None => String::new(),
        },
    };
    status.set_message(harmless(&message, WORDS));
    status
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::expected::Expected;
    use crate::report::{Rules, Side, sample};

    fn read_back(rules: &Rules) -> quick_junit::Report {
        let results = sample::results();
        let report = Report {
            side: Side::Host,
            program: "/bin/testee".as_ref(),
            name: "testee",
            rules,
            results: &results,
            took: Duration::from_millis(2_500),
        };
        let xml = render(&report).unwrap();
        quick_junit::Report::deserialize_from_str(&xml)
            .unwrap_or_else(|error| panic!("{error}: {xml}"))
    }

    #[test]
    fn suites_are_themes_and_counts_add_up() {
        let report = read_back(&Rules::default());
        assert_eq!((report.tests, report.failures), (4, 1));
        assert_eq!(
            (report.errors, report.time),
            (0, Some(Duration::from_millis(2_500)))
        );
        let names: Vec<&str> = report
            .test_suites
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(names, ["pings", "shutdown", "jobs", "output"]);
        for suite in &report.test_suites {
            let case = &suite.test_cases[0];
            assert_eq!(case.classname.as_ref().unwrap().as_str(), "host");
            assert_eq!(case.time, Some(Duration::from_millis(1_234)));
        }
    }

    #[test]
    fn a_failure_has_message_requirement_and_exchange_and_no_control_character() {
        let report = read_back(&Rules::default());
        let TestCaseStatus::NonSuccess {
            kind,
            message,
            ty,
            description,
            ..
        } = &report.test_suites[0].test_cases[0].status
        else {
            panic!("it has failed");
        };
        assert_eq!(*kind, NonSuccessKind::Failure);
        assert_eq!(ty.as_ref().unwrap().as_str(), sample::BROKEN);
        let message = message.as_ref().unwrap().as_str();
        let expected = "breaks GR-2.2-1: expected a Pong with seq 7; got one with </pre><script>alert(1)</script>\\u{1b}[2J";
        assert!(message.starts_with(expected), "{message}");
        let description = description.as_ref().unwrap().as_str();
        assert!(
            description.contains("05 00 00 00 03 00 07"),
            "{description}"
        );
    }

    #[test]
    fn what_is_non_strict_has_passed_and_says_what_was_seen() {
        let report = read_back(&Rules::default());
        let case = &report.test_suites[1].test_cases[0];
        assert!(matches!(case.status, TestCaseStatus::Success { .. }));
        let said = case.system_out.as_ref().unwrap().as_str();
        assert!(said.contains("does not follow GR-1.2-5 (SHOULD)"), "{said}");
    }

    #[test]
    fn what_is_known_is_skipped_and_what_was_mended_fails() {
        let known = "pings/seq we know\njobs/finish we knew";
        let expected = Expected::parse(known, &sample::cases()).unwrap();
        let report = read_back(&Rules {
            expected,
            ..Rules::default()
        });
        let status = |suite: usize| &report.test_suites[suite].test_cases[0].status;
        let TestCaseStatus::Skipped { message, .. } = status(0) else {
            panic!("it is known");
        };
        assert_eq!(message.as_ref().unwrap().as_str(), "known to fail: we know");
        assert!(matches!(status(2), TestCaseStatus::NonSuccess { .. }));
        assert_eq!(report.failures, 1);
    }
}
