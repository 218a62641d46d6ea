//! One process, held by a descriptor that can never come to mean another.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use greenroom_supervision::ExitStatus;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::group::Group;
use super::watched::watch;
use super::{guard, own};

/// A process that leads its own group, and has not been reaped.
///
/// Dropping it ends the whole group.
pub(crate) struct Child {
    pid: Pid,
    pidfd: Option<Pidfd>,
    /// Whether the guard would end its group if the host did.
    pub(super) guarded: bool,
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
            guarded: false,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The group that it leads. Ask before it is reaped, to wait for the group's
    /// [extinction](super::extinct) afterwards.
    pub(crate) fn group(&self) -> Group {
        Group::led_by(self.pid)
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

    /// Whether it has exited by now, be it seen or not.
    pub(crate) fn has_exited(&self) -> bool {
        self.pidfd
            .as_ref()
            .is_none_or(|pidfd| has_ended(pidfd.as_fd()))
    }

    /// Kills it and every process in its group.
    pub(crate) fn kill(&self) {
        if let Some(fd) = &self.pidfd {
            // A process that has just exited cannot be signalled: that is what was wanted.
            let _ = rustix::process::pidfd_send_signal(fd.as_fd(), Signal::KILL);
            let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Sends all processes in its group a signal by number. Cannot hit anybody else: its number, and so its group's, is its
    /// own until it is reaped.
    ///
    /// Fails with `InvalidInput` if the number is no signal that has a name (1 to 31), and with what
    /// the system says, for example if it may not be signalled. One that has exited and was not
    /// reaped takes every signal, without effect.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        let Some(named) = Signal::from_named_raw(signal) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{signal} is not a signal: give one from 1 to 31"),
            ));
        };
        rustix::process::kill_process_group(self.pid, named)?;
        Ok(())
    }

    /// Ends what is left of its group and takes its exit status. Call it once it has
    /// [exited](Self::poll_exited); `None` if the system will not tell. Its group may take a moment
    /// longer: see [`extinct`](super::extinct).
    pub(crate) fn reap(mut self) -> Option<ExitStatus> {
        // Its number is still taken by the zombie: the group cannot be somebody else's.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let fd = self.pidfd.take()?;
        let status = own::reap(self.pid, fd.as_fd());
        self.leave_guard();
        status.as_ref().map(exit_status)
    }

    fn leave_guard(&self) {
        if self.guarded {
            guard::leave(self.group());
        }
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
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if !matches!(
            rustix::process::waitid(WaitId::PidFd(fd.as_fd()), ended),
            Ok(None)
        ) {
            own::reap(self.pid, fd.as_fd());
            if self.guarded {
                self.leave_guard();
                guard::forget_empty_groups();
            }
            // The guard itself is not guarded, and is dropped by whoever holds its lock.
            return;
        }
        let (pid, guarded) = (self.pid, self.guarded);
        // The kill takes a moment, and a runtime that is shutting down cannot wait for it. Only
        // this rare way out needs a thread; if there is none, the zombie stays until the host ends.
        let _ = std::thread::Builder::new()
            .name("greenroom-reap".into())
            .spawn(move || {
                own::reap(pid, fd.as_fd());
                if guarded {
                    guard::leave(Group::led_by(pid));
                    guard::forget_empty_groups();
                }
            });
    }
}

/// A zombie counts: what is left of it is up to its parent, which may never look.
pub(super) fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    let now = Timespec::default();
    let mut look = [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)];
    matches!(poll(&mut look, Some(&now)), Ok(1))
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

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const TERM: i32 = 15;

    fn by(signal: i32) -> ExitStatus {
        ExitStatus::Signal {
            signal,
            core: false,
        }
    }

    #[tokio::test]
    async fn a_signal_for_the_group_reaches_all_of_it() {
        let sh = start(sh("sleep 1000 & echo $!; wait")).await;
        let member = Other::new(&first_line(sh.stdout).await);
        sh.child.signal(TERM).unwrap();
        member.ended().await;
        assert_eq!(ended(sh.child).await, by(TERM));
    }

    #[tokio::test]
    async fn one_that_has_exited_takes_every_signal_without_effect() {
        let sh = start(sh("exit 3")).await;
        let exited = std::future::poll_fn(|context| sh.child.poll_exited(context));
        soon("the exit", exited).await;
        sh.child.signal(TERM).unwrap();
        assert_eq!(ended(sh.child).await, ExitStatus::Code(3));
    }

    #[tokio::test]
    async fn what_is_no_signal_is_refused() {
        let sh = start(sh("sleep 1000")).await;
        for number in [-1, 0, 99] {
            let error = sh.child.signal(number).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
