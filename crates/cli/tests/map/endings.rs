//! Output that cannot be written.

use std::fs::File;
use std::process::Stdio;

use crate::program::{Folder, Running, map};

#[test]
fn a_reader_that_has_seen_enough_ends_the_run_quietly() {
    let folder = Folder::new();
    let gate = folder.gate("gate");
    let mut running = Running::start(map("--max 2 --close-timeout 1s"));
    running.feed(format!("{}\nfirst\n", gate.job()));
    assert_eq!(running.result()["output"], "FIRST");
    let waiting = gate.met();
    running.close_output();
    running.feed("second\n");
    // One job hangs, and its input is open: neither keeps it.
    let ended = running.await_end().expect(141);
    for word in ["error", "closed", "succeeded"] {
        assert!(!ended.stderr.contains(word), "{}", ended.stderr);
    }
    waiting.gone();
}

#[test]
fn a_full_disk_under_the_output_ends_the_run_with_a_message() {
    let mut running = Running::start_with_output(map("--max 2"), full());
    running.feed("one\n");
    let ended = running.await_end().expect(74);
    let expected = "error: the results cannot be written: No space left on device";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

#[test]
fn what_could_not_be_written_is_in_the_journal() {
    let folder = Folder::new();
    let resume = format!("--max 2 --resume {}", folder.text("journal"));
    let mut running = Running::start_with_output(map(&resume), full());
    running.feed("one\n");
    let ended = running.await_end().expect(74);
    assert!(
        ended.stderr.contains("the journal has every result"),
        "{}",
        ended.stderr
    );
    let journal = std::fs::read_to_string(folder.path("journal")).unwrap();
    assert!(journal.contains(r#""output":"ONE""#), "{journal}");
}

/// A disk on which nothing fits.
fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}
