//! One process, held by a descriptor that can never come to mean another.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use greenroom_supervision::ExitStatus;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watched::watch;

/// A process that leads its own group, and has not been reaped.
///
/// Dropping it ends the whole group.
pub(crate) struct Child {
    pid: Pid,
    pidfd: Option<Pidfd>,
}

enum Pidfd {
    /// Opened by the spawner thread, outside the runtime.
    Raw(OwnedFd),
    Watched(AsyncFd<OwnedFd>),
}

impl Pidfd {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Self::Raw(fd) => fd.as_fd(),
            Self::Watched(fd) => fd.get_ref().as_fd(),
        }
    }
}

impl Child {
    pub(crate) fn new(pid: Pid, pidfd: OwnedFd) -> Self {
        Self {
            pid,
            pidfd: Some(Pidfd::Raw(pidfd)),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Lets the runtime watch for its exit. Must be called within one.
    pub(crate) fn watch(&mut self) -> io::Result<()> {
        if let Some(Pidfd::Raw(fd)) = &self.pidfd {
            let fd = fd.try_clone()?;
            let watched = watch(fd, Interest::READABLE)?;
            self.pidfd = Some(Pidfd::Watched(watched));
        }
        Ok(())
    }

    /// Whether it has exited. It stays a zombie, so that its number stays its own.
    pub(crate) fn poll_exited(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.pidfd {
            Some(Pidfd::Watched(fd)) => fd.poll_read_ready(context).map(|_| ()),
            _ => Poll::Pending,
        }
    }

    /// Kills it and every process in its group.
    pub(crate) fn kill(&self) {
        if let Some(fd) = &self.pidfd {
            // A process that has just exited cannot be signalled: that is what was wanted.
            let _ = rustix::process::pidfd_send_signal(fd.as_fd(), Signal::KILL);
            let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Ends what is left of its group and takes its exit status. Call it once it has
    /// [exited](Self::poll_exited); `None` if the system will not tell.
    pub(crate) fn reap(mut self) -> Option<ExitStatus> {
        // Its number is still taken by the zombie: the group cannot be somebody else's.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let fd = self.pidfd.take()?;
        let status =
            rustix::process::waitid(WaitId::PidFd(fd.as_fd()), WaitIdOptions::EXITED).ok()??;
        Some(exit_status(&status))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.pidfd.is_none() {
            return;
        }
        self.kill();
        let Some(fd) = self.pidfd.take() else {
            return;
        };
        let gone = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        if !matches!(
            rustix::process::waitid(WaitId::PidFd(fd.as_fd()), gone),
            Ok(None)
        ) {
            return;
        }
        // The kill takes a moment, and a runtime that is shutting down cannot wait for it. Only
        // this rare way out needs a thread; if there is none, the zombie stays until the host ends.
        let _ = std::thread::Builder::new()
            .name("greenroom-reap".into())
            .spawn(move || {
                let _ = rustix::process::waitid(WaitId::PidFd(fd.as_fd()), WaitIdOptions::EXITED);
            });
    }
}

fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    if let Some(code) = status.exit_status() {
        return ExitStatus::Code(code);
    }
    let signal = status.terminating_signal().unwrap_or_default();
    ExitStatus::Signal {
        signal,
        core: status.dumped(),
    }
}

/// Whether the system has killed anything for want of memory since this was last asked. It does not
/// say whom: ask right after a SIGKILL that nobody here has sent.
pub(crate) fn out_of_memory_since_last_look() -> bool {
    static SEEN: AtomicU64 = AtomicU64::new(u64::MAX);
    let Some(kills) = out_of_memory_kills() else {
        return false;
    };
    SEEN.swap(kills, Ordering::Relaxed) < kills
}

fn out_of_memory_kills() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
    counters
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .parse()
        .ok()
}
