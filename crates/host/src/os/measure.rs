//! What processes use: a worker's memory at a glance, whole groups on a thread of their own.
//!
//! The thread sleeps until somebody asks, and answers everybody who has asked meanwhile with one
//! look at the system.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
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

struct Request {
    groups: Vec<u32>,
    reply: oneshot::Sender<Vec<GroupUsage>>,
}

/// The resident bytes of one process; 0 if it is gone or cannot be looked at.
///
/// One small file, which the system writes without waiting for the process: the two microseconds
/// are less than asking a thread would cost.
pub(crate) fn resident(pid: u32) -> u64 {
    // Two numbers of at most 20 digits.
    let mut text = [0; 64];
    let statm = File::open(format!("/proc/{pid}/statm")).and_then(|mut file| file.read(&mut text));
    let length = statm.unwrap_or(0);
    let pages = std::str::from_utf8(&text[..length])
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Measures whole process groups, given by number; the answer is in the same order. All 0 if the
/// measuring thread cannot be started.
///
/// Cancel-safe.
pub(crate) async fn usage(groups: Vec<u32>) -> Vec<GroupUsage> {
    let (reply, answer) = oneshot::channel();
    let nothing = vec![GroupUsage::default(); groups.len()];
    ask(Request { groups, reply });
    answer.await.unwrap_or(nothing)
}

fn ask(request: Request) {
    // Unbounded, but usage is asked for by people, who wait for the answer, and by units with a
    // bound, each of which has one request in it.
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
    // Each once: one that sysinfo is asked about twice is taken for dead the second time.
    let pids: Vec<Pid> = members.values().flatten().copied().collect();
    // With tasks, each thread would be a row that shows the whole process again.
    let wanted = ProcessRefreshKind::nothing()
        .with_memory()
        .with_cpu()
        .without_tasks();
    // Anew each time: it never forgets a process that it was not asked about again.
    let mut system = System::new()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, wanted);
    for Request { groups, reply } in requests {
        let groups = groups.iter().map(|group| {
            let members = members.get(group).into_iter().flatten();
            total(members.filter_map(|pid| system.process(*pid)))
        });
        // Whoever has stopped waiting does not want to know.
        let _ = reply.send(groups.collect());
    }
    Ok(())
}

/// The processes of every group that is asked for.
fn members(requests: &[Request]) -> BTreeMap<u32, Vec<Pid>> {
    let mut members: BTreeMap<u32, Vec<Pid>> = requests
        .iter()
        .flat_map(|request| &request.groups)
        .map(|group| (*group, Vec::new()))
        .collect();
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

    #[tokio::test]
    async fn the_memory_of_a_process_is_measured_while_it_is_there() {
        // More than one command: a shell that becomes its last one has no memory for a moment.
        let sh = start(sh("echo; sleep 1000; :")).await;
        let id = sh.child.id();
        first_line(sh.stdout).await;
        assert!(resident(id) > 100 << 10, "{}", resident(id));
        sh.child.kill();
        let exited = std::future::poll_fn(|context| sh.child.poll_exited(context));
        soon("the exit", exited).await;
        assert_eq!(resident(id), 0, "a zombie");
        drop(sh.child);
        assert_eq!(resident(u32::MAX >> 1), 0);
    }

    #[tokio::test]
    async fn a_group_that_two_ask_about_at_once_is_measured_for_both() {
        let group = u32::try_from(nix::unistd::getpgrp().as_raw()).unwrap();
        let (to_one, mut one) = oneshot::channel();
        let (to_other, mut other) = oneshot::channel();
        let asks = |reply| Request {
            groups: vec![group],
            reply,
        };
        answer(vec![asks(to_one), asks(to_other)]).unwrap();
        let measured = one.try_recv().unwrap();
        assert!(measured[0].memory > 0, "{measured:?}");
        assert_eq!(measured, other.try_recv().unwrap());
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
