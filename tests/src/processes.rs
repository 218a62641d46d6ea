//! Looking at processes from outside.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

/// What to send to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// SIGKILL.
    Now,
    /// SIGTERM.
    Politely,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
}

/// Sends a signal to one process.
///
/// # Panics
///
/// If the system refuses: it is gone already, or somebody else's.
pub fn kill(pid: u32, how: Kill) {
    let signal = match how {
        Kill::Now => Signal::KILL,
        Kill::Politely => Signal::TERM,
        Kill::Stop => Signal::STOP,
        Kill::Continue => Signal::CONT,
    };
    rustix::process::kill_process(raw(pid), signal).expect("the process can be signalled");
}

/// Whether there is such a process, be it a zombie. Right after a worker's `Closed` event, or the
/// report of its end, there is none: it was reaped before.
pub fn is_there(pid: u32) -> bool {
    rustix::process::test_kill_process(raw(pid)).is_ok()
}

/// Waits until a process has ended, whoever its parent is. True if it has in time.
pub async fn process_gone_within(pid: u32, limit: Duration) -> bool {
    let Ok(pidfd) = pidfd_open(raw(pid), PidfdFlags::empty()) else {
        return true;
    };
    let waited = tokio::task::spawn_blocking(move || {
        let limit = Timespec::try_from(limit).expect("a limit of seconds");
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit))
    });
    let ended = waited.await.expect("poll does not panic");
    ended.expect("a pidfd can be polled") == 1
}

/// Waits until a process has ended, for at most 20 s.
///
/// # Panics
///
/// If it has not by then.
pub async fn process_gone(pid: u32) {
    let gone = process_gone_within(pid, Duration::from_secs(20)).await;
    assert!(gone, "process {pid} is still there");
}

/// How many descriptors this process has open.
///
/// # Panics
///
/// Without `/proc`.
pub fn descriptors() -> usize {
    // One of them is the directory that is being read.
    entries("/proc/self/fd") - 1
}

/// How many threads this process has.
///
/// # Panics
///
/// Without `/proc`.
pub fn threads() -> usize {
    entries("/proc/self/task")
}

/// The processes that this process is the parent of, zombies included.
///
/// # Panics
///
/// Without `/proc`.
pub fn children() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc");
    let mut children = Vec::new();
    for thread in threads {
        let file = thread.expect("/proc").path().join("children");
        // A thread may have ended meanwhile.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        children.extend(text.split_whitespace().flat_map(str::parse::<u32>));
    }
    children
}

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).expect("/proc").count()
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).expect("a process has a number above 0")
}
