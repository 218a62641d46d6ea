//! For people: a line for each case as it ends, and all that is known of those that are not as they
//! must be.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Outcome, Report, Side, Tally, answer, exchange, findings, harmless, time};
use crate::case::{Case, CaseResult, Verdict};
use crate::fields::count;
use crate::requirement::{Level, Requirement};

/// Of the exchange, so many entries are shown: a failure is near the end.
const ENTRIES: usize = 16;
/// Of the words of a finding, so many bytes.
const WORDS: usize = 2_000;
/// Of a finding that was told in full already, so many bytes.
const SHORT: usize = 240;
const COLUMNS: usize = 100;

/// What a piece of text is, for whoever gives it a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it must be.
    Good,
    /// Makes the run fail.
    Bad,
    /// Worth a look.
    Odd,
    /// Of less interest than the rest.
    Quiet,
}

/// Gives a piece of text its colour.
pub type Paint = fn(Tone, &str) -> String;

/// No colours.
pub fn plain(_: Tone, text: &str) -> String {
    text.into()
}

/// One case: its line, and if it is not as it must be, what was seen. `same_as` is a case of which
/// exactly that was told already: see [`Tally::same_as`]. Ends with the end of a line.
pub fn case(
    result: &CaseResult,
    outcome: Outcome<'_>,
    same_as: Option<&str>,
    paint: Paint,
) -> String {
    let case = &result.case;
    let word = paint(tone(outcome), &format!("{:<10}", outcome.word()));
    let took = paint(Tone::Quiet, &format!("{:>7}", time(result.took)));
    let wrong = matches!(outcome, Outcome::Failed | Outcome::NonStrict);
    let words = match same_as.filter(|_| wrong) {
        Some(other) => format!("the same as {other}"),
        // What is told in full has it below.
        None if wrong => String::new(),
        None => case.sends.to_owned(),
    };
    let words = paint(Tone::Quiet, &words);
    let line = format!("{word} {:<44} {took}  {words}", case.id);
    let mut text = format!("{}\n", line.trim_end());
    let reason = match outcome {
        Outcome::Skipped(reason) => Some(reason.to_owned()),
        Outcome::ExpectedFailure(reason) => Some(format!("known to fail: {reason}")),
        Outcome::UnexpectedPass(reason) => Some(format!(
            "does not fail any more; take it off the list of known failures, which says: {reason}"
        )),
        _ => None,
    };
    if let Some(reason) = reason {
        push(&mut text, "", &harmless(&reason, WORDS));
    }
    if wrong && same_as.is_none() {
        text += &details(result, paint);
    }
    text
}

/// All that is known of a case but its line: what is wrong, what was done, expected and seen.
pub(super) fn details(result: &CaseResult, paint: Paint) -> String {
    let mut text = String::new();
    for (side, verdict) in [
        ("behaviour  ", &result.behaviour),
        ("closing    ", &result.closing),
    ] {
        let (tone, words) = match verdict {
            Verdict::Pass => (Tone::Good, "as it must be".to_owned()),
            // Nothing is judged behind a failure, as a rule.
            Verdict::Skip(_) if matches!(result.behaviour, Verdict::Fail(_)) => continue,
            Verdict::Skip(reason) => (Tone::Odd, format!("not judged: {reason}")),
            Verdict::NonStrict(_) => (Tone::Odd, said(verdict)),
            Verdict::Fail(_) => (Tone::Bad, said(verdict)),
        };
        let mut wrapped = String::new();
        push(&mut wrapped, side, &harmless(&words, WORDS));
        text += &paint(tone, wrapped.trim_end_matches('\n'));
        text.push('\n');
    }
    push(&mut text, "the kit    ", result.case.sends);
    push(&mut text, "must come  ", result.case.expects);
    for id in broken(result) {
        push(&mut text, "", &quoted(id));
    }
    text += &exchange(result, paint);
    text.push('\n');
    text
}

fn said(verdict: &Verdict) -> String {
    findings::of(verdict).map_or_else(String::new, |found| found.said())
}

/// The requirements that were broken or not followed; section 9 has none.
fn broken(result: &CaseResult) -> Vec<&'static str> {
    let found = findings::of_case(result).into_iter().flatten();
    let mut ids: Vec<&str> = found.map(|found| found.finding.requirement).collect();
    ids.dedup();
    ids.retain(|id| Requirement::find(id).is_some());
    ids
}

/// The requirement in the text's words.
fn quoted(id: &str) -> String {
    match Requirement::find(id) {
        Some(found) => format!("{id} ({}): {}", level(found.level), found.sentence),
        None => id.to_owned(),
    }
}

pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::May => "MAY",
        Level::Should => "SHOULD",
        Level::Must => "MUST",
    }
}

