//! Processes as the system shows them.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::plan::Victim;

/// How often is looked for what no event tells: that another process has closed a descriptor, or
/// that somebody of whom we are not the parent is gone.
const LOOK: Duration = Duration::from_millis(20);

/// Looks again and again until `done`, and for at most `limit`. How long it took; `None` if it never
/// was.
pub(crate) fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    loop {
        if done() {
            return Some(begun.elapsed());
        }
        if begun.elapsed() >= limit {
            return None;
        }
        thread::sleep(LOOK);
    }
}

/// Sends a signal. Who has gone meanwhile needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The children of a process, zombies included, in the order of their numbers.
pub(crate) fn children(of: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for thread in entries(&format!("/proc/{of}/task")) {
        let file = format!("/proc/{of}/task/{thread}/children");
        let text = fs::read_to_string(file).unwrap_or_default();
        children.extend(text.split_whitespace().flat_map(str::parse::<u32>));
    }
    children.sort_unstable();
    children
}

/// The children of the stage that are of this kind.
pub(crate) fn victims(stage: u32, victim: Victim) -> Vec<u32> {
    let is_one = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        let program = Path::new(std::ffi::OsStr::from_bytes(program)).file_name();
        let program = program.and_then(|name| name.to_str()).unwrap_or_default();
        match victim {
            Victim::Worker => program == "puppet",
            Victim::Liar => program == "rogue",
            Victim::Daemon => program == "daemon",
            Victim::Guard => words.any(|word| word == b"greenroom-guard"),
        }
    };
    children(stage).into_iter().filter(is_one).collect()
}

/// Every living process that has this among its environment or its arguments.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    let carries = |pid: &u32| {
        let has = |file: &str| {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            text.windows(mark.len()).any(|part| part == mark.as_bytes())
        };
        has("environ") || has("cmdline")
    };
    let all = entries("/proc").into_iter();
    let mut pids: Vec<u32> = all.flat_map(|name| name.parse()).filter(carries).collect();
    pids.retain(|pid| *pid != std::process::id());
    pids
}

/// Whether it is there and no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    !matches!(state(pid), None | Some('Z' | 'X'))
}

pub(crate) fn state(pid: u32) -> Option<char> {
    after_name(pid)?.chars().next()
}

/// For people: what it is, and how it stands.
pub(crate) fn describe(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let line: String = line.chars().take(60).collect();
    format!("{pid} ({}) {line}", state(pid).unwrap_or('-'))
}

/// What its descriptors are, in the order of their numbers.
pub(crate) fn descriptors(pid: u32) -> Vec<String> {
    let directory = format!("/proc/{pid}/fd");
    let links = entries(&directory).into_iter().flat_map(|number| {
        let link = fs::read_link(format!("{directory}/{number}")).ok()?;
        Some(format!("{number}: {}", link.display()))
    });
    links.collect()
}

pub(crate) fn threads(pid: u32) -> usize {
    entries(&format!("/proc/{pid}/task")).len()
}

/// A line of `/proc/PID/status` that is in kB, in bytes.
pub(crate) fn memory(pid: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes = line.trim_start_matches(':').trim().strip_suffix("kB")?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
}

/// The fields of its `stat` behind its name, which may hold anything.
fn after_name(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

/// Their names; none if the directory has gone.
fn entries(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// A program that is built beside this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.with_file_name(name)
}
