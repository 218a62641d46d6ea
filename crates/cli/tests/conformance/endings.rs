//! Runs that end early.

use std::fs::{self, File};
use std::io;
use std::process::Command;

use rustix::process::Signal;

use crate::program::{Ended, Gate, Running, SILENT, conformance};

#[test]
fn a_signal_ends_it_at_once_and_leaves_no_process_and_no_report() {
    for (side, signal, code) in [
        ("worker", Signal::INT, 130),
        ("worker", Signal::TERM, 143),
        ("host", Signal::INT, 130),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let gate = Gate::new(folder.path());
        let report = folder.path().join("report.xml");
        let arguments = format!("{side} --timeout 1h --report junit={}", report.display());
        let mut command = conformance(&arguments);
        // It holds the gate, and says nothing.
        command.arg("cat").arg(gate.path());
        let running = Running::start(command);
        let held = gate.met();
        running.signal(signal);
        let ended = running.end().expect(code);
        held.gone();
        assert!(ended.stdout.contains(" cases in "), "{}", ended.stdout);
        let words = "cases have run, no report is written";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        let left = fs::read_dir(folder.path()).unwrap();
        assert_eq!(left.count(), 1, "only the gate is left");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    for arguments in [&format!("worker {SILENT}"), "worker --list", "host --list"] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = conformance(arguments);
        command.stdout(writer);
        let ended = ended_of(command, 141);
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn a_full_disk_under_the_output_ends_it_with_a_message() {
    for arguments in [&format!("worker {SILENT}"), "worker --list"] {
        let mut command = conformance(arguments);
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
        let ended = ended_of(command, 74);
        let expected = "error: the report cannot be written: No space left on device";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

fn ended_of(command: Command, code: i32) -> Ended {
    Running::start_with_output(command).end().expect(code)
}
