//! JSON for programs. Its fields stay; more may come, so readers pass over those that they do not know.
//!
//! ```text
//! format         1; another number when a field is taken away or changes its meaning
//! greenroom      the version of the kit
//! side           "worker" or "host": what was tested
//! program        its path
//! ok             whether the run is as it must be
//! strict         whether what is non-strict has failed
//! took_us        all together, in microseconds
//! counts         passed, non_strict, skipped, failed, expected_failures, unexpected_passes
//! requirements   must, tried, shown, broken: of those that say MUST and bind the side that was tested
//! cases          in the order of the catalogue:
//!   id, theme
//!   requirements   the main one first: id, level ("MUST", "SHOULD", "MAY"), sentence
//!   sends          what the kit does
//!   expects        what must come of it
//!   outcome        "passed", "non_strict", "skipped", "failed", "expected_failure", "unexpected_pass"
//!   reason         why it was skipped, or is known to fail; otherwise not there
//!   took_us
//!   behaviour      what it said and did, and
//!   closing        how the connection and the process ended, both:
//!     verdict        "pass", "non_strict", "fail", "skip"
//!     reason         with "skip"
//!     requirement, expected, got    with "fail" and "non_strict"; instead of a requirement
//!                    there may be "section 9.1" or "section 9.2"
//!   exchange       what went over the wire:
//!     entries        in order:
//!       at_us          since the case began
//!       kind           "sent" (by the kit), "received", "line" (that the program wrote), "note"
//!       text           the line, the note, or the meaning of the bytes in words
//!       hex            the first bytes, with "sent" and "received"
//!       length         how many bytes there were, with "sent" and "received"
//!     left_out       how many entries were not kept; 0 if all are there
//!     left_out_at    in front of which entry they were, from 0; not there if all are
//! ```
//!
//! A list of cases is an object with `format`, `greenroom`, `side` and `cases`, whose cases have the fields
//! from `id` to `expects`.
//!
//! Texts are as the program under test wrote them.

use serde::Serialize;

use super::{Coverage, Outcome, Report, Side, text, theme};
use crate::case::{Case, CaseResult, Verdict};
use crate::requirement::Requirement;
use crate::transcript::{Entry, Transcript, What};

const FORMAT: u32 = 1;

/// The whole run. Fails only if JSON cannot be written at all.
pub fn render(report: &Report<'_>) -> serde_json::Result<String> {
    let tally = report.tally();
    let run = Run {
        head: Head::new(report.side),
        program: report.program.display().to_string(),
        ok: tally.ok(),
        strict: report.rules.strict,
        took_us: report.took.as_micros(),
        counts: Counts {
            passed: tally.passed,
            non_strict: tally.non_strict,
            skipped: tally.skipped,
            failed: tally.failed,
            expected_failures: tally.expected_failures,
            unexpected_passes: tally.unexpected_passes,
        },
        requirements: tally.coverage(report.side),
        cases: report
            .judged()
            .map(|(result, outcome)| Ran::new(result, outcome))
            .collect(),
    };
    serde_json::to_string_pretty(&run).map(ended)
}

/// The cases of a catalogue. Fails only if JSON cannot be written at all.
pub fn list(side: Side, cases: &[Case]) -> serde_json::Result<String> {
    let list = List {
        head: Head::new(side),
        cases: cases.iter().map(Known::new).collect(),
    };
    serde_json::to_string_pretty(&list).map(ended)
}

fn ended(mut json: String) -> String {
    json.push('\n');
    json
}

#[derive(Serialize)]
struct Head {
    format: u32,
    greenroom: &'static str,
    side: Side,
}

impl Head {
    fn new(side: Side) -> Self {
        Self {
            format: FORMAT,
            greenroom: env!("CARGO_PKG_VERSION"),
            side,
        }
    }
}

#[derive(Serialize)]
struct Run<'a> {
    #[serde(flatten)]
    head: Head,
    program: String,
    ok: bool,
    strict: bool,
    took_us: u128,
    counts: Counts,
    requirements: Coverage,
    cases: Vec<Ran<'a>>,
}

