//! What `/proc` tells of the processes of this machine.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
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

/// In as few reads as can be: a process that runs another program between two of them would show the
/// beginning of the old environment and nothing more.
fn environment(process: Pid) -> io::Result<Vec<u8>> {
    const AT_ONCE: usize = 128 << 10;
    let mut file = fs::File::open(format!("/proc/{}/environ", process.as_raw_pid()))?;
    let mut environment = Vec::new();
    let mut part = vec![0; AT_ONCE];
    loop {
        let length = file.read(&mut part)?;
        environment.extend_from_slice(&part[..length]);
        if length < AT_ONCE {
            return Ok(environment);
        }
    }
}

/// Whether the system has got so far in `exec` that the environment has its place, be it empty.
fn environment_is_set(process: Pid) -> bool {
    // Counted from 1; the third follows the name.
    const ENVIRONMENT_END: usize = 51;
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
    let stat = stat.unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let end = fields.split(' ').nth(ENVIRONMENT_END - 3);
    end.is_some_and(|end| end != "0")
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
        let Ok(environment) = environment(process) else {
            return Self::Hidden;
        };
        if !environment.is_empty() {
            return Self::Known(environment);
        }
        if environment_is_set(process) {
            // It may have been set only since.
            return self::environment(process).map_or(Self::Hidden, Self::Known);
        }
        // Zombies and the system's own threads have no program.
        let exe = format!("/proc/{}/exe", process.as_raw_pid());
        fs::read_link(exe).map_or(Self::Hidden, |_| Self::NotYet)
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
