//! The project's own two sides are held to the text: the worker library and the host library pass the
//! whole kit, with nothing done otherwise than it should be.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod programs;

use greenroom_conformance::{CaseResult, Verdict, host, worker};
use programs::{complaints, example, options};

/// What the worker library does not offer, and so cannot be tried.
const NOT_OFFERED: [&str; 3] = [
    "stacks/answered",
    "stacks/while-a-handler-blocks",
    "stacks/fit",
];

fn skipped(results: &[CaseResult]) -> Vec<&'static str> {
    let skipped = results
        .iter()
        .filter(|result| matches!(result.verdict(), Verdict::Skip(_)));
    skipped.map(|result| result.case.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_library_passes_the_whole_kit() {
    let program = worker::Program {
        path: example("testee_worker"),
        arguments: Vec::new(),
    };
    let results = worker::run(&program, options(), |_| true, |_| {})
        .await
        .unwrap();
    assert_eq!(complaints(&results), []);
    assert_eq!(skipped(&results), NOT_OFFERED);
    assert_eq!(results.len(), worker::catalogue().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_library_passes_the_whole_kit() {
    let program = host::Program {
        path: example("testee_host"),
        arguments: Vec::new(),
        body: vec![example("body").into()],
    };
    let results = host::run(&program, options(), |_| true, |_| {})
        .await
        .unwrap();
    assert_eq!(complaints(&results), []);
    assert_eq!(skipped(&results), [""; 0]);
    assert_eq!(results.len(), host::catalogue().len());
}
