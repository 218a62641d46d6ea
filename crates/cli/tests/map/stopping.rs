//! Ctrl-C and SIGTERM.

use std::io::Write;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Folder, Running, map, map_with};

#[test]
fn the_first_signal_lets_running_jobs_finish_and_starts_no_more() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let folder = Folder::new();
        let gate = folder.gate("gate");
        let after = folder.text("after");
        let mut running = Running::start(map("--max 1"));
        running.feed(format!("before\n{}\nappend {after} x\n", gate.job()));
        let waiting = gate.met();
        running.signal(signal);
        // It has heard when it says so; its input is still open.
        running.said("Stopping");
        drop(waiting);
        let ended = running.await_end().expect(code);
        assert_eq!(ended.indices(), [0, 1]);
        assert_eq!(ended.results[1]["ok"], true);
        assert!(
            ended.stderr.contains("2 jobs succeeded, 0 failed"),
            "{}",
            ended.stderr
        );
        assert!(!folder.path("after").exists());
    }
}

#[test]
fn the_second_signal_kills_at_once() {
    for (first, second, code) in [
        (Signal::INT, Signal::INT, 130),
        (Signal::TERM, Signal::INT, 143),
    ] {
        let folder = Folder::new();
        let gate = folder.gate("gate");
        let mut running = Running::start(map("--max 2"));
        running.feed(format!("done\n{}\n", gate.job()));
        let waiting = gate.met();
        assert_eq!(running.result()["output"], "DONE");
        running.signal(first);
        running.said("Stopping");
        running.signal(second);
        let ended = running.await_end().expect(code);
        assert_eq!(ended.results.len(), 0);
        waiting.gone();
    }
}

#[test]
fn a_signal_ends_a_run_that_waits_for_input() {
    let mut running = Running::start(map("--quiet"));
    running.feed("a\n");
    running.result();
    running.signal(Signal::INT);
    assert_eq!(running.await_end().expect(130).stderr, "");
}

#[test]
fn a_signal_ends_a_run_whose_workers_are_not_ready() {
    // It never is: nobody writes to it.
    let folder = Folder::new();
    let gate = folder.gate("gate");
    let mut command = map_with("/bin/cat".as_ref());
    command.args(["--idle", "1", "--close-timeout", "200ms", "--worker-arg"]);
    command.arg(folder.path("gate"));
    let running = Running::start(command);
    let waiting = gate.met();
    running.signal(Signal::INT);
    running.await_end().expect(130);
    waiting.gone();
}

#[test]
fn results_that_nobody_reads_do_not_keep_the_second_signal_away() {
    let folder = Folder::new();
    let gate = folder.gate("gate");
    let mut running = Running::start(map("--max 2 --jobs-per-worker 0"));
    // More than a pipe holds.
    running.feed(format!("{}\n{}", gate.job(), "big 300000\n".repeat(20)));
    let waiting = gate.met();
    running.signal(Signal::INT);
    running.said("Stopping");
    running.signal(Signal::INT);
    assert_eq!(running.wait_unread(), Some(130));
    waiting.gone();
}

#[test]
fn words_that_nobody_reads_do_not_keep_signals_away() {
    let folder = Folder::new();
    let gate = folder.gate("gate");
    let mut child = map("--max 1 --jobs-per-worker 0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds.
    let chatter = format!("log {}\n", "x".repeat(9_000)).repeat(30);
    let jobs = format!("{chatter}{}\n", gate.job());
    stdin.write_all(jobs.as_bytes()).unwrap();
    // So far it comes only if what was logged is in nobody's way.
    let waiting = gate.met();
    let pid = Pid::from_child(&child);
    // Different ones, so that they do not count as one.
    for signal in [Signal::INT, Signal::TERM] {
        kill_process(pid, signal).unwrap();
    }
    // Its standard error stays open and unread.
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    waiting.gone();
}
