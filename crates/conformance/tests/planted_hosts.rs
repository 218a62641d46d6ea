//! The kit finds what is wrong with a host: each fault of the example `wrong_host` is caught by the
//! case that is there for it, and with the requirement that it breaks, or
//! section 9.2 if it breaks none.

#[path = "../examples/wrong_host/fault.rs"]
mod fault;
mod programs;

use std::collections::BTreeSet;

use fault::FAULTS;
use greenroom_conformance::host::{self, NotTested, Program};
use greenroom_conformance::{Case, CaseResult};
use programs::{complaints, example, options};

/// A fault, the case that must catch it, and the requirement that it must be caught with: `or` where it
/// depends on what is seen first.
type Row = (&'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    // ---- the surroundings
    ("hides-its-pid", "environment/variables", "GR-1.2-3"),
    ("says-another-pid", "environment/variables", "GR-1.2-3"),
    (
        "hides-that-it-is-a-host",
        "environment/variables",
        "GR-1.2-2",
    ),
    ("gives-a-pipe", "environment/standard-input", "GR-1.2-1"),
    (
        "takes-standard-output-for-protocol",
        "environment/output-is-no-protocol",
        "GR-1.2-4 or GR-6.1-2",
    ),
    // ---- the stream
    (
        "stops-reading-while-writing",
        "stream/reads-while-it-writes",
        "GR-1.3-1",
    ),
    ("ignores-a-reset", "stream/reset", "GR-1.3-3"),
    (
        "reads-on-after-a-violation",
        "jobs/finish-unknown",
        "GR-5.4-1",
    ),
    ("names-no-requirement", "jobs/finish-unknown", "section 9.2"),
    // ---- frames
    ("needs-whole-frames", "frames/torn-job", "GR-2.1-4"),
    ("loses-coalesced-frames", "frames/coalesced", "GR-5.6-2"),
    ("accepts-length-zero", "frames/length-0", "section 9.2"),
    (
        "accepts-overlong-frames",
        "frames/huge-length",
        "section 9.2",
    ),
    (
        "sends-overlong-frames",
        "frames/host-keeps-the-limit",
        "GR-2.2-1",
    ),
    (
        "takes-a-cut-frame-for-a-close",
        "frames/truncated-and-stays",
        "section 9.2",
    ),
    ("uses-a-cut-frame", "stream/end-in-a-body", "GR-2.3-2"),
    (
        "tries-an-accepted-job-again",
        "stream/end-while-it-writes",
        "section 9.2",
    ),
    (
        "keeps-the-handshake-limit",
        "frames/at-the-agreed-limit",
        "GR-2.2-3",
    ),
    // ---- types
    ("sends-a-workers-message", "pings/out-of-order", "GR-2.4-1"),
    ("sends-a-critical-unknown", "pings/out-of-order", "GR-2.4-2"),
    ("refuses-ignorables", "types/unknown-ignorable", "GR-2.4-3"),
    (
        "looks-into-ignorables",
        "types/unknown-ignorable",
        "GR-2.4-3",
    ),
    (
        "skips-critical-unknowns",
        "types/unknown-critical",
        "GR-2.4-2",
    ),
    ("skips-a-hosts-messages", "types/of-the-host", "GR-2.4-1"),
    // ---- bodies
    ("accepts-long-integers", "bodies/not-canonical", "GR-3.1-3"),
    ("accepts-trailing-bytes", "bodies/trailing", "GR-3.1-2"),
    ("accepts-bad-text", "bodies/malformed", "GR-3.1-1"),
    (
        "accepts-both-ends",
        "bodies/both-cancelled-and-failed",
        "GR-5.4-12",
    ),
    ("sends-long-integers", "pings/out-of-order", "GR-3.1-3"),
    ("sends-trailing-bytes", "pings/out-of-order", "GR-3.1-2"),
    (
        "refuses-unknown-failures",
        "bodies/unknown-numbers",
        "GR-3.3-1",
    ),
    (
        "refuses-unknown-capabilities",
        "bodies/unknown-capabilities",
        "GR-3.3-2",
    ),
    (
        "refuses-unknown-extensions",
        "handshake/unknown-extensions",
        "GR-4.5-1",
    ),
    (
        "refuses-unknown-deadlines",
        "deadlines/unknown-kind",
        "GR-5.7-3",
    ),
    // ---- the handshake
    (
        "requests-twice",
        "handshake/nothing-before-the-response",
        "GR-4.1-2",
    ),
    ("speaks-before-its-request", "handshake/request", "GR-4.1-2"),
    (
        "pings-before-the-response",
        "handshake/nothing-before-the-response",
        "GR-4.1-3",
    ),
    (
        "starts-a-job-before-the-response",
        "handshake/job-in-the-queue",
        "GR-4.1-3",
    ),
    (
        "accepts-a-second-response",
        "handshake/two-responses",
        "GR-4.1-1",
    ),
    (
        "accepts-any-first-message",
        "handshake/retire-first",
        "section 9.2",
    ),
    (
        "waits-forever-for-the-response",
        "handshake/never-answered",
        "GR-4.1-6",
    ),
    (
        "announces-no-initialize-timeout",
        "handshake/request",
        "GR-4.1-6",
    ),
    (
        "accepts-a-version-out-of-range",
        "handshake/version-out-of-range",
        "GR-4.2-1",
    ),
    (
        "accepts-limits-out-of-range",
        "handshake/limits-out-of-range",
        "GR-4.3-1",
    ),
    (
        "accepts-no-slots",
        "handshake/slots-out-of-range",
        "GR-4.3-1",
    ),
    ("limits-out-of-range", "environment/variables", "GR-4.3-1"),
    ("doubles-an-extension", "handshake/request", "GR-4.5-2"),
    (
        "accepts-doubled-extensions",
        "handshake/extension-twice",
        "GR-4.5-2",
    ),
    (
        "uses-a-failed-worker",
        "handshake/error-and-stays",
        "GR-4.6-3",
    ),
    // ---- pings
    ("never-pings", "pings/out-of-order", "section 9.2"),
    ("accepts-a-wrong-seq", "pings/wrong-number", "section 9.2"),
    (
        "accepts-a-replayed-pong",
        "pings/answered-twice",
        "section 9.2",
    ),
    (
        "never-kills-a-silent-worker",
        "pings/unanswered",
        "GR-5.2-3",
    ),
    // ---- the shutdown
    (
        "accepts-shutting-down-unasked",
        "shutdown/not-asked-for",
        "GR-5.3-1",
    ),
    (
        "accepts-words-after-exiting",
        "shutdown/message-after-exiting",
        "GR-5.3-6",
    ),
    (
        "starts-a-job-after-shutdown",
        "shutdown/no-job-after-it",
        "GR-5.3-3",
    ),
    ("never-kills-a-late-worker", "shutdown/ignored", "GR-5.3-4"),
    (
        "takes-the-exit-status-for-an-outcome",
        "stream/end-mid-job",
        "section 9.2",
    ),
    // ---- jobs
    ("accepts-unknown-jobs", "jobs/finish-unknown", "GR-5.4-1"),
    ("accepts-two-finishes", "jobs/finished-twice", "GR-5.4-2"),
    ("accepts-two-acceptances", "jobs/accepted-twice", "GR-5.4-3"),
    (
        "accepts-output-before-acceptance",
        "jobs/output-before-accepting",
        "GR-5.4-3",
    ),
    (
        "accepts-unaccepted-success",
        "jobs/done-unaccepted",
        "GR-5.4-4",
    ),
    (
        "accepts-a-late-rejection",
        "jobs/rejected-after-accepting",
        "GR-5.4-13",
    ),
    (
        "starts-two-jobs-in-one-slot",
        "jobs/one-at-a-time",
        "GR-5.4-6",
    ),
    ("reuses-a-job-number", "jobs/one-at-a-time", "GR-5.4-7"),
    ("says-last-never", "jobs/large-input", "GR-5.4-8"),
    ("says-last-twice", "jobs/start", "GR-5.4-8"),
    ("sends-input-out-of-order", "jobs/large-input", "GR-5.4-8"),
    (
        "sends-too-much-input",
        "handshake/smaller-payload",
        "GR-5.4-9",
    ),
    ("loses-the-last-output", "output/in-order", "section 9.2"),
    // ---- output
    (
        "grants-no-window",
        "output/through-a-small-window",
        "GR-5.5-3",
    ),
    (
        "grants-without-reading",
        "output/window-as-taken",
        "GR-5.5-3",
    ),
    ("tolerates-overflow", "output/over-the-window", "GR-5.5-1"),
    // ---- calls
    ("answers-calls-twice", "calls/answered", "GR-5.6-2"),
    ("never-answers-calls", "calls/answered", "GR-5.6-2"),
    (
        "accepts-a-call-number-twice",
        "calls/number-twice",
        "GR-5.6-1",
    ),
    // ---- deadlines, retiring, stacks
    (
        "grants-any-extension",
        "deadlines/close-has-a-maximum",
        "section 9.2",
    ),
    (
        "accepts-an-extension-of-no-job",
        "deadlines/unknown-job",
        "GR-5.7-1",
    ),
    (
        "starts-a-job-after-retire",
        "retire/no-more-jobs",
        "GR-5.8-1",
    ),
    ("keeps-a-retired-worker", "retire/no-more-jobs", "GR-5.8-1"),
    ("dumps-unannounced", "pings/unanswered", "GR-5.9-1"),
    ("accepts-a-dump", "stacks/not-in-common", "GR-5.9-4"),
    // ---- lines
    ("drops-text", "logs/any-line", "GR-6.1-2"),
    ("drops-what-is-no-utf-8", "logs/any-bytes", "GR-6.1-2"),
    ("ends-lines-at-a-zero", "logs/any-bytes", "GR-6.1-2"),
    (
        "drops-a-line-without-an-end",
        "logs/line-without-an-end",
        "GR-6.1-2",
    ),
    ("keeps-long-lines-whole", "logs/long-line", "GR-6.1-3"),
    ("reads-no-lines", "logs/many-lines", "GR-6.1-3"),
];

