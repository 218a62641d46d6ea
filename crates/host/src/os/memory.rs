//! The one thread that measures memory.
//!
//! It sleeps until somebody asks, and answers everybody who has asked meanwhile with one look at
//! the system.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// One process to measure, and where its resident bytes go; 0 if it is gone.
struct Request {
    pid: u32,
    reply: Box<dyn FnOnce(u64) + Send>,
}

/// Measures the resident memory of `pid`. `reply` runs on the measuring thread: it must be quick.
///
/// If the thread cannot be started, `reply` is never called: what cannot be measured cannot be
/// limited, and a warning says so once.
pub(crate) fn sample(pid: u32, reply: impl FnOnce(u64) + Send + 'static) {
    // Unbounded, but each process has at most one request in it: its next is due after the answer
    // or seconds later.
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
        let reply = Box::new(reply);
        // The thread ends only with the host.
        let _ = requests.send(Request { pid, reply });
    }
}

fn serve(queue: &Receiver<Request>) {
    while let Ok(first) = queue.recv() {
        let requests: Vec<Request> = std::iter::once(first).chain(queue.try_iter()).collect();
        let pids: Vec<Pid> = requests
            .iter()
            .map(|request| Pid::from_u32(request.pid))
            .collect();
        // With tasks, each thread would be a row that shows the whole process again.
        let memory = ProcessRefreshKind::nothing().with_memory().without_tasks();
        // Anew each time: it never forgets a process that it was not asked about again.
        let mut system = match System::new() {
            Ok(system) => system,
            Err(error) => {
                tracing::warn!(%error, "memory is not measured");
                return;
            }
        };
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, memory);
        for (request, pid) in requests.into_iter().zip(pids) {
            let rss = system.process(pid).map_or(0, sysinfo::Process::memory);
            (request.reply)(rss);
        }
    }
}
