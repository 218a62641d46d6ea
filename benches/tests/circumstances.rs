//! What the benchmarks do where not everything can be measured: they say so and go on.
//!
//! Each test runs the program itself with `--quick`, on the suite that takes least. None depends on a
//! time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const PROGRAM: &str = env!("CARGO_BIN_EXE_greenroom-benches");

struct Run {
    succeeded: bool,
    printed: String,
    said: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            succeeded: output.status.success(),
            printed: String::from_utf8(output.stdout).unwrap(),
            said: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    #[track_caller]
    fn prints(&self, words: &str) {
        assert!(
            self.printed.contains(words),
            "{words:?} is not in:\n{}\n{}",
            self.printed,
            self.said
        );
    }

    #[track_caller]
    fn says(&self, words: &str) {
        assert!(
            self.said.contains(words),
            "{words:?} is not in:\n{}",
            self.said
        );
    }

    #[track_caller]
    fn succeeds(&self) {
        assert!(self.succeeded, "{}\n{}", self.printed, self.said);
    }
}

fn quick(out: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(PROGRAM);
    command.arg("--quick").arg("--out").arg(out).args(arguments);
    command.output().unwrap().into()
}

/// With at most so many descriptors.
fn with_descriptors(limit: u32, out: &Path, suite: &str) -> Run {
    let mut command = Command::new("/bin/sh");
    command.args([
        "-c",
        &format!("ulimit -n {limit}; exec \"$@\""),
        "sh",
        PROGRAM,
    ]);
    command.arg("--quick").arg("--out").arg(out).arg(suite);
    command.output().unwrap().into()
}

/// A program that stands for all peers.
fn peers(directory: &Path) -> String {
    let file = directory.join("run");
    fs::write(
        &file,
        r#"#!/bin/sh
case "$1 $2" in
  --list*)
    echo '{"peer":"quick","kind":"thread","language":"sh","whats":["round_trip"]}'
    echo '{"peer":"absent","kind":"process","language":"sh","whats":["round_trip"]}'
    echo '{"peer":"broken","kind":"process","language":"sh","whats":["launch"]}' ;;
  quick*) echo '{"peer":"quick","version":"1","p50_us":7.5,"p99_us":8,"jobs":20}' ;;
  absent*) echo '{"peer":"absent","skipped":"it is not installed"}' ;;
  *) echo 'it fell over' >&2; exit 1 ;;
esac
"#,
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_run_leaves_a_report_figures_and_plots() {
    let out = tempfile::tempdir().unwrap();
    let promises = out.path().join("PROMISES.md");
    fs::write(
        &promises,
        "| `death-of-worker` | soon | never |\n| `orphans` | none | a test |\n",
    )
    .unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["deaths", "--rounds", "1", "--out"])
        .arg(out.path());
    let run: Run = command
        .arg("--update")
        .arg(&promises)
        .output()
        .unwrap()
        .into();
    run.succeeds();
    run.prints("| until the death is known | raw ");
    run.prints("`death-of-worker`");
    run.prints("`orphans` is shown by no benchmark");

    let report = fs::read_to_string(out.path().join("report.md")).unwrap();
    assert!(
        report.contains("## deaths") && report.contains("(deaths.svg)"),
        "{report}"
    );
    let figures = fs::read_to_string(out.path().join("figures.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    let row = &figures["suites"][0]["rows"][0];
    assert_eq!(row["id"], "worker-death");
    assert!(
        row["contenders"][1]["rounds"]["p50"][0].as_f64().unwrap() > 0.0,
        "{row}"
    );
    assert_eq!(figures["promises"][0]["id"], "death-of-worker");
    let plot = fs::read_to_string(out.path().join("deaths.svg")).unwrap();
    assert!(
        plot.starts_with("<svg") && plot.contains("greenroom"),
        "{plot}"
    );

    let promises = fs::read_to_string(promises).unwrap();
    let (updated, rest) = promises.split_once('\n').unwrap();
    assert!(
        updated.starts_with("| `death-of-worker` | soon | ") && updated.contains(" us raw = "),
        "{updated}"
    );
    assert_eq!(rest, "| `orphans` | none | a test |\n");
}

#[test]
fn everything_that_can_be_asked_for_is_listed() {
    let run: Run = Command::new(PROGRAM).arg("--list").output().unwrap().into();
    run.succeeds();
    run.prints("round-trip");
    run.prints("round-trip-pinned-64B");
    run.prints("at most 1.5x");
}

#[test]
fn without_peers_greenroom_is_measured_alone() {
    let out = tempfile::tempdir().unwrap();
    let run = quick(out.path(), &["peers", "--peers", "/nonexistent/run"]);
    run.succeeds();
    run.prints("no peers are measured: /nonexistent/run: No such file");
    run.prints("| round trip 64B ");
    run.prints("not measured: a peer was not measured");
}

#[test]
fn a_peer_that_is_not_installed_is_skipped_and_one_that_fails_is_told() {
    let out = tempfile::tempdir().unwrap();
    let run = quick(out.path(), &["peers", "--peers", &peers(out.path())]);
    run.prints("| quick ");
    run.prints("7.50 (");
    run.prints("absent skipped: it is not installed");
    run.prints("failed: broken: exit status: 1: it fell over");
    run.says("broken: exit status: 1: it fell over");
    assert!(!run.succeeded, "what failed was asked for");
}

#[test]
fn on_one_cpu_what_needs_two_is_skipped() {
    // What this thread starts inherits it.
    let allowed = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU)
        .find(|&cpu| allowed.is_set(cpu))
        .unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).unwrap();
    let out = tempfile::tempdir().unwrap();
    let run = quick(out.path(), &["round-trip"]);
    run.succeeds();
    run.prints("all skipped: needs two CPUs, and this program may use 1");
    run.prints("| 64B on one CPU ");
    run.prints("not measured: needs two CPUs");
}

#[test]
fn with_few_descriptors_fewer_workers_are_measured() {
    let out = tempfile::tempdir().unwrap();
    let run = with_descriptors(64, out.path(), "starts");
    run.succeeds();
    run.prints("with 6 instead of 8, since at most 64 descriptors are allowed (ulimit -Hn)");
    run.prints("| one, host of 10 MB | raw ");
    run.prints("not measured: with 6 instead of 8");
}

#[test]
fn with_too_few_descriptors_for_one_worker_it_says_so() {
    let out = tempfile::tempdir().unwrap();
    let run = with_descriptors(40, out.path(), "starts");
    run.succeeds();
    run.prints("all skipped: at most 40 descriptors (ulimit -Hn) are too few for one worker");
    run.prints("not measured: at most 40 descriptors");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let run = quick(&file.join("report"), &["deaths"]);
    run.says("cannot be written, so there are only the tables here");
    run.prints("| until the death is known | raw ");
    assert!(!run.succeeded);
}

#[test]
fn an_unknown_suite_is_told_and_the_others_run() {
    let out = tempfile::tempdir().unwrap();
    let run = quick(out.path(), &["dths", "deaths"]);
    run.says("no suite \"dths\"; there are: round-trip throughput");
    run.prints("| until the death is known | raw ");
    assert!(!run.succeeded);
}
