//! The guard: one small process that outlives a host which is killed, and ends its daemons.
//!
//! A worker watches its socket and ends with its host. A daemon is any program and watches nothing,
//! so a shell script watches for all of them. It is started with the groups that there are, and reads
//! from a socket which come and go; the end of that stream means that the host is gone, however. Then
//! it kills the groups, then whatever bears this host's mark, and ends. It is started with the first
//! daemon and belongs to no terminal. A thread sleeps until it ends, and replaces it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendFlags, send};
use rustix::process::{PidfdFlags, pidfd_open};

use super::child::{Child, has_ended};
use super::exec::Exec;
use super::group::Group;
use super::{mark, own};

/// For dash, busybox and whatever else is a POSIX shell. Its arguments are the host's token and the
/// groups that there are: a socket holds some hundred lines, and nobody reads them yet. Where
/// `grep` cannot read lines that end in NUL, each process is looked at by itself. A process
/// that is in the middle of `exec` has a program and no environment: it looks until there is none,
/// twice at least, and at most fifty times, because one may have been given nothing. Where a process
/// with the mark leads a group, all of that is killed: the host may have been killed before it could
/// tell of the group, and a member may have cleared its environment.
const SCRIPT: &str = include_str!("guard.sh");

/// One that lives for a shorter time counts as one that cannot live.
const STEADY: Duration = Duration::from_secs(1);
/// How long its keeper waits before it replaces a second one in a row that cannot live; twice as
/// long with each, up to the most.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

static GUARD: Mutex<Guard> = Mutex::new(Guard {
    process: None,
    groups: BTreeSet::new(),
    leaving: BTreeSet::new(),
    impossible: false,
    kept: false,
    warned: BTreeSet::new(),
});

struct Guard {
    process: Option<Process>,
    /// The groups that it knows, or would if it ran.
    groups: BTreeSet<Group>,
    /// Those of them that have lost their leader and are forgotten as soon as they are empty.
    leaving: BTreeSet<Group>,
    /// There is no shell.
    impossible: bool,
    /// There is a thread that replaces it when it ends.
    kept: bool,
    /// What has been said already.
    warned: BTreeSet<&'static str>,
}

/// Dropping it kills and reaps it, and only then ends the stream: the guard must not take that for
/// the end of the host.
struct Process {
    _child: Child,
    /// Its end is what the guard waits for.
    socket: UnixStream,
    pidfd: Arc<OwnedFd>,
}

/// Starts the guard if it does not run. Takes about a millisecond the first time.
pub(super) fn prepare() {
    guard().running();
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
/// another group one day, but not within moments, and whoever waits for the death does not wait for
/// this: [`forget_empty_groups`] tells it.
pub(super) fn leave(group: Group) {
    let mut guard = guard();
    if guard.groups.contains(&group) {
        guard.leaving.insert(group);
    }
}

/// Tells it of groups that have become empty since.
pub(super) fn forget_empty_groups() {
    guard().forget_empty_groups();
}

/// Sleeps until the guard ends, and replaces it: the host may be killed long before anything else is
/// to be told.
fn keep() {
    let mut pause = Duration::ZERO;
    loop {
        let begin = Instant::now();
        let running = guard().running();
        match running {
            Some(pidfd) => wait_for_end(&pidfd),
            None if guard().impossible => return,
            None => {}
        }
        if begin.elapsed() >= STEADY {
            pause = Duration::ZERO;
        } else {
            std::thread::sleep(pause);
            pause = (pause * 2).clamp(PAUSE, LONGEST_PAUSE);
        }
    }
}

fn wait_for_end(pidfd: &OwnedFd) {
    let mut end = [PollFd::new(pidfd, PollFlags::IN)];
    // Only a signal that this thread has taken cuts it short.
    while matches!(poll(&mut end, None), Err(rustix::io::Errno::INTR)) {}
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

    /// One that runs, if any can: where it has ended it is replaced.
    fn running(&mut self) -> Option<Arc<OwnedFd>> {
        let ended = |process: &Process| has_ended(process.pidfd.as_fd());
        if self.process.as_ref().is_some_and(ended) {
            self.warn(
                &"somebody has ended it, or its shell cannot live",
                "the guard of the daemons has ended: it is replaced",
            );
            self.process = None;
        }
        if self.process.is_none() {
            self.start();
        }
        let process = self.process.as_ref()?;
        Some(Arc::clone(&process.pidfd))
    }

    fn start(&mut self) {
        if self.impossible {
            return;
        }
        match Process::start(&self.groups) {
            Ok(process) => self.process = Some(process),
            Err(error) => {
                self.impossible = error.kind() == io::ErrorKind::NotFound;
                self.warn(
                    &error,
                    "daemons run without a guard: they will live on if this host is killed",
                );
            }
        }
        self.have_it_kept();
    }

    fn have_it_kept(&mut self) {
        if self.kept || self.impossible {
            return;
        }
        let keeper = std::thread::Builder::new().name("greenroom-guard".into());
        match keeper.spawn(keep) {
            Ok(_) => self.kept = true,
            Err(error) => self.warn(
                &error,
                "nobody sees when the guard of the daemons ends: it is replaced with the next daemon",
            ),
        }
    }

    /// Each thing once.
    fn warn(&mut self, error: &dyn std::fmt::Display, what: &'static str) {
        if self.warned.insert(what) {
            tracing::warn!(%error, "{what}");
        }
    }
}

impl Process {
    /// It knows these groups from its first moment on.
    fn start(groups: &BTreeSet<Group>) -> io::Result<Self> {
        let (socket, its_socket) = UnixStream::pair()?;
        let null = || fs::File::options().write(true).open("/dev/null");
        let stdio = [
            its_socket.into(),
            OwnedFd::from(null()?),
            OwnedFd::from(null()?),
        ];
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let groups: Vec<String> = groups.iter().map(|group| group.id().to_string()).collect();
        let arguments = ["-c", SCRIPT, "greenroom-guard", mark::token()].into_iter();
        let exec = Exec {
            program: Path::new("/bin/sh"),
            arguments: arguments
                .chain(groups.iter().map(String::as_str))
                .map(OsStr::new)
                .collect(),
            environment: vec![(OsStr::new("PATH"), OsStr::new(path))],
            directory: Some(Path::new("/")),
            stdio,
        };
        let pid = own::start(|| exec.run())?;
        let pidfds = pidfd_open(pid, PidfdFlags::empty())
            .map_err(io::Error::from)
            .and_then(|pidfd| Ok((pidfd.try_clone()?, pidfd)));
        match pidfds {
            Ok((watched, pidfd)) => Ok(Self {
                _child: Child::new(pid, pidfd),
                socket,
                pidfd: Arc::new(watched),
            }),
            Err(error) => {
                own::kill(pid);
                Err(error)
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
