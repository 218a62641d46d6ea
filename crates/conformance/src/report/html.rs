//! One page for people, with all that is known of a run. It needs no other file, no network and no
//! script; a case that is linked to folds open by itself.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::section::{self, Section};
use super::tally::{Standing, Tally};
use super::{Outcome, Report, answer, exchange, findings, harmless, time};
use crate::case::{CaseResult, Verdict};
use crate::fields::count;
use crate::requirement::Requirement;

const STYLE: &str = include_str!("html.css");
/// Even if a text got through as it was, nothing of it could run or load anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// Of the exchange of each case, so many entries are shown.
const ENTRIES: usize = 40;
/// Of words of the program, so many bytes.
const WORDS: usize = 2_000;
/// Of the cases with one finding, so many are linked to.
const LINKS: usize = 12;

/// As the legend lists them.
const STANDINGS: [Standing; 5] = [
    Standing::Shown,
    Standing::Broken,
    Standing::NotFollowed,
    Standing::Open,
    Standing::Untried,
];

type Judged<'a> = (&'a CaseResult, Outcome<'a>);

/// The whole run as one page.
pub fn render(report: &Report<'_>) -> String {
    let tally = report.tally();
    let judged: Vec<Judged<'_>> = report.judged().collect();
    let sections = section::all();
    let name = harmless(report.name, WORDS);
    let program = harmless(&report.program.to_string_lossy(), WORDS);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) ": Greenroom conformance" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { "Greenroom conformance · " (report.side.name()) }
                    h1 { (name) }
                    p.path { code { (program) } }
                    (summary(report, &tally))
                }
                main {
                    (needs_a_look(&tally))
                    (matrix(&sections, &judged, &tally))
                    (cases(&sections, &judged, &tally))
                }
                footer { "greenroom " (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    page.into_string()
}

fn summary(report: &Report<'_>, tally: &Tally) -> Markup {
    let coverage = tally.coverage(report.side);
    let answer = answer::of(report.side, tally);
    let counts = [
        ("good", tally.passed, "passed"),
        ("bad", tally.failed, "failed"),
        ("bad", tally.unexpected_passes, "known to fail, did not"),
        ("odd", tally.expected_failures, "failed as is known"),
        ("odd", tally.non_strict, "non-strict"),
        ("quiet", tally.skipped, "skipped"),
    ];
    html! {
        p.answer.good[tally.ok()].bad[!tally.ok()] {
            (answer.sentence)
            @if report.rules.strict { ", judged strictly" }
        }
        @for but in answer.but {
            p { (but) }
        }
        ul.counts {
            @for (class, count, word) in counts {
                @if count > 0 {
                    li class=(class) { b { (count) } " " (word) }
                }
            }
        }
        p {
            (count(tally.cases(), "case")) " in " (time(report.took)) ". Of the " (coverage.must)
            " MUSTs for a " (report.side.name()) ", " (coverage.shown) " were shown and "
            (coverage.broken) " broken."
        }
    }
}

/// What is not as it must be, with links to its cases.
fn needs_a_look(tally: &Tally) -> Markup {
    html! {
        @if !tally.groups.is_empty() {
            section {
                h2 { "To look at" }
                ul.wrong {
                    @for group in &tally.groups {
                        li {
                            span.badge.bad[group.fails].odd[!group.fails] { (count(group.cases.len(), "case")) }
                            " " (harmless(&group.said, WORDS))
                            p {
                                @for id in group.cases.iter().take(LINKS) {
                                    a href={ "#" (id) } { (id) } " "
                                }
                                @if group.cases.len() > LINKS { "and " (group.cases.len() - LINKS) " more" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A row for each section, a cell for each of its requirements.
fn matrix(sections: &[Section], judged: &[Judged<'_>], tally: &Tally) -> Markup {
    html! {
        section {
            h2 { "Requirements" }
            p.legend {
                @for standing in STANDINGS {
                    span { (cell(standing)) " " (meaning(standing)) }
                }
            }
            table.matrix {
                @for section in sections {
                    tr {
                        th scope="row" { a href={ "#section-" (section.number) } { (section.number) } " " (section.title) }
                        td {
                            @for requirement in &section.requirements {
                                @let standing = tally.standing(requirement.id);
                                @let title = format!("{}, {}: {}", requirement.id, meaning(standing), requirement.sentence);
                                @match shown_by(requirement.id, judged) {
                                    Some(result) => a href=(link(result)) title=(title) { (cell(standing)) },
                                    None => span title=(title) { (cell(standing)) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The case that says most of a requirement: one that found it broken, or the first that cites it.
fn shown_by<'a>(requirement: &str, judged: &[Judged<'a>]) -> Option<&'a CaseResult> {
    let breaks = |verdict: &Verdict| match verdict {
        Verdict::Fail(finding) | Verdict::NonStrict(finding) => finding.requirement == requirement,
        Verdict::Pass | Verdict::Skip(_) => false,
    };
    let results = || judged.iter().map(|(result, _)| *result);
    results()
        .find(|result| breaks(&result.behaviour) || breaks(&result.closing))
        .or_else(|| results().find(|result| result.case.requirements.contains(&requirement)))
}

/// Not by colour alone.
fn cell(standing: Standing) -> Markup {
    let (class, sign) = match standing {
        Standing::Shown => ("good", "✓"),
        Standing::Broken => ("bad", "✗"),
        Standing::NotFollowed => ("odd", "~"),
        Standing::Open => ("odd", "?"),
        Standing::Untried => ("quiet", "·"),
    };
    html! { span class={ "cell " (class) } { (sign) } }
}

fn meaning(standing: Standing) -> &'static str {
    match standing {
        Standing::Shown => "shown",
        Standing::Broken => "broken",
        Standing::NotFollowed => "non-strict",
        Standing::Open => "tried, not shown",
        Standing::Untried => "not tried",
    }
}

/// By the section that they are mainly about.
fn cases(sections: &[Section], judged: &[Judged<'_>], tally: &Tally) -> Markup {
    html! {
        section {
            h2 { "Cases" }
            @for section in sections {
                @let mut about = judged.iter().filter(|(result, _)| section::of_case(&result.case) == section.number).peekable();
                h3 id={ "section-" (section.number) } { (section.number) " " (section.title) }
                @if about.peek().is_none() {
                    p.none { "No case was run that is mainly about this." }
                }
                @for (result, outcome) in about {
                    (case(result, *outcome, tally.same_as(result)))
                }
            }
        }
    }
}

fn case(result: &CaseResult, outcome: Outcome<'_>, same_as: Option<&str>) -> Markup {
    let case = &result.case;
    let reason = match outcome {
        Outcome::Skipped(reason) => Some(("Skipped", reason)),
        Outcome::ExpectedFailure(reason) => Some(("Known to fail", reason)),
        Outcome::UnexpectedPass(reason) => Some(("Was known to fail", reason)),
        _ => None,
    };
    html! {
        details open[outcome.fails() && same_as.is_none()] {
            summary {
                (badge(outcome)) " " code.id { (case.id) } " "
                span.took { (time(result.took)) }
                span.words {
                    @if let Some(other) = same_as.filter(|_| outcome.fails()) { "the same as " (other) }
                    @else { (prose(case.sends)) }
                }
            }
            div.case id=(case.id) {
                dl {
                    @if same_as.is_some() { dt { "The kit" } dd { (prose(case.sends)) } }
                    @if let Some((word, reason)) = reason {
                        dt { (word) } dd { (harmless(reason, WORDS)) }
                    }
                    dt { "Behaviour" } dd { (verdict(&result.behaviour)) }
                    dt { "Closing" } dd { (verdict(&result.closing)) }
                    dt { "Must come" } dd { (prose(case.expects)) }
                }
                @for requirement in case.requirements.iter().filter_map(|id| Requirement::find(id)) {
                    blockquote {
                        b { (requirement.id) } " " (prose(&requirement.sentence))
                    }
                }
                (exchanged(result))
            }
        }
    }
}

fn verdict(verdict: &Verdict) -> Markup {
    let class = match verdict {
        Verdict::Pass => return html! { span.good { "as it must be" } },
        Verdict::Skip(reason) => {
            return html! { span.quiet { "not judged: " (harmless(reason, WORDS)) } };
        }
        Verdict::NonStrict(_) => "odd",
        Verdict::Fail(_) => "bad",
    };
    html! {
        @if let Some(found) = findings::of(verdict) {
            span class=(class) { (found.claim()) }
            dl.finding {
                dt { "expected" } dd { (harmless(&found.finding.expected, WORDS)) }
                dt { "got" } dd { (harmless(&found.finding.got, WORDS)) }
            }
        }
    }
}

fn exchanged(result: &CaseResult) -> Markup {
    let (before, rows) = exchange::rows(&result.transcript, ENTRIES);
    html! {
        table.exchange {
            caption { "Exchange: -> sent by the kit, <- by the program, | its lines; times in ms" }
            @if before > 0 {
                tr { td {} td {} td { "… " (before) (if before == 1 { " entry" } else { " entries" }) " before" } }
            }
            @for row in rows {
                tr {
                    td.at { (row.at.trim_start()) }
                    td.arrow { (row.arrow) }
                    td {
                        (row.words)
                        @if !row.fields.is_empty() { p.fields { (row.fields) } }
                        @if !row.dump.is_empty() {
                            pre tabindex="0" { (row.dump.join("\n")) }
                        }
                    }
                }
            }
        }
    }
}

/// Our own words, in which `code` stands between backticks.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn badge(outcome: Outcome<'_>) -> Markup {
    let (class, word) = match outcome {
        Outcome::Passed => ("good", "passed"),
        Outcome::NonStrict => ("odd", "non-strict"),
        Outcome::Skipped(_) => ("quiet", "skipped"),
        Outcome::Failed => ("bad", "failed"),
        Outcome::ExpectedFailure(_) => ("odd", "known"),
        Outcome::UnexpectedPass(_) => ("bad", "did not fail"),
    };
    html! { span class={ "badge " (class) } { (word) } }
}

fn link(result: &CaseResult) -> String {
    format!("#{}", result.case.id)
}

#[cfg(test)]
mod tests;
