//! The duties of process 1: orphans become children of this process, and their zombies are reaped.
//!
//! In a container the host often is the first process. Whatever its daemons leave behind ends as a
//! zombie that nobody else may reap.

use std::convert::Infallible;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::{own, proc};

/// Whether this is process 1 of its machine or container: orphans come to it unasked.
pub fn is_first_process() -> bool {
    std::process::id() == 1
}

/// Makes orphans among this process's descendants its children, as if it were process 1. They must
/// then be reaped: run [`reap_strangers`].
///
/// Fails if the system refuses, which Linux since 3.4 does not.
pub fn adopt_orphans() -> io::Result<()> {
    let this = rustix::process::getpid();
    Ok(rustix::process::set_child_subreaper(Some(this))?)
}

/// Reaps children of this process that this crate has not started, now and whenever one ends, for
/// as long as it is polled. Nothing wakes it in between.
///
/// Not for hosts that start processes by other means, such as `std::process` or `tokio::process`:
/// it would take their exit status before they can.
///
/// Fails if signals cannot be watched, or `/proc` does not tell of children on this system. A look
/// that fails otherwise is logged, and the next end of a child is a reason to look again. It looks on
/// a thread of the runtime's that may block: nobody looks while a process is being started.
/// Cancel-safe.
///
/// # Panics
///
/// Outside a tokio runtime with IO enabled.
pub async fn reap_strangers() -> io::Result<Infallible> {
    let mut ended = signal(SignalKind::child())?;
    let mut warned = false;
    loop {
        match tokio::task::spawn_blocking(|| own::reap_strangers(proc::children)).await {
            Ok(Ok(reaped)) => {
                warned = false;
                if reaped > 0 {
                    tracing::debug!(reaped, "orphans have ended");
                }
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Ok(Err(error)) => {
                if !std::mem::replace(&mut warned, true) {
                    tracing::warn!(%error, "orphans that have ended are not reaped for now");
                }
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        if ended.recv().await.is_none() {
            return Err(io::Error::other("the runtime watches signals no longer"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::*;
    use super::*;

    /// In a process of its own: the other tests start processes by other means.
    #[tokio::test]
    async fn orphans_are_reaped_and_our_own_are_not() {
        if is_host() {
            adopt_orphans().unwrap();
            let reaper = tokio::spawn(reap_strangers());
            for _ in 0..20 {
                // Ours ends at once, and so early that the spawner has hardly learnt its number;
                // the orphan leaves its group.
                let script = "setsid sh -c 'echo $$; exec sleep 1000' & exit 5";
                let ours = start(sh(script)).await;
                let orphan = Other::new(&first_line(ours.stdout).await);
                let status = ended(ours.child).await;
                assert_eq!(status, greenroom_supervision::ExitStatus::Code(5));
                rustix::process::kill_process(orphan.0, rustix::process::Signal::KILL).unwrap();
                soon("the reaping", async {
                    // A zombie can be seen, one that was reaped cannot.
                    while rustix::process::test_kill_process(orphan.0).is_ok() {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                })
                .await;
            }
            assert!(!reaper.is_finished());
            println!("all reaped");
            return;
        }
        let name = "os::init::tests::orphans_are_reaped_and_our_own_are_not";
        Host::start(name, "exec \"$@\"").told("all reaped");
    }
}
