//! `--expect-failures`.

use std::fs;
use std::path::Path;

use crate::program::{Ended, SILENT, catalogues, conformance, first_theme, good_worker, ids};

fn write(folder: &Path, ids: &[String]) -> String {
    let list = folder.join("known.txt");
    let lines: String = ids
        .iter()
        .map(|id| format!("{id} it is silent\n"))
        .collect();
    fs::write(&list, lines).unwrap();
    list.display().to_string()
}

#[test]
fn failures_that_are_all_known_are_a_success_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    for (side, cases) in catalogues() {
        let (theme, _) = first_theme(&cases);
        let all = conformance(&format!("{side} --report json --only {theme} {SILENT}"));
        let mut failed = ids(&Ended::of(all).expect(1).json(), "failed");
        assert!(!failed.is_empty());
        let list = write(folder.path(), &failed);
        let arguments = format!("{side} --only {theme} --expect-failures {list} {SILENT}");
        let ended = Ended::of(conformance(&arguments)).expect(0);
        let known = format!("known      {}", failed[0]);
        assert!(ended.stdout.contains(&known), "{}", ended.stdout);
        assert!(
            ended.stdout.contains("known to fail: it is silent"),
            "{}",
            ended.stdout
        );
        // One that is not on the list is a failure.
        let unknown = failed.remove(0);
        write(folder.path(), &failed);
        let ended = Ended::of(conformance(&arguments)).expect(1);
        let fails = format!("FAIL       {unknown}");
        assert!(ended.stdout.contains(&fails), "{}", ended.stdout);
    }
}

#[test]
fn a_known_failure_that_does_not_happen_must_leave_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let worker = good_worker();
    let mut command = conformance("worker --report json --only handshake");
    command.arg(&worker);
    let passed = ids(&Ended::of(command).expect(0).json(), "passed");
    let list = write(folder.path(), &passed[..1]);
    let mut command = conformance(&format!("worker --only handshake --expect-failures {list}"));
    command.arg(&worker);
    let ended = Ended::of(command).expect(1);
    let mended = format!("FIXED      {}", passed[0]);
    assert!(ended.stdout.contains(&mended), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("take it off the list"),
        "{}",
        ended.stdout
    );
}
