//! The programs that the tests put through the kit: examples of this crate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom_conformance::{CaseResult, Options, Verdict};
use tokio::task::JoinSet;

/// What the kit waits for at most. What is waited for in vain is waited for so long; a program that
/// does what it must needs a part of it even on a busy machine.
#[allow(
    dead_code,
    reason = "one of the tests that share this file is not patient"
)]
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// So many cases at a time: most of them wait.
#[allow(
    dead_code,
    reason = "one of the tests that share this file is not patient"
)]
pub(crate) fn options() -> Options {
    Options {
        timeout: PATIENCE,
        parallel: 12,
    }
}

/// An example of this crate, as cargo has built it for this test.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let target = test.parent().and_then(Path::parent);
    let path = target
        .expect("a test is in target/PROFILE/deps")
        .join("examples")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: run cargo build -p greenroom-conformance --examples first",
        path.display()
    );
    path
}

/// What is not as it must be: for each case its name, the requirement and the finding.
pub(crate) fn complaints(results: &[CaseResult]) -> Vec<(&'static str, &'static str, String)> {
    let found = results.iter().filter_map(|result| match result.verdict() {
        Verdict::Fail(finding) | Verdict::NonStrict(finding) => {
            Some((result.case.id, finding.requirement, finding.to_string()))
        }
        Verdict::Pass | Verdict::Skip(_) => None,
    });
    found.collect()
}

/// So many programs are tried at a time.
const AT_A_TIME: usize = 8;

/// Checks all rows side by side. Some cases measure time, so that a busy machine can hide a fault: what
/// was not found in the crowd is looked for again, alone.
#[allow(
    dead_code,
    reason = "one of the tests that share this file has no rows"
)]
pub(crate) async fn assert_all<R, F>(rows: &'static [R], check: impl Fn(R) -> F)
where
    R: Copy,
    F: Future<Output = Option<String>> + Send + 'static,
{
    let mut waiting = rows.iter().map(|row| (*row, check(*row)));
    let mut running = JoinSet::new();
    let mut missed = Vec::new();
    loop {
        while running.len() < AT_A_TIME
            && let Some((row, next)) = waiting.next()
        {
            let index = missed.len();
            missed.push((row, false));
            running.spawn(async move { (index, next.await.is_some()) });
        }
        match running.join_next().await {
            Some(done) => {
                let (index, is_missed) = done.expect("a check does not panic");
                missed[index].1 = is_missed;
            }
            None => break,
        }
    }
    let mut wrong = Vec::new();
    for (row, _) in missed.into_iter().filter(|(_, is_missed)| *is_missed) {
        wrong.extend(still_missed(row, &check).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a row lacks that is never found in so many tries: a fault has to show once, and a race between two
/// processes does not show each time.
#[allow(
    dead_code,
    reason = "one of the tests that share this file has no rows"
)]
const ALONE: usize = 4;

#[allow(
    dead_code,
    reason = "one of the tests that share this file has no rows"
)]
async fn still_missed<R, F>(row: R, check: &impl Fn(R) -> F) -> Option<String>
where
    R: Copy,
    F: Future<Output = Option<String>>,
{
    let mut missed = None;
    for _ in 0..ALONE {
        missed = check(row).await;
        if missed.is_none() {
            break;
        }
    }
    missed
}
