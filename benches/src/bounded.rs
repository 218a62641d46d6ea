//! Another program, run to its end within a limit.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::Outcome;

/// What a program may print, in bytes; the rest is not looked at.
const MOST: u64 = 1 << 20;

/// What the program prints. Fails with its last words if it does, or if it takes longer than `limit`;
/// then it is killed, with its process group.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Outcome<String> {
    // Files, since something that the program leaves behind would hold a pipe open.
    let (mut printed, mut said) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(printed.try_clone()?)
        .stderr(said.try_clone()?)
        .spawn()?;
    let group = Pid::from_child(&child);
    let exit = pidfd_open(group, PidfdFlags::empty())?;
    let in_time = poll(
        &mut [PollFd::new(&exit, PollFlags::IN)],
        Some(&Timespec::try_from(limit)?),
    );
    let in_time = in_time? > 0;
    // While its number is still its own: what it has left behind goes too.
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait()?;
    if !in_time {
        return Err(format!("not done after {} s, and killed", limit.as_secs()).into());
    }
    if !status.success() {
        let words = text(&mut said)?;
        let last = words.lines().rfind(|line| !line.trim().is_empty());
        return Err(format!("{status}: {}", last.unwrap_or("without a word")).into());
    }
    text(&mut printed)
}

fn text(file: &mut File) -> Outcome<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