async fn run(
    fault: Option<&str>,
    chosen: impl Fn(&Case) -> bool,
) -> Result<Vec<CaseResult>, NotTested> {
    let program = Program {
        path: example("wrong_host"),
        arguments: fault.into_iter().map(Into::into).collect(),
        body: vec![example("body").into()],
    };
    host::run(&program, options(), chosen, |_| {}).await
}

/// What is wrong with a row, if anything is.
async fn check((fault, case, requirement): Row) -> Option<String> {
    let results = match run(Some(fault), |about| about.id == case).await {
        Ok(results) => results,
        Err(error) => return Some(format!("{fault}: {error}")),
    };
    let Some(result) = results.first() else {
        return Some(format!("{fault}: there is no case {case}"));
    };
    let found = complaints(&results);
    let mut named = requirement.split(" or ");
    if named.any(|wanted| found.iter().any(|(_, id, _)| *id == wanted)) {
        return None;
    }
    Some(format!(
        "{fault}: {case} must find {requirement}, and says {:?}",
        result.verdict()
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_caught_by_the_case_that_is_there_for_it() {
    programs::assert_all(ROWS, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_host_has_no_fault() {
    let results = run(None, |_| true).await.expect("it can be started");
    assert!(results.len() > 100);
    assert_eq!(complaints(&results), [], "with no fault planted");
}

#[test]
fn each_fault_has_a_row() {
    let planted: BTreeSet<_> = FAULTS.iter().map(|(name, _)| *name).collect();
    let caught: BTreeSet<_> = ROWS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(planted, caught);
    assert_eq!(planted.len(), FAULTS.len(), "two faults have the same name");
}