#[derive(Serialize)]
struct List {
    #[serde(flatten)]
    head: Head,
    cases: Vec<Known>,
}

#[derive(Serialize)]
struct Counts {
    passed: usize,
    non_strict: usize,
    skipped: usize,
    failed: usize,
    expected_failures: usize,
    unexpected_passes: usize,
}

/// What is known of a case before it runs.
#[derive(Serialize)]
struct Known {
    id: &'static str,
    theme: &'static str,
    requirements: Vec<Cited>,
    sends: &'static str,
    expects: &'static str,
}

#[derive(Serialize)]
struct Cited {
    id: &'static str,
    level: &'static str,
    sentence: &'static str,
}

impl Known {
    fn new(case: &Case) -> Self {
        let requirements = case.requirements.iter();
        Self {
            id: case.id,
            theme: theme(case),
            requirements: requirements
                .filter_map(|id| Requirement::find(id))
                .map(|found| Cited {
                    id: found.id,
                    level: text::level(found.level),
                    sentence: &found.sentence,
                })
                .collect(),
            sends: case.sends,
            expects: case.expects,
        }
    }
}

#[derive(Serialize)]
struct Ran<'a> {
    #[serde(flatten)]
    known: Known,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    took_us: u128,
    behaviour: Judged<'a>,
    closing: Judged<'a>,
    exchange: Exchange<'a>,
}

impl<'a> Ran<'a> {
    fn new(result: &'a CaseResult, outcome: Outcome<'a>) -> Self {
        Self {
            known: Known::new(&result.case),
            outcome,
            took_us: result.took.as_micros(),
            behaviour: Judged::new(&result.behaviour),
            closing: Judged::new(&result.closing),
            exchange: Exchange::new(&result.transcript),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Judged<'a> {
    Pass,
    NonStrict(Found<'a>),
    Fail(Found<'a>),
    Skip { reason: &'a str },
}

#[derive(Serialize)]
struct Found<'a> {
    requirement: &'a str,
    expected: &'a str,
    got: &'a str,
}

impl<'a> Judged<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        let found = |finding: &'a crate::case::Finding| Found {
            requirement: finding.requirement,
            expected: &finding.expected,
            got: &finding.got,
        };
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::NonStrict(finding) => Self::NonStrict(found(finding)),
            Verdict::Fail(finding) => Self::Fail(found(finding)),
            Verdict::Skip(reason) => Self::Skip { reason },
        }
    }
}

#[derive(Serialize)]
struct Exchange<'a> {
    entries: Vec<Happened<'a>>,
    left_out: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out_at: Option<usize>,
}

impl<'a> Exchange<'a> {
    fn new(transcript: &'a Transcript) -> Self {
        let left_out = transcript.left_out();
        Self {
            entries: transcript.entries().iter().map(Happened::new).collect(),
            left_out: left_out.map_or(0, |(count, _)| count),
            left_out_at: left_out.map(|(_, at)| at),
        }
    }
}

#[derive(Serialize)]
struct Happened<'a> {
    at_us: u128,
    kind: &'static str,
    text: &'a str,
    #[serde(flatten)]
    bytes: Option<Bytes>,
}

#[derive(Serialize)]
struct Bytes {
    hex: String,
    length: usize,
}

impl<'a> Happened<'a> {
    fn new(entry: &'a Entry) -> Self {
        let (kind, text, piece) = match &entry.what {
            What::Sent(piece) => ("sent", &piece.meaning, Some(piece)),
            What::Received(piece) => ("received", &piece.meaning, Some(piece)),
            What::Line(line) => ("line", line, None),
            What::Note(note) => ("note", note, None),
        };
        Self {
            at_us: entry.at.as_micros(),
            kind,
            text,
            bytes: piece.map(|piece| Bytes {
                hex: piece
                    .head
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
                length: piece.length,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
