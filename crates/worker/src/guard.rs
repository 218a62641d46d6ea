//! The orphan guard: whatever the handler does, this process group does not outlive its host.
//!
//! One small thread sleeps in `poll` on two descriptors: the control socket, which hangs up when
//! the host is gone, and a pipe that SIGCONT writes to. SIGCONT is what the kernel sends when the
//! parent dies: a worker that is stopped goes on, and so does this thread (not SIGKILL: a worker
//! killed outright would leave its own children behind). The
//! handler may keep the executor's thread for ever; it cannot keep this one.

use std::convert::Infallible;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, Signal as OsSignal, getpgrp, getpid, getppid, kill_current_process_group, kill_process,
    set_parent_process_death_signal,
};
use signal_hook::consts::SIGCONT;

use crate::boot::Host;
use crate::signal::Signal;

/// What jobs' callbacks and the handler's shutdown have together once the host is gone.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);

/// The executor's side of the guard.
#[derive(Debug)]
pub(crate) struct Guard {
    host_gone: Arc<Signal<()>>,
    leaving: Arc<AtomicBool>,
    /// Dropped with the guard: the executor has ended, nobody needs to be waited for.
    _executor_lives: Sender<Infallible>,
}

impl Guard {
    /// Starts watching. Fails if the system refuses a thread, a pipe or a signal handler.
    pub(crate) fn watch(host: &Host) -> io::Result<Self> {
        let socket = host.socket.try_clone()?;
        let (nudge, nudge_writer) = UnixStream::pair()?;
        nudge.set_nonblocking(true)?;
        // First the handler, then the kernel's promise, then the look whether it came too late.
        signal_hook::low_level::pipe::register(SIGCONT, nudge_writer)?;
        set_parent_process_death_signal(Some(OsSignal::CONT))?;

        let host_gone = Arc::new(Signal::default());
        let leaving = Arc::new(AtomicBool::new(false));
        let (executor_lives, executor_ended) = mpsc::channel();
        let watch = Watch {
            socket,
            nudge,
            host: host.pid,
            host_gone: Arc::clone(&host_gone),
            leaving: Arc::clone(&leaving),
            executor_ended,
        };
        std::thread::Builder::new()
            .name("guard".into())
            .stack_size(64 << 10)
            .spawn(move || watch.run())?;
        Ok(Self {
            host_gone,
            leaving,
            _executor_lives: executor_lives,
        })
    }

    /// Raised when the host is gone.
    pub(crate) fn host_gone(&self) -> &Signal<()> {
        &self.host_gone
    }

    /// The worker is about to exit with a code of its own: from here on a host that hangs up is no
    /// news.
    pub(crate) fn stand_down(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

/// Kills every process of this group, this one included, if this process leads it. Otherwise the
/// group belongs to somebody else, and nothing happens.
pub(crate) fn end_group() {
    if getpgrp() == getpid() {
        // Can only fail for a group that does not exist, and we are in it.
        let _ = kill_current_process_group(OsSignal::KILL);
    }
}

/// The thread's side.
struct Watch {
    socket: UnixStream,
    nudge: UnixStream,
    host: Option<Pid>,
    host_gone: Arc<Signal<()>>,
    leaving: Arc<AtomicBool>,
    executor_ended: Receiver<Infallible>,
}

impl Watch {
    fn run(mut self) {
        self.wait_for_the_end_of_the_host();
        if self.leaving.load(Ordering::Acquire) {
            return;
        }
        self.host_gone.raise(());
        // Ends early, as disconnected, when the executor does.
        let _ = self.executor_ended.recv_timeout(LAST_WORDS);
        if self.leaving.load(Ordering::Acquire) {
            return;
        }
        end_group();
        // Cannot fail: every process may signal itself.
        let _ = kill_process(getpid(), OsSignal::KILL);
    }

    fn wait_for_the_end_of_the_host(&mut self) {
        // The host may have died before the kernel was asked to tell us.
        while !self.parent_changed() {
            let mut descriptors = [
                PollFd::new(&self.socket, PollFlags::RDHUP),
                PollFd::new(&self.nudge, PollFlags::IN),
            ];
            match poll(&mut descriptors, None) {
                Ok(_) if !descriptors[0].revents().is_empty() => return,
                // The signal may have come from anybody, or from the end of the host's thread
                // that started us: whether the host lives is asked again.
                Ok(_) => while self.nudge.read(&mut [0; 16]).is_ok_and(|n| n > 0) {},
                Err(rustix::io::Errno::INTR) => {}
                // No memory for a poll of two descriptors: better no worker than an orphan.
                Err(_) => return,
            }
        }
    }

    fn parent_changed(&self) -> bool {
        self.host.is_some_and(|host| getppid() != Some(host))
    }
}
