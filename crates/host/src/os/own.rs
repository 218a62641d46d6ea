//! Which processes are ours to reap: those that the spawner has started.
//!
//! Whoever reaps orphans must not take one of them, not even one that ends before the spawner has
//! learnt its number. So no look for strangers happens while a process is being started, and a number
//! is given up in the same moment in which it is reaped.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};

/// Held while a process is started, which may take as long as reading its program does, and while
/// strangers are looked for.
static STARTING: Mutex<()> = Mutex::new(());
/// Held for moments only.
static OWN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Starts a process that will be reaped by [`reap`].
pub(super) fn start(exec: impl FnOnce() -> io::Result<Pid>) -> io::Result<Pid> {
    let _no_search = lock(&STARTING);
    let pid = exec()?;
    lock(&OWN).insert(pid.as_raw_pid());
    Ok(pid)
}

/// Waits until it has ended, which must be known or certain, and takes its status. `None` if
/// somebody else has.
pub(super) fn reap(pid: Pid, pidfd: BorrowedFd<'_>) -> Option<WaitIdStatus> {
    let ended = waitid(
        WaitId::PidFd(pidfd),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    );
    let mut own = lock(&OWN);
    own.remove(&pid.as_raw_pid());
    ended.ok()??;
    waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED).ok()?
}

/// Ends and reaps one that nothing can watch.
pub(super) fn kill(pid: Pid) {
    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    let _ = waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    );
    let mut own = lock(&OWN);
    own.remove(&pid.as_raw_pid());
    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
}

/// Reaps those children of this process that have ended and were not started by [`start`]. Gives
/// their number.
pub(super) fn reap_strangers(children: impl FnOnce() -> io::Result<Vec<Pid>>) -> io::Result<usize> {
    let _no_start = lock(&STARTING);
    let mut reaped = 0;
    for child in children()? {
        let own = lock(&OWN);
        if own.contains(&child.as_raw_pid()) {
            continue;
        }
        drop(own);
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        if let Ok(Some(_)) = waitid(WaitId::Pid(child), ended) {
            reaped += 1;
        }
    }
    Ok(reaped)
}

/// A panic elsewhere leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
