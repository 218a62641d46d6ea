//! `--resume`: no finished job is done twice, whatever ended the run before.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use crate::program::{Ended, Folder, Running, index, map, moody};

/// A run with a journal in this folder.
fn resume(folder: &Folder, options: &str) -> Command {
    let mut command = map(options);
    command.arg("--resume").arg(folder.path("journal"));
    command
}

fn with_inputs(mut command: Command, inputs: &[&str]) -> Ended {
    command.args(inputs);
    Ended::of(command)
}

#[test]
fn after_sigkill_finished_jobs_are_not_done_twice() {
    let folder = Folder::new();
    let (work, gate) = (folder.text("work"), folder.gate("gate"));
    let jobs: Vec<String> = (0..40)
        .map(|number| match number {
            25 => gate.job(),
            _ => format!("append {work} {number}"),
        })
        .collect();
    let input = jobs.join("\n");

    let mut running = Running::start(resume(&folder, "--max 2 --jobs-per-worker 0"));
    running.feed(&input);
    let waiting = gate.met();
    let mut seen: Vec<u64> = (0..25).map(|_| index(&running.result())).collect();
    running.signal(Signal::KILL);
    let killed = running.await_end();
    assert_eq!(killed.status.code(), None);
    seen.extend(killed.indices());
    waiting.gone();
    drop(waiting);

    let mut running = Running::start(resume(&folder, "--max 2 --jobs-per-worker 0"));
    running.feed(&input);
    drop(gate.met());
    let ended = running.end().expect(0);
    for index in &seen {
        assert!(!ended.indices().contains(index), "{index} has two results");
    }
    assert!(
        ended.stderr.contains("skipped (the journal has them)"),
        "{}",
        ended.stderr
    );

    let work = fs::read_to_string(folder.path("work")).unwrap();
    for number in (0..40).filter(|number| *number != 25) {
        let times = work
            .lines()
            .filter(|line| *line == number.to_string())
            .count();
        if seen.contains(&number) {
            assert_eq!(times, 1, "job {number} had a result");
        } else {
            assert!(times >= 1, "job {number} was forgotten");
        }
    }
}

#[test]
fn failed_jobs_are_run_again_and_succeeded_ones_are_not() {
    let folder = Folder::new();
    let inputs = ["a", "fail", "b", "crash"];
    with_inputs(resume(&folder, ""), &inputs).expect(1);
    let again = with_inputs(resume(&folder, "--keep-order"), &inputs).expect(1);
    assert_eq!(again.indices(), [1, 3]);
    let expected = "0 jobs succeeded, 2 failed, 2 skipped (the journal has them)";
    assert!(again.stderr.contains(expected), "{}", again.stderr);
    // More input may follow.
    let more = with_inputs(resume(&folder, ""), &["a", "fail", "b", "crash", "c"]).expect(1);
    assert_eq!(more.sorted().last().unwrap()["input"], "c");
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = Folder::new();
    let gate = folder.gate("gate");
    let inputs = ["a".to_owned(), gate.job(), "c".to_owned()];
    let mut command = resume(&folder, "--max 1 --keep-order");
    command.args(&inputs);
    let mut running = Running::start(command);
    let waiting = gate.met();
    running.signal(Signal::INT);
    running.said("Stopping");
    drop(waiting);
    assert_eq!(running.await_end().expect(130).indices(), [0, 1]);

    let mut command = resume(&folder, "--max 1");
    command.args(&inputs);
    assert_eq!(Ended::of(command).expect(0).indices(), [2]);
    let mut command = resume(&folder, "--max 1");
    command.args(&inputs);
    assert_eq!(Ended::of(command).expect(0).results.len(), 0);
}

#[test]
fn the_journal_has_every_result_and_its_owner_alone_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let ended = with_inputs(resume(&folder, "--keep-order"), &["a", "fail"]).expect(1);
    let journal = fs::read_to_string(folder.path("journal")).unwrap();
    let mut lines: Vec<serde_json::Value> = journal
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.sort_by_key(index);
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("input_hash").unwrap();
    }
    assert_eq!(lines, ended.results);
    let mode = fs::metadata(folder.path("journal"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_torn_last_line_is_cut_off_and_its_job_run_again() {
    let folder = Folder::new();
    with_inputs(resume(&folder, "--max 1 --jobs-per-worker 0"), &["a", "b"]).expect(0);
    let journal = fs::read(folder.path("journal")).unwrap();
    fs::write(folder.path("journal"), &journal[..journal.len() - 7]).unwrap();
    let again = with_inputs(resume(&folder, ""), &["a", "b"]).expect(0);
    assert_eq!(again.results.len(), 1);
    let again = with_inputs(resume(&folder, ""), &["a", "b"]).expect(0);
    assert_eq!(again.results.len(), 0);
}

#[test]
fn a_journal_that_cannot_be_this_run_s_is_refused_in_words() {
    let folder = Folder::new();
    with_inputs(resume(&folder, ""), &["a", "b"]).expect(0);
    let before = fs::read(folder.path("journal")).unwrap();
    for (options, inputs, expected) in [
        (
            "",
            ["a", "other"],
            "belongs to other input: job 1 had another one",
        ),
        ("--name kind", ["a", "b"], "belongs to the job name \"\""),
    ] {
        let ended = with_inputs(resume(&folder, options), &inputs).expect(73);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        assert_eq!(ended.results.len(), 0);
    }
    assert_eq!(fs::read(folder.path("journal")).unwrap(), before);
}

#[test]
fn a_second_run_with_the_same_journal_is_refused() {
    let folder = Folder::new();
    let mut running = Running::start(resume(&folder, ""));
    running.feed("a\n");
    running.result();
    let second = with_inputs(resume(&folder, ""), &["a"]).expect(73);
    assert!(
        second.stderr.contains("is used by another run"),
        "{}",
        second.stderr
    );
    running.end().expect(0);
}

#[test]
fn a_disk_that_is_full_under_the_journal_ends_the_run_and_nothing_is_seen_that_it_lacks() {
    let folder = Folder::new();
    // A limit of 8 KiB or less is as good as a disk of that size.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_greenroom"))
        .args(["map", "--max", "2", "--jobs-per-worker", "0", "--worker"])
        .arg(moody())
        .arg("--resume")
        .arg(folder.path("journal"));
    // A pipe holds all of it: it can be fed to a run that ends early.
    let input: String = (0..20).map(|number| format!("{number:01000}\n")).collect();
    let mut running = Running::start(command);
    running.feed(&input);
    let ended = running.await_end().expect(73);
    assert!(
        ended.stderr.contains("cannot be written"),
        "{}",
        ended.stderr
    );
    let journal = fs::read_to_string(folder.path("journal")).unwrap();
    for result in &ended.results {
        let input = result["input"].as_str().unwrap();
        assert!(journal.contains(input), "{input} is not in the journal");
    }
    assert!(ended.results.len() < 20);

    // With room again it goes on.
    let mut running = Running::start(resume(&folder, ""));
    running.feed(&input);
    let again = running.end().expect(0);
    assert!(
        again
            .indices()
            .iter()
            .all(|index| !ended.indices().contains(index))
    );
}
