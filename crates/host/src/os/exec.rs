//! Runs a program by `posix_spawn`, whose cost does not grow with the host's memory.
//!
//! The standard library would do the same, but hands down the signals that the host ignores or that
//! this thread blocks: a host under `nohup` would start daemons that no SIGHUP can stop.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use rustix::process::Pid;

use super::directory::add_directory;

/// What a program is run with.
pub(super) struct Exec<'a> {
    /// An absolute path.
    pub(super) program: &'a Path,
    /// Without the program's own name, which goes first.
    pub(super) arguments: Vec<&'a OsStr>,
    /// The whole of it.
    pub(super) environment: Vec<(&'a OsStr, &'a OsStr)>,
    /// Where it starts; `None` is where the host is.
    pub(super) directory: Option<&'a Path>,
    /// Its standard input, output and error. All that it gets.
    pub(super) stdio: [OwnedFd; 3],
}

impl Exec<'_> {
    /// Starts it as the leader of a new session and group, with every signal at its default and
    /// none blocked.
    ///
    /// A session and not only a group: a Ctrl-Z that hits the child before it has a group of its own
    /// would otherwise stop it before `exec`, and this thread with it. In a session without a
    /// terminal the system throws that signal away.
    pub(super) fn run(self) -> io::Result<Pid> {
        // glibc 2.26 and musl have it; nix does not name it.
        let new_session = PosixSpawnFlags::from_bits_retain(nix::libc::POSIX_SPAWN_SETSID.into());
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_flags(
            new_session
                | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF
                | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK,
        )?;
        attributes.set_sigdefault(&SigSet::all())?;
        attributes.set_sigmask(&SigSet::empty())?;

        let mut actions = PosixSpawnFileActions::init()?;
        let [stdin, stdout, stderr] = self.stdio;
        let stdio = [
            above_stdio(stdin)?,
            above_stdio(stdout)?,
            above_stdio(stderr)?,
        ];
        for (number, fd) in (0..).zip(&stdio) {
            actions.add_dup2(fd.as_raw_fd(), number)?;
        }
        if let Some(directory) = self.directory {
            add_directory(&mut actions, &text(directory.as_os_str())?)?;
        }

        let program = text(self.program.as_os_str())?;
        let arguments = std::iter::once(self.program.as_os_str())
            .chain(self.arguments)
            .map(text)
            .collect::<io::Result<Vec<_>>>()?;
        let environment = self
            .environment
            .iter()
            .map(|(name, value)| {
                let mut variable = OsString::from(name);
                variable.push("=");
                variable.push(value);
                text(&variable)
            })
            .collect::<io::Result<Vec<_>>>()?;
        let pid = posix_spawn(
            program.as_c_str(),
            &actions,
            &attributes,
            &arguments,
            &environment,
        )?;
        Pid::from_raw(pid.as_raw()).ok_or_else(|| io::Error::other("the system gave no number"))
    }
}

/// What a descriptor of the child is made from must not be overwritten by another one of them. It is
/// there already unless the host has closed its own standard input or output.
fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    const FIRST_FREE: i32 = 3;
    if fd.as_raw_fd() >= FIRST_FREE {
        return Ok(fd);
    }
    let fd: BorrowedFd<'_> = fd.as_fd();
    Ok(rustix::io::fcntl_dupfd_cloexec(fd, FIRST_FREE)?)
}

/// Fails if it holds a NUL. Says nothing of it: it may be a secret.
fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "an argument or a variable of the environment holds a NUL",
        )
    })
}