fn exchange(result: &CaseResult, paint: Paint) -> String {
    let (before, rows) = exchange::rows(&result.transcript, ENTRIES);
    let mut text =
        format!("{INDENT}exchange   in ms; -> sent by the kit, <- by the program, | its lines\n");
    if before > 0 {
        let entries = if before == 1 { "entry" } else { "entries" };
        let words = format!("{INDENT}           … {before} {entries} before");
        let _ = writeln!(text, "{}", paint(Tone::Quiet, &words));
    }
    for row in rows {
        let at = paint(Tone::Quiet, &row.at);
        let _ = writeln!(text, "{INDENT}{at} {} {}", row.arrow, row.words);
        if !row.fields.is_empty() {
            push(&mut text, "             ", &row.fields);
        }
        for bytes in row.dump {
            let bytes = paint(Tone::Quiet, &bytes);
            let _ = writeln!(text, "{INDENT}             {bytes}");
        }
    }
    text
}

/// What the run came to. `took` is the time of all together. Ends with the end of a line.
pub fn summary(side: Side, tally: &Tally, took: Duration, paint: Paint) -> String {
    let counts = [
        (Tone::Good, tally.passed, "passed"),
        (Tone::Bad, tally.failed, "failed"),
        (
            Tone::Bad,
            tally.unexpected_passes,
            "known to fail that did not",
        ),
        (Tone::Odd, tally.expected_failures, "failed as is known"),
        (Tone::Odd, tally.non_strict, "non-strict"),
        (Tone::Quiet, tally.skipped, "skipped"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(_, count, word)| *count > 0 || *word == "failed")
        .map(|(tone, count, word)| match count {
            0 => format!("{count} {word}"),
            _ => paint(tone, &format!("{count} {word}")),
        })
        .collect();
    let coverage = tally.coverage(side);
    let answer = answer::of(side, tally);
    let tone = if tally.ok() { Tone::Good } else { Tone::Bad };
    let mut text = table(tally, paint);
    let _ = write!(
        text,
        "{}\n{} in {}: {}\nMUSTs for a {}: {} shown and {} broken of {}\n",
        [vec![paint(tone, &answer.sentence)], answer.but]
            .concat()
            .join("; "),
        count(tally.cases(), "case"),
        time(took),
        counts.join(", "),
        side.name(),
        coverage.shown,
        coverage.broken,
        coverage.must,
    );
    text
}

/// Each finding with the number of its cases and the first of them.
fn table(tally: &Tally, paint: Paint) -> String {
    let mut text = String::new();
    if tally.groups.is_empty() {
        return text;
    }
    text += "    cases  what was found, and the first case\n";
    for group in &tally.groups {
        let tone = if group.fails { Tone::Bad } else { Tone::Odd };
        let cases = paint(tone, &format!("{:>9}", group.cases.len()));
        let mut said = String::new();
        push(&mut said, "", &harmless(&group.said, SHORT));
        let _ = write!(text, "{cases}  {}", said.trim_start());
        let _ = writeln!(text, "{INDENT}{}", paint(Tone::Quiet, group.cases[0]));
    }
    text.push('\n');
    text
}

/// The cases of a catalogue: id, requirements, what is tried and what must come of it.
pub fn list(cases: &[Case], paint: Paint) -> String {
    let mut text = String::new();
    for case in cases {
        let requirements = paint(Tone::Quiet, &case.requirements.join(" "));
        let _ = writeln!(text, "{}  {requirements}", case.id);
        push(&mut text, "the kit    ", case.sends);
        push(&mut text, "must come  ", case.expects);
    }
    text
}

/// A whole run.
pub fn whole(report: &Report<'_>, paint: Paint) -> String {
    let mut tally = Tally::default();
    let mut text = String::new();
    for (result, outcome) in report.judged() {
        tally.add(result, outcome);
        text += &case(result, outcome, tally.same_as(result), paint);
    }
    text.push('\n');
    text + &summary(report.side, &tally, report.took, paint)
}

const INDENT: &str = "           ";

/// Adds words behind a title, broken into lines that are indented below it.
fn push(text: &mut String, title: &str, words: &str) {
    let mut line = format!("{INDENT}{title}");
    let indent = line.chars().count();
    let mut width = indent;
    for word in words.split(' ') {
        let length = word.chars().count();
        if width > indent && width + 1 + length > COLUMNS {
            let _ = write!(line, "\n{:indent$}", "");
            width = indent;
        }
        if width > indent {
            line.push(' ');
            width += 1;
        }
        line += word;
        width += length;
    }
    let _ = writeln!(text, "{line}");
}

fn tone(outcome: Outcome<'_>) -> Tone {
    match outcome {
        Outcome::Passed => Tone::Good,
        Outcome::Failed | Outcome::UnexpectedPass(_) => Tone::Bad,
        Outcome::NonStrict | Outcome::ExpectedFailure(_) => Tone::Odd,
        Outcome::Skipped(_) => Tone::Quiet,
    }
}

#[cfg(test)]
mod tests;
