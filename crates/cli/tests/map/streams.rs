//! Input that comes as it comes, and never ends.

use std::fs;
use std::io::Write;
use std::thread;

use rustix::process::Signal;

use crate::program::{Ended, Folder, Running, index, map};

#[test]
fn a_line_is_worked_on_before_the_next_one_comes() {
    let mut running = Running::start(map("--jobs-per-worker 0"));
    for word in ["a", "b", "", "d"] {
        running.feed(format!("{word}\n"));
        let result = running.result();
        assert_eq!(result["input"], word);
        assert_eq!(result["output"], word.to_uppercase());
    }
    running.end().expect(0);
}

#[test]
fn no_input_is_no_failure() {
    let ended = Ended::of(map("")).expect(0);
    assert!(
        ended.stderr.contains("0 jobs succeeded"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.results.len(), 0);
}

#[test]
fn a_single_dash_is_standard_input_and_one_among_others_is_a_job() {
    let mut running = Running::start(map("-"));
    running.feed("line");
    assert_eq!(running.end().expect(0).results[0]["input"], "line");
    let results = Ended::of(map("a -")).expect(0).sorted();
    assert_eq!(results[1]["input"], "-");
}

#[test]
fn a_line_that_is_too_long_costs_itself_only() {
    let mut running = Running::start(map("--keep-order"));
    running.feed("before\n");
    running.feed(vec![b'x'; (1 << 20) + 1]);
    running.feed("\nafter\n");
    let ended = running.end().expect(1);
    assert_eq!(ended.indices(), [0, 1, 2]);
    assert_eq!(ended.results[1]["error"]["kind"], "input_too_large");
    assert!(ended.results[1].get("input").is_none());
    assert_eq!(ended.results[2]["output"], "AFTER");
}

#[test]
fn a_job_that_is_late_stops_the_input_when_order_is_kept() {
    let folder = Folder::new();
    let (first, last) = (folder.gate("first"), folder.gate("last"));
    let mut running = Running::start(map("--keep-order --max 2 --jobs-per-worker 0"));
    let mut stdin = running.take_stdin();
    // 16 for each worker.
    let window = 32;
    let lines = 100_000;
    let (first_job, last_job) = (first.job(), last.job());
    let feeder = thread::spawn(move || {
        (0..lines).find(|number| {
            let line = match number {
                0 => writeln!(stdin, "{first_job}"),
                31 => writeln!(stdin, "{last_job}"),
                number => writeln!(stdin, "{number}"),
            };
            line.is_err()
        })
    });
    let late = first.met();
    drop(last.met());
    // Time enough for more, if more were begun: a whole other run.
    Ended::of(map("a b c")).expect(0);
    running.signal(Signal::TERM);
    running.said("Stopping");
    drop(late);
    let ended = running.await_end().expect(143);
    assert_eq!(ended.indices(), (0..window).collect::<Vec<u64>>());
    // The rest was not read, so the pipe was full until it broke.
    assert!(feeder.join().unwrap().is_some());
}

#[test]
fn memory_stays_flat_over_10_000_jobs() {
    let mut running = Running::start(map("--jobs-per-worker 0 --max 2 --quiet"));
    let mut stdin = running.take_stdin();
    let feeder = thread::spawn(move || {
        for number in 0..10_000 {
            writeln!(stdin, "{number:01000}").unwrap();
        }
    });
    let mut seen = vec![false; 10_000];
    let mut early = 0;
    for count in 0..10_000 {
        if count == 1_000 {
            early = peak_memory(running.pid());
        }
        if count == 9_900 {
            let grown = peak_memory(running.pid()).saturating_sub(early);
            // They are 20 MB, with their results.
            assert!(grown < 4 << 20, "{grown} bytes");
        }
        let result = running.result();
        assert!(!std::mem::replace(&mut seen[index(&result) as usize], true));
    }
    feeder.join().unwrap();
    running.end().expect(0);
}

/// The most resident bytes so far.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}
