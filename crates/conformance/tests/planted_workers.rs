//! The kit finds what is wrong with a worker: each fault of the example `wrong_worker` is caught by the
//! case that is there for it, and with the requirement that it breaks.

#[path = "planted_workers/connection.rs"]
mod connection;
#[path = "../examples/wrong_worker/fault.rs"]
mod fault;
#[path = "planted_workers/messages.rs"]
mod messages;
mod programs;

use std::collections::BTreeSet;

use fault::FAULTS;
use greenroom_conformance::worker::{self, NotTested, Program};
use greenroom_conformance::{Case, CaseResult, Verdict};
use programs::{complaints, example, options};
use tokio::task::JoinSet;

/// A fault, the case that must catch it, and the requirement that it must be caught with: `or` where it
/// depends on what is seen first.
type Row = (&'static str, &'static str, &'static str);

fn rows() -> impl Iterator<Item = Row> {
    let all = [connection::OF_THE_CONNECTION, messages::OF_ITS_MESSAGES];
    all.into_iter().flatten().copied()
}

/// So many programs are tried at a time.
const AT_A_TIME: usize = 8;

async fn run(
    fault: Option<&str>,
    chosen: impl Fn(&Case) -> bool,
) -> Result<Vec<CaseResult>, NotTested> {
    let program = Program {
        path: example("wrong_worker"),
        arguments: fault.into_iter().map(Into::into).collect(),
    };
    worker::run(&program, options(), chosen, |_| {}).await
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
    let (mut waiting, mut running) = (rows(), JoinSet::new());
    let mut missed = Vec::new();
    loop {
        let more = AT_A_TIME - running.len();
        for row in waiting.by_ref().take(more) {
            running.spawn(check(row));
        }
        match running.join_next().await {
            Some(found) => missed.extend(found.expect("a check does not panic")),
            None => break,
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Whoever exits at once or says nothing that can be used has ended the connection, and has shown
/// nothing by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_no_worker_passes_nothing() {
    for script in ["exit 0", "exit 1", "printf nonsense >&0"] {
        let program = Program {
            path: "/bin/sh".into(),
            arguments: ["-c", script].map(Into::into).into(),
        };
        let results = worker::run(&program, options(), |_| true, |_| {}).await;
        let results = results.expect("it can be started");
        for result in results {
            let verdict = result.verdict();
            assert!(
                matches!(verdict, Verdict::Fail(_)),
                "{script}: {}: {verdict:?}",
                result.case.id
            );
        }
    }
}

#[tokio::test]
async fn a_program_that_is_mute_is_told_so_in_each_case() {
    let program = Program {
        path: "/bin/sh".into(),
        arguments: ["-c", "exit 7"].map(Into::into).into(),
    };
    let results = worker::run(&program, options(), |_| true, |_| {}).await;
    let results = results.expect("it can be started");
    let first = results[0].verdict().clone();
    let Verdict::Fail(finding) = &first else {
        panic!("{first:?}");
    };
    assert_eq!(finding.requirement, "GR-4.1-1");
    for said in ["exit status: 7", "never answered InitializeRequest"] {
        assert!(finding.got.contains(said), "{finding}");
    }
    assert!(results.iter().all(|result| *result.verdict() == first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_worker_has_no_fault() {
    let results = run(None, |_| true).await.expect("it can be started");
    assert!(results.len() > 100);
    assert_eq!(complaints(&results), [], "with no fault planted");
}

#[test]
fn each_fault_has_a_row() {
    let planted: BTreeSet<_> = FAULTS.iter().map(|(name, _)| *name).collect();
    let caught: BTreeSet<_> = rows().map(|(name, ..)| name).collect();
    assert_eq!(planted, caught);
    assert_eq!(planted.len(), FAULTS.len(), "two faults have the same name");
}
