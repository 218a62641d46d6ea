//! The one thread that measures processes.
//!
//! It sleeps until somebody asks, and answers everybody who has asked meanwhile with one look at
//! the system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio::sync::oneshot;

use super::proc;

/// What a process group uses. All 0 if nothing runs in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupUsage {
    /// Its processes, without zombies.
    pub(crate) processes: usize,
    /// Resident bytes. What processes share counts for each of them.
    pub(crate) memory: u64,
    /// The processor time of those that run now, since each was started.
    pub(crate) cpu_time: Duration,
}

enum Request {
    /// One process, and where its resident bytes go; 0 if it is gone.
    Memory {
        pid: u32,
        reply: Box<dyn FnOnce(u64) + Send>,
    },
    Usage {
        groups: Vec<u32>,
        reply: oneshot::Sender<Vec<GroupUsage>>,
    },
}

/// Measures the resident memory of `pid`. `reply` runs on the measuring thread: it must be quick.
///
/// If the thread cannot be started, `reply` is never called: what cannot be measured cannot be
/// limited, and a warning says so once.
pub(crate) fn sample(pid: u32, reply: impl FnOnce(u64) + Send + 'static) {
    let reply = Box::new(reply);
    ask(Request::Memory { pid, reply });
}

/// Measures whole process groups, given by number; the answer is in the same order. All 0 if the
/// measuring thread cannot be started.
///
/// Cancel-safe.
pub(crate) async fn usage(groups: Vec<u32>) -> Vec<GroupUsage> {
    let (reply, answer) = oneshot::channel();
    let nothing = vec![GroupUsage::default(); groups.len()];
    ask(Request::Usage { groups, reply });
    answer.await.unwrap_or(nothing)
}

fn ask(request: Request) {
    // Unbounded, but each process has at most one request in it: its next is due after the answer
    // or seconds later. Usage is asked for by people, who wait for the answer.
    static REQUESTS: OnceLock<Option<Sender<Request>>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let (requests, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("greenroom-memory".into())
            .spawn(move || serve(&queue));
        match thread {
            Ok(_) => Some(requests),
            Err(error) => {
                tracing::warn!(%error, "memory is not measured");
                None
            }
        }
    });
    if let Some(requests) = requests {
        // The thread ends only with the host.
        let _ = requests.send(request);
    }
}

fn serve(queue: &Receiver<Request>) {
    while let Ok(first) = queue.recv() {
        if let Err(error) = answer(std::iter::once(first).chain(queue.try_iter()).collect()) {
            tracing::warn!(%error, "memory is not measured");
        }
    }
}

/// Answers all of them with one look at the system.
fn answer(requests: Vec<Request>) -> Result<(), sysinfo::Error> {
    let members = members(&requests);
    let singles = requests.iter().filter_map(|request| match request {
        Request::Memory { pid, .. } => Some(Pid::from_u32(*pid)),
        Request::Usage { .. } => None,
    });
    // A process that sysinfo is asked about twice is taken for a dead one the second time.
    let pids: BTreeSet<Pid> = singles.chain(members.values().flatten().copied()).collect();
    let pids: Vec<Pid> = pids.into_iter().collect();
    // With tasks, each thread would be a row that shows the whole process again.
    let mut wanted = ProcessRefreshKind::nothing().with_memory().without_tasks();
    if !members.is_empty() {
        wanted = wanted.with_cpu();
    }
    // Anew each time: it never forgets a process that it was not asked about again.
    let mut system = System::new()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, wanted);
    for request in requests {
        match request {
            Request::Memory { pid, reply } => {
                let process = system.process(Pid::from_u32(pid));
                reply(process.map_or(0, Process::memory));
            }
            Request::Usage { groups, reply } => {
                let groups = groups.iter().map(|group| {
                    let members = members.get(group).into_iter().flatten();
                    total(members.filter_map(|pid| system.process(*pid)))
                });
                // Whoever has stopped waiting does not want to know.
                let _ = reply.send(groups.collect());
            }
        }
    }
    Ok(())
}

/// The processes of every group that is asked for.
fn members(requests: &[Request]) -> BTreeMap<u32, Vec<Pid>> {
    let mut members: BTreeMap<u32, Vec<Pid>> = requests
        .iter()
        .filter_map(|request| match request {
            Request::Usage { groups, .. } => Some(groups),
            Request::Memory { .. } => None,
        })
        .flatten()
        .map(|group| (*group, Vec::new()))
        .collect();
    if members.is_empty() {
        return members;
    }
    // Without /proc nothing can be measured, which shows as 0.
    for pid in proc::processes().unwrap_or_default() {
        if let Some(group) = proc::group_of(pid)
            && let Some(members) = members.get_mut(&group.unsigned_abs())
        {
            members.push(Pid::from_u32(pid.as_raw_pid().unsigned_abs()));
        }
    }
    members
}

fn total<'a>(processes: impl Iterator<Item = &'a Process>) -> GroupUsage {
    processes
        .filter(|process| process.status() != ProcessStatus::Zombie)
        .fold(GroupUsage::default(), |total, process| GroupUsage {
            processes: total.processes + 1,
            memory: total.memory + process.memory(),
            cpu_time: total.cpu_time + Duration::from_millis(process.accumulated_cpu_time()),
        })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_process_that_two_ask_about_at_once_is_measured_for_both() {
        let own = std::process::id();
        let group = u32::try_from(nix::unistd::getpgrp().as_raw()).unwrap();
        let (memory, singly) = channel();
        let (reply, mut in_its_group) = oneshot::channel();
        let reply_memory = Box::new(move |bytes| memory.send(bytes).unwrap());
        let memory = Request::Memory {
            pid: own,
            reply: reply_memory,
        };
        let groups = vec![group];
        answer(vec![memory, Request::Usage { groups, reply }]).unwrap();
        let measured = singly.recv().unwrap();
        assert!(measured > 0);
        assert!(in_its_group.try_recv().unwrap()[0].memory >= measured);
    }

    #[tokio::test]
    async fn the_usage_of_a_group_is_that_of_all_its_processes() {
        // One that has worked for a while, with a child that only sleeps.
        let script = "sleep 1000 & i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo; wait";
        let sh = start(sh(script)).await;
        let id = sh.child.id();
        first_line(sh.stdout).await;
        let none = u32::MAX >> 1;
        let measured = soon("an answer", usage(vec![none, id, id])).await;
        assert_eq!(measured[0], GroupUsage::default());
        assert_eq!(measured[1], measured[2]);
        assert_eq!(measured[1].processes, 2);
        assert!(measured[1].memory > 100 << 10, "{measured:?}");
        assert!(
            measured[1].cpu_time > Duration::from_millis(10),
            "{measured:?}"
        );

        sh.child.kill();
        let exited = std::future::poll_fn(|context| sh.child.poll_exited(context));
        soon("the exit", exited).await;
        let group = sh.child.group();
        assert_eq!(
            super::super::extinct(group, Duration::from_secs(20)).await,
            NOBODY
        );
        // The leader is a zombie.
        assert_eq!(
            soon("an answer", usage(vec![id])).await,
            [GroupUsage::default()]
        );
    }
}
