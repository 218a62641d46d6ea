//! What `/proc` tells of the processes of this machine.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

use rustix::process::Pid;

/// The processes that are there now, without threads.
pub(super) fn processes() -> io::Result<Vec<Pid>> {
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let entries = fs::read_dir("/proc")?;
    Ok(entries
        .filter_map(|entry| number(entry.ok()?))
        .filter_map(Pid::from_raw)
        .collect())
}

/// The number of a process's group; 0 for the system's own threads. `None` if it is gone.
pub(super) fn group_of(process: Pid) -> Option<i32> {
    // rustix panics at the 0.
    let process = nix::unistd::Pid::from_raw(process.as_raw_pid());
    let group = nix::unistd::getpgid(Some(process)).ok()?;
    Some(group.as_raw())
}

/// The children of this process, whichever thread has started them.
pub(super) fn children() -> io::Result<Vec<Pid>> {
    let mut children = Vec::new();
    for task in fs::read_dir("/proc/self/task")? {
        match fs::read_to_string(task?.path().join("children")) {
            Ok(text) => children.extend(
                text.split_ascii_whitespace()
                    .filter_map(|number| Pid::from_raw(number.parse().ok()?)),
            ),
            // A thread that has ended has handed its children on to another one, which may have been
            // read before: their end is seen at the next look.
            Err(error) if gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(children)
}

fn gone(error: &io::Error) -> bool {
    let task_is_gone = error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error());
    let text = error.kind() == io::ErrorKind::NotFound;
    task_is_gone || text && fs::exists("/proc/thread-self/children").unwrap_or(false)
}

/// What a process's program was started with.
pub(super) enum Environment {
    Known(Vec<u8>),
    /// It is in the middle of `exec`: ask again.
    NotYet,
    /// It has ended, or belongs to somebody else, or is the system's own.
    Hidden,
}

impl Environment {
    pub(super) fn of(process: Pid) -> Self {
        let read = |name| fs::read(format!("/proc/{}/{name}", process.as_raw_pid()));
        let Ok(environment) = read("environ") else {
            return Self::Hidden;
        };
        if !environment.is_empty() {
            return Self::Known(environment);
        }
        // The arguments come first. With them, a second look at the environment is the truth: the
        // first may have been at what the process was before it ran this program.
        match read("cmdline") {
            Ok(arguments) if arguments.is_empty() => {
                // Zombies and the system's own threads have no program.
                let exe = format!("/proc/{}/exe", process.as_raw_pid());
                let program = fs::read_link(exe);
                program.map_or(Self::Hidden, |_| Self::NotYet)
            }
            Ok(_) => read("environ").map_or(Self::Hidden, Self::Known),
            Err(_) => Self::Hidden,
        }
    }

    /// Whether exactly this `NAME=value` is in it.
    pub(super) fn holds(&self, variable: &OsStr) -> bool {
        match self {
            Self::Known(environment) => environment
                .split(|byte| *byte == 0)
                .any(|present| present == variable.as_bytes()),
            Self::NotYet | Self::Hidden => false,
        }
    }
}
