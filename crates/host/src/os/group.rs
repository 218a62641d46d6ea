//! A process group, and its extinction.

use std::cmp::Ordering;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process_group,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::child::has_ended;
use super::{proc, watch};

/// The process group that a [`Child`](super::Child) leads.
///
/// Its number means nothing else while a member is there, be it a zombie. Once the leader was reaped
/// and the group is empty, the system may give the number away: between the reap and the look at an
/// empty group, some microseconds, it could in theory already mean another. Linux hands numbers out
/// in turn, so that all others have to be used up in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(Pid);

impl Group {
    pub(super) fn led_by(leader: Pid) -> Self {
        Self(leader)
    }

    /// Its number, which is its leader's.
    pub(crate) fn id(self) -> u32 {
        self.0.as_raw_pid().unsigned_abs()
    }

    /// Whether no process is in it, not even a zombie.
    pub(super) fn is_empty(self) -> bool {
        test_kill_process_group(self.0) == Err(rustix::io::Errno::SRCH)
    }

    /// Those of its members that have not ended yet.
    fn members(self) -> io::Result<Vec<Member>> {
        let in_it = |pid| proc::group_of(pid) == Some(self.0.as_raw_pid());
        Ok(proc::processes()?
            .into_iter()
            .filter(|pid| in_it(*pid))
            .filter_map(|pid| {
                let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
                // The number may have changed hands before the descriptor was there.
                (in_it(pid) && !has_ended(pidfd.as_fd())).then_some(Member { pid, pidfd })
            })
            .collect())
    }
}

impl Ord for Group {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id().cmp(&other.id())
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Member {
    pid: Pid,
    pidfd: OwnedFd,
}

/// Waits until nothing runs in a group whose leader has been reaped, and ends what still does. At
/// most `limit`. Gives the numbers of the survivors: none means that it is extinct. It is the
/// group's own number if the system does not tell who they are.
///
/// Returns at once in the normal case. Do not use the group once it is extinct: its number may come
/// to mean another. Must be called within a runtime. Cancel-safe: what was killed stays killed.
pub(crate) async fn extinct(group: Group, limit: Duration) -> Vec<u32> {
    let deadline = Instant::now() + limit;
    loop {
        if group.is_empty() {
            return Vec::new();
        }
        let members = match group.members() {
            Ok(members) => members,
            Err(error) => {
                tracing::warn!(%error, group = group.id(), "cannot see who is left in a group");
                return vec![group.id()];
            }
        };
        if members.is_empty() {
            return Vec::new();
        }
        for member in &members {
            // One that has just ended cannot be signalled; one that may not be is a survivor.
            let _ = pidfd_send_signal(&member.pidfd, Signal::KILL);
        }
        // Again afterwards: one of them may have forked before it was hit.
        let mut survivors = Vec::new();
        for member in members {
            if !ended_by(member.pidfd, deadline).await {
                survivors.push(member.pid.as_raw_pid().unsigned_abs());
            }
        }
        if !survivors.is_empty() {
            return survivors;
        }
    }
}

async fn ended_by(pidfd: OwnedFd, deadline: Instant) -> bool {
    match watch(pidfd, Interest::READABLE) {
        Ok(pidfd) => {
            let ended: &AsyncFd<OwnedFd> = &pidfd;
            tokio::time::timeout_at(deadline, ended.readable())
                .await
                .is_ok()
        }
        Err(error) => {
            tracing::warn!(%error, "cannot watch a process that is dying");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_group_is_extinct_soon_after_its_leader_is_reaped() {
        let sh = start(sh("sleep 1000 & sleep 1000 & exit")).await;
        let group = sh.child.group();
        ended(sh.child).await;
        assert_eq!(extinct(group, LIMIT).await, NOBODY);
        assert_eq!(group.members().unwrap().len(), 0);
    }

    #[tokio::test]
    async fn whatever_still_runs_is_ended() {
        let sh = start(sh(
            "trap '' TERM; sleep 1000 & sleep 1000 & echo ready; wait",
        ))
        .await;
        let group = sh.child.group();
        first_line(sh.stdout).await;
        assert_eq!(group.members().unwrap().len(), 3);
        assert_eq!(extinct(group, LIMIT).await, NOBODY);
        assert_eq!(group.members().unwrap().len(), 0);
        // The zombie still holds the number.
        assert!(!group.is_empty());
        ended(sh.child).await;
        soon("nothing", async {
            while !group.is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}
