//! The one thread that looks for processes by their mark.
//!
//! A grandchild that has left its group is found by the environment that it has inherited. The
//! thread sleeps until somebody asks, and serves everybody who has asked meanwhile with one look.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

use super::mark::Mark;
use super::proc::{self, Environment};

/// Looks for one request: what forks or runs another program while it is looked at is found at the
/// next.
const LOOKS: usize = 8;
/// How long to leave a process that is in the middle of `exec`.
const EXEC: Duration = Duration::from_millis(2);
/// How long what was killed may take to end. Only a process that waits for a device takes longer.
const DYING: Duration = Duration::from_secs(1);

struct Request {
    variable: OsString,
    reply: oneshot::Sender<Vec<u32>>,
}

/// Ends every process that was started with this mark and has kept it, wherever it has gone, and
/// waits until it has ended, at most about a second for each look. Gives the numbers of those that
/// were killed.
///
/// Whoever clears its environment is not found. Processes of other users are left alone, and so is
/// everything if the thread cannot be started: a warning says so once.
///
/// Cancel-safe: what was asked for is done all the same.
pub(crate) async fn sweep(mark: Mark) -> Vec<u32> {
    // Unbounded, but each unit that has ended asks once.
    static REQUESTS: OnceLock<Option<Sender<Request>>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let (requests, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("greenroom-sweep".into())
            .spawn(move || serve(&queue));
        match thread {
            Ok(_) => Some(requests),
            Err(error) => {
                tracing::warn!(%error, "what leaves its process group is not ended");
                None
            }
        }
    });
    let Some(requests) = requests else {
        return Vec::new();
    };
    let (reply, answer) = oneshot::channel();
    let variable = mark.line();
    // The thread ends only with the host.
    let _ = requests.send(Request { variable, reply });
    answer.await.unwrap_or_default()
}

fn serve(queue: &Receiver<Request>) {
    while let Ok(first) = queue.recv() {
        let requests: Vec<Request> = std::iter::once(first).chain(queue.try_iter()).collect();
        let mut killed = vec![BTreeSet::new(); requests.len()];
        for _ in 0..LOOKS {
            let found = look(&requests);
            if found.is_empty() {
                break;
            }
            let dead_by = Instant::now() + DYING;
            for found in found {
                match found {
                    Found::Killed {
                        request,
                        pid,
                        pidfd,
                    } => {
                        killed[request].insert(pid.as_raw_pid().unsigned_abs());
                        wait_for_end(&pidfd, dead_by);
                    }
                    Found::NotYetKnown(pidfd) => wait_for_end(&pidfd, Instant::now() + EXEC),
                }
            }
        }
        for (request, killed) in requests.into_iter().zip(killed) {
            // Whoever has stopped waiting does not want to know.
            let _ = request.reply.send(killed.into_iter().collect());
        }
    }
}

enum Found {
    Killed {
        request: usize,
        pid: Pid,
        pidfd: OwnedFd,
    },
    /// It has to be looked at again.
    NotYetKnown(OwnedFd),
}

/// Looks at every process once, and kills those that bear one of the marks.
fn look(requests: &[Request]) -> Vec<Found> {
    match proc::processes() {
        Ok(processes) => processes
            .into_iter()
            .filter_map(|pid| examine(requests, pid))
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "what has left its process group is not ended");
            Vec::new()
        }
    }
}

fn examine(requests: &[Request], pid: Pid) -> Option<Found> {
    let environment = Environment::of(pid);
    if matches!(environment, Environment::NotYet) {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        return Some(Found::NotYetKnown(pidfd));
    }
    let request = requests
        .iter()
        .position(|request| environment.holds(&request.variable))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Again, now that the descriptor holds it: the number may have changed hands.
    match Environment::of(pid) {
        Environment::NotYet => Some(Found::NotYetKnown(pidfd)),
        sure if sure.holds(&requests[request].variable) => {
            pidfd_send_signal(&pidfd, Signal::KILL).ok()?;
            Some(Found::Killed {
                request,
                pid,
                pidfd,
            })
        }
        _ => None,
    }
}

fn wait_for_end(pidfd: &OwnedFd, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    // So little always fits.
    let left = Timespec::try_from(left).ok();
    let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
    // Interrupted or late: the next look tells.
    let _ = poll(&mut ended, left.as_ref());
}

#[cfg(test)]
mod tests {
    use super::super::Stdin;
    use super::super::testing::*;
    use super::*;

    #[tokio::test]
    async fn what_has_left_its_group_is_found_by_its_mark() {
        let mark = Mark::new("camera", 7);
        let script = "setsid sh -c 'sleep 1000 & echo $$ $!; wait' & wait";
        let sh = start_with(sh(script), Stdin::Null, vec![mark.variable()]).await;
        let line = first_line(sh.stdout).await;
        let (parent, grandchild) = line.split_once(' ').unwrap();
        let strays = [Other::new(parent), Other::new(grandchild)];
        sh.child.kill();
        ended(sh.child).await;
        assert!(strays.iter().all(Other::runs));

        let mut expected: Vec<u32> = [parent, grandchild].map(|pid| pid.parse().unwrap()).into();
        expected.sort_unstable();
        assert_eq!(soon("a sweep", sweep(mark.clone())).await, expected);
        for stray in strays {
            stray.ended().await;
        }
        assert_eq!(soon("a sweep", sweep(mark)).await, NOBODY);
    }

    #[tokio::test]
    async fn whoever_only_speaks_of_a_mark_or_bears_another_one_is_left_alone() {
        let mark = Mark::new("camera", 1);
        let line = mark.line().into_string().unwrap();
        let others = [
            vec![("SPEAKS_OF_IT".into(), mark.line())],
            vec![("SPEAKS_OF_IT".into(), format!("x\n{line}\ny").into())],
            vec![(
                format!("NOT_{line}").split_once('=').unwrap().0.into(),
                mark.variable().1,
            )],
            vec![Mark::new("camera", 10).variable()],
            vec![Mark::new("camera", 2).variable()],
            vec![Mark::new("camera2", 1).variable()],
        ];
        let mut running = Vec::new();
        for environment in others {
            running.push(start_with(sh("sleep 1000"), Stdin::Null, environment).await);
        }
        let marked = start_with(sh("sleep 1000"), Stdin::Null, vec![mark.variable()]).await;
        assert!(
            soon("a sweep", sweep(mark))
                .await
                .contains(&marked.child.id())
        );
        for spared in running {
            assert!(Other::new(&spared.child.id().to_string()).runs());
        }
    }

    #[tokio::test]
    async fn many_who_ask_at_once_are_all_served() {
        let mut asked = tokio::task::JoinSet::new();
        let mut running = Vec::new();
        for generation in 0..20 {
            let mark = Mark::new("many", generation);
            let sleep = start_with(sh("exec sleep 1000"), Stdin::Null, vec![mark.variable()]).await;
            let pid = sleep.child.id();
            running.push(sleep);
            asked.spawn(async move { (pid, sweep(mark).await) });
        }
        while let Some(answer) = soon("an answer", asked.join_next()).await {
            let (pid, killed) = answer.unwrap();
            assert_eq!(killed, [pid]);
        }
    }
}
