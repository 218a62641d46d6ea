//! The guard: one small process that outlives a host which is killed, and ends its daemons.
//!
//! A worker watches its socket and ends with its host. A daemon is any program and watches nothing,
//! so a shell script watches for all of them. It reads from a socket which groups there are; the
//! end of that stream means that the host is gone, however. Then it kills the groups, then whatever
//! bears this host's mark, and ends. It is started with the first daemon and belongs to no terminal.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::net::{SendFlags, send};
use rustix::process::{PidfdFlags, pidfd_open};

use super::child::Child;
use super::exec::Exec;
use super::group::Group;
use super::{mark, own};

/// For dash, busybox and whatever else is a POSIX shell. Its argument is the host's token. Where
/// `grep` cannot read lines that end in NUL, each process is looked at by itself. A process
/// that is in the middle of `exec` has a program and no environment: it looks until there is none,
/// twice at least, and at most fifty times, because one may have been given nothing.
const SCRIPT: &str = include_str!("guard.sh");

static GUARD: Mutex<Guard> = Mutex::new(Guard {
    process: None,
    groups: BTreeSet::new(),
    leaving: BTreeSet::new(),
    impossible: false,
    warned: false,
});

struct Guard {
    process: Option<Process>,
    /// The groups that it knows, or would if it ran.
    groups: BTreeSet<Group>,
    /// Those of them that have lost their leader and are forgotten as soon as they are empty.
    leaving: BTreeSet<Group>,
    /// There is no shell.
    impossible: bool,
    warned: bool,
}

/// Dropping it kills and reaps it.
struct Process {
    /// Its end is what the guard waits for.
    socket: UnixStream,
    _child: Child,
}

/// Starts the guard if it does not run. Takes about a millisecond the first time.
pub(super) fn prepare() {
    let mut guard = guard();
    if guard.process.is_none() {
        guard.start();
    }
}

/// Lets it know of a group that runs.
pub(super) fn add(group: Group) {
    let mut guard = guard();
    guard.forget_empty_groups();
    // A number that was used before is in use again.
    guard.leaving.remove(&group);
    if guard.groups.insert(group) {
        guard.tell('+', group);
    }
}

/// The leader has been reaped: the group is to be forgotten once it is empty. Its number may mean
/// another group one day.
pub(super) fn leave(group: Group) {
    let mut guard = guard();
    if guard.groups.contains(&group) {
        guard.leaving.insert(group);
    }
    guard.forget_empty_groups();
}

/// Call it when a group may have become empty.
pub(super) fn forget_empty_groups() {
    guard().forget_empty_groups();
}

fn guard() -> MutexGuard<'static, Guard> {
    GUARD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guard {
    fn forget_empty_groups(&mut self) {
        while let Some(&group) = self.leaving.iter().find(|group| group.is_empty()) {
            self.leaving.remove(&group);
            self.groups.remove(&group);
            self.tell('-', group);
        }
    }

    /// A guard that does not listen is replaced by one that knows all groups.
    fn tell(&mut self, what: char, group: Group) {
        let Some(process) = &self.process else {
            return;
        };
        if let Err(error) = process.tell(what, group) {
            self.warn(
                &error,
                "the guard of the daemons does not listen: it is replaced",
            );
            self.process = None;
            self.start();
        }
    }

    fn start(&mut self) {
        if self.impossible {
            return;
        }
        let started = Process::start().and_then(|process| {
            for group in &self.groups {
                process.tell('+', *group)?;
            }
            Ok(process)
        });
        match started {
            Ok(process) => self.process = Some(process),
            Err(error) => {
                self.impossible = error.kind() == io::ErrorKind::NotFound;
                self.warn(
                    &error,
                    "daemons run without a guard: they will live on if this host is killed",
                );
            }
        }
    }

    fn warn(&mut self, error: &io::Error, what: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(%error, "{what}");
        }
    }
}

impl Process {
    fn start() -> io::Result<Self> {
        let (socket, its_socket) = UnixStream::pair()?;
        let null = || fs::File::options().write(true).open("/dev/null");
        let stdio = [
            its_socket.into(),
            OwnedFd::from(null()?),
            OwnedFd::from(null()?),
        ];
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let exec = Exec {
            program: Path::new("/bin/sh"),
            arguments: ["-c", SCRIPT, "greenroom-guard", mark::token()]
                .map(OsStr::new)
                .into(),
            environment: vec![(OsStr::new("PATH"), OsStr::new(path))],
            directory: Some(Path::new("/")),
            stdio,
        };
        let pid = own::start(|| exec.run())?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self {
                socket,
                _child: Child::new(pid, pidfd),
            }),
            Err(error) => {
                own::kill(pid);
                Err(error.into())
            }
        }
    }

    fn tell(&self, what: char, group: Group) -> io::Result<()> {
        let line = format!("{what} {}\n", group.id());
        // A line that short is taken whole or not at all.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        send(&self.socket, line.as_bytes(), flags)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
