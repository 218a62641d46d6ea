//! The text as people read it.

use super::*;
use crate::expected::Expected;
use crate::report::{Rules, Side, sample};

fn told(rules: &Rules) -> Vec<String> {
    let results = sample::results();
    let told = results
        .iter()
        .map(|it| case(it, rules.outcome(it), None, plain));
    told.collect()
}

#[test]
fn what_is_as_it_must_be_is_one_line() {
    let text = &told(&Rules::default())[2];
    assert_eq!(
        text,
        "pass       jobs/finish                                    1.2 s  starts the worker & sends <Ping> with seq 7\n"
    );
}

#[test]
fn what_was_skipped_says_why() {
    let text = &told(&Rules::default())[3];
    assert!(text.starts_with("skip       output/window"), "{text}");
    assert!(text.contains("it offers no conformance.produce"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_failure_shows_requirement_expectation_verdicts_and_bytes() {
    let text = &told(&Rules::default())[0];
    for shown in [
        "FAIL       pings/seq",
        "GR-2.2-1 (MUST): `length` MUST NOT be over the limit in force; if it is, that is fatal,",
        "the kit    starts the worker & sends <Ping> with seq 7",
        "must come  a `Pong` with the same seq",
        "behaviour  breaks GR-2.2-1: expected a Pong with seq 7; got one with",
        "closing    as it must be",
        "-> Ping seq 7 (7 bytes)",
        "0000  05 00 00 00 03 00 07                             |.......|",
        "0000  3c 2f 70 72 65 3e",
        "|  </pre><script>",
        "the connection was closed",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    // What is wrong comes first, and no other requirement.
    assert!(
        text.lines().nth(1).unwrap().contains("behaviour  breaks"),
        "{text}"
    );
    assert!(!text.contains(sample::OPEN), "{text}");
    assert_eq!(text.matches("starts the worker").count(), 1, "{text}");
}

#[test]
fn what_was_told_already_is_one_line() {
    let result = &sample::results()[0];
    let outcome = Rules::default();
    let text = case(result, outcome.outcome(result), Some("pings/other"), plain);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.ends_with("the same as pings/other\n"), "{text}");
}

#[test]
fn words_of_the_program_cannot_command_the_terminal_or_flood_it() {
    let text = told(&Rules::default()).concat();
    let commands = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
    assert!(!text.contains(commands), "{text:?}");
    assert!(text.contains("\\u{1b}[2J"), "{text}");
    assert!(text.contains("bytes more)"), "{text}");
}

#[test]
fn known_failures_say_why_they_are_accepted_and_when_they_are_mended() {
    let known = "pings/seq we know\njobs/finish we knew";
    let expected = Expected::parse(known, &sample::cases()).unwrap();
    let rules = Rules {
        expected,
        ..Rules::default()
    };
    let told = told(&rules);
    assert!(told[0].starts_with("known      pings/seq"), "{}", told[0]);
    assert!(told[0].contains("known to fail: we know"), "{}", told[0]);
    assert!(told[2].starts_with("FIXED      jobs/finish"), "{}", told[2]);
    assert!(told[2].contains("which says: we knew"), "{}", told[2]);
}

#[test]
fn the_whole_ends_with_counts_and_requirements() {
    let results = sample::results();
    let report = Report {
        side: Side::Worker,
        program: "/bin/testee".as_ref(),
        name: "testee",
        rules: &Rules::default(),
        results: &results,
        took: Duration::from_millis(2_500),
    };
    let text = whole(&report, plain);
    let must = report.tally().coverage(Side::Worker).must;
    let rest = crate::worker::catalogue().len() - 4;
    let end = format!(
        "Does not conform; 1 skipped, each with its reason; {rest} not run\n4 cases in 2.5 s: 1 passed, 1 failed, 1 non-strict, 1 skipped\nMUSTs for a worker: 0 shown and 1 broken of {must}\n"
    );
    let table =
        "    cases  what was found, and the first case\n        1  breaks GR-2.2-1: expected";
    assert!(text.contains(table), "{text}");
    assert!(text.ends_with(&end), "{text}");
}

#[test]
fn long_words_are_broken_into_lines() {
    let mut text = String::new();
    push(&mut text, "title  ", &"word ".repeat(40));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|line| line.len() <= COLUMNS), "{text}");
    assert!(lines[1].starts_with("                  word"), "{text}");
}
