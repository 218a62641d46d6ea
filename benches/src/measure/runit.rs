//! A service under runit, in a directory of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::deaths::kill;
use crate::Outcome;

/// runit waits a second before it starts a service again that has lived for less.
pub(super) const LIVED: Duration = Duration::from_millis(1100);

pub(super) struct Runit {
    directory: tempfile::TempDir,
    runsv: Child,
}

impl Runit {
    /// `None` if it is not installed.
    pub(super) fn start() -> Outcome<Option<Self>> {
        let directory = tempfile::tempdir()?;
        let run = directory.path().join("run");
        fs::write(&run, "#!/bin/sh\nexec sleep 1000\n")?;
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
        let Ok(runsv) = Command::new("runsv").arg(directory.path()).spawn() else {
            return Ok(None);
        };
        let runit = Self { directory, runsv };
        runit.process_other_than(0)?;
        Ok(Some(runit))
    }

    /// From the death of its process until there is another.
    pub(super) fn replacement(&self) -> Outcome<Duration> {
        let pid = self.process_other_than(0)?;
        let killed = Instant::now();
        kill(pid)?;
        self.process_other_than(pid)?;
        Ok(killed.elapsed())
    }

    /// Looks at its file again and again: it has no event to wait for, and a pause would be measured.
    fn process_other_than(&self, old: u32) -> Outcome<u32> {
        let file = self.directory.path().join("supervise/pid");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            match read_number(&file) {
                Some(pid) if pid != old => return Ok(pid),
                _ => std::thread::yield_now(),
            }
        }
        Err("runit started nothing for 10 s".into())
    }
}

impl Drop for Runit {
    fn drop(&mut self) {
        // On SIGTERM it ends its service, then itself.
        let _ = kill_process(Pid::from_child(&self.runsv), Signal::TERM);
        let _ = self.runsv.wait();
    }
}

fn read_number(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
