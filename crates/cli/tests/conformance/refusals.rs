//! What is refused before anything runs, and how.

use std::fs;

use crate::program::{Ended, SILENT, catalogues, conformance};

#[track_caller]
fn refused(arguments: &str, code: i32, words: &str) {
    let ended = Ended::of(conformance(arguments)).expect(code);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_case_that_there_is_not_is_refused_with_the_nearest() {
    for (side, cases) in catalogues() {
        let id = cases[0].id;
        let meant = format!("did you mean {id:?}?");
        refused(&format!("{side} --only {id}x {SILENT}"), 2, &meant);
        let (theme, _) = id.split_once('/').unwrap();
        let meant = format!("did you mean {theme:?}?");
        refused(&format!("{side} --list --only {theme}x"), 2, &meant);
        refused(
            &format!("{side} --only entirely-different {SILENT}"),
            2,
            "--list shows them all",
        );
    }
}

#[test]
fn two_reports_cannot_go_to_one_place() {
    let words = "two reports cannot both go to standard output";
    refused("worker --report json --report html true", 2, words);
    refused("worker --report text --report text true", 2, words);
    let words = "two reports cannot both go to out";
    refused("worker --report json=out --report html=out true", 2, words);
}

#[test]
fn a_wrong_value_is_refused_with_a_right_one() {
    refused(
        "worker --report xml true",
        2,
        "write for example junit or junit=out.xml",
    );
    refused(
        "worker --report json= true",
        2,
        "the name of the file is missing",
    );
    refused("worker --timeout 0s true", 2, "write for example 2.5s");
    refused("worker --timeout 1.9s true", 2, "it must be at least 2s");
    refused("worker --timeout 5 true", 2, "2.5s");
    refused("worker --jobs 0 true", 2, "1..=1000");
    refused("worker", 2, "PROGRAM");
}

#[test]
fn a_program_that_cannot_be_started_is_told_apart_from_one_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let plain = plain.display();
    for side in ["worker", "host"] {
        let words = "is in no directory of PATH";
        refused(&format!("{side} no-such-program-anywhere"), 69, words);
        refused(&format!("{side} ./no/such/file"), 69, "no/such/file");
        refused(&format!("{side} {plain}"), 69, "chmod +x");
    }
}

#[test]
fn a_list_of_known_failures_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("known.txt");
    for (side, cases) in catalogues() {
        let id = cases[0].id;
        fs::write(&list, format!("# known\n{id}x why\n{id}\n")).unwrap();
        let arguments = format!("{side} --expect-failures {} {SILENT}", list.display());
        let meant = format!("known.txt, line 2: there is no case \"{id}x\"; did you mean {id:?}?");
        refused(&arguments, 2, &meant);
        refused(&arguments, 2, &format!("line 3: {id} has no reason"));
    }
    let missing = folder.path().join("missing");
    let arguments = format!("worker --expect-failures {} {SILENT}", missing.display());
    refused(&arguments, 66, "missing cannot be read: No such file");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_first_case() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let arguments = format!(
        "worker --report junit=/no/such/folder/out.xml touch {}",
        started.display()
    );
    refused(
        &arguments,
        74,
        "the report /no/such/folder/out.xml cannot be written",
    );
    assert!(!started.exists());
}
