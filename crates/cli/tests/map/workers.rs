//! A program that is no worker: one line that says what to do, and an exit code of its own.

use std::path::Path;

use crate::program::{Ended, Folder, Running, map, map_with, moody};

#[track_caller]
fn refused(worker: &str, expected: &str) {
    let mut command = map_with(Path::new(worker));
    command.args([
        "--initialize-timeout",
        "200ms",
        "--log-filter",
        "warn",
        "job",
    ]);
    let ended = Ended::of(command).expect(69);
    let errors: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{}", ended.stderr);
    assert!(errors[0].contains(expected), "{}", ended.stderr);
    assert!(ended.results.is_empty());
}

#[test]
fn a_program_that_is_missing_or_may_not_run_is_named() {
    refused(
        "./no-such-worker",
        "does not exist: give the path of an executable",
    );
    refused(
        "no-such-worker",
        "is in no directory of PATH: give its path",
    );
    refused("/etc/passwd", "is not executable");
    refused("/", "is not a file");
}

#[test]
fn a_program_that_ends_or_says_nothing_is_asked_whether_it_is_a_worker() {
    refused("/bin/true", "is it a program that calls worker::run?");
    refused(
        "/bin/cat",
        "does it call worker::run, or need a longer initialize_timeout?",
    );
}

#[test]
fn its_last_words_are_repeated() {
    let mut command = map_with(Path::new("/bin/sh"));
    command.args([
        "--worker-arg",
        "-c",
        "--worker-arg",
        "echo no licence; exit 3",
        "job",
    ]);
    let ended = Ended::of(command).expect(69);
    assert!(
        ended.stderr.contains("exited with code 3"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("its last line was: no licence"),
        "{}",
        ended.stderr
    );
}

#[test]
fn workers_that_cannot_be_started_any_more_end_the_run() {
    let folder = Folder::new();
    let worker = folder.path("worker");
    std::fs::copy(moody(), &worker).unwrap();
    let mut command = map_with(&worker);
    command.args(["--max", "1"]);
    let mut running = Running::start(command);
    running.feed("a\n");
    assert_eq!(running.result()["output"], "A");
    std::fs::remove_file(&worker).unwrap();
    // Its replacement may have been started before.
    running.feed("b\nc\nd\ne\n");
    let ended = running.await_end().expect(69);
    assert!(
        ended.stderr.contains("error: no worker can be started"),
        "{}",
        ended.stderr
    );
}

#[test]
fn workers_stay_for_as_many_jobs_as_was_said() {
    for (jobs, workers) in [("1", 6), ("2", 3), ("0", 1)] {
        let mut command = map("--max 1 --jobs-per-worker");
        command.args([jobs, "a", "b", "c", "d", "e", "f"]);
        let ended = Ended::of(command).expect(0);
        let mut names: Vec<_> = ended
            .results
            .iter()
            .map(|result| result["worker"].to_string())
            .collect();
        names.dedup();
        assert_eq!(names.len(), workers, "{names:?}");
    }
}
