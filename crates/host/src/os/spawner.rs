//! The one thread that starts processes.
//!
//! A worker's parent-death signal follows the *thread* that started it, so that thread must live as
//! long as the host. It also keeps the wait for `exec` off the runtime's threads.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use greenroom_supervision::SpawnFailure;
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit};
use tokio::sync::{mpsc, oneshot};

use super::child::{Child, out_of_memory_since_last_look};
use super::refused;
use crate::command::{ResolvedWorker, WORKER_ENV};

/// Orders that may wait for the thread; more wait in front of the queue.
const QUEUE: usize = 64;

/// A process that runs.
pub(crate) struct Spawned {
    pub(crate) child: Child,
    pub(crate) socket: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// What could not be set on the running process; it lives without.
    pub(crate) shortcomings: Vec<SpawnFailure>,
}

struct Order {
    worker: Arc<ResolvedWorker>,
    reply: oneshot::Sender<Result<Spawned, SpawnFailure>>,
}

/// Starts a worker.
///
/// Cancel-safe: a process whose order nobody waits for any more is ended as soon as it exists.
pub(crate) async fn spawn(worker: Arc<ResolvedWorker>) -> Result<Spawned, SpawnFailure> {
    let lost = || SpawnFailure {
        step: "ask the spawner thread".into(),
        errno: None,
        message: "it is gone".into(),
        permanent: true,
    };
    let (reply, answer) = oneshot::channel();
    orders()?
        .send(Order { worker, reply })
        .await
        .map_err(|_| lost())?;
    answer.await.map_err(|_| lost())?
}

fn orders() -> Result<&'static mpsc::Sender<Order>, SpawnFailure> {
    static ORDERS: OnceLock<Result<mpsc::Sender<Order>, SpawnFailure>> = OnceLock::new();
    ORDERS
        .get_or_init(|| {
            let (orders, queue) = mpsc::channel(QUEUE);
            std::thread::Builder::new()
                .name("greenroom-spawn".into())
                .spawn(move || serve(queue))
                .map_err(|error| refused("start the spawner thread", &error))?;
            Ok(orders)
        })
        .as_ref()
        .map_err(Clone::clone)
}

fn serve(mut queue: mpsc::Receiver<Order>) {
    // If this thread ended, the parent-death signal would reach every worker: better that the host
    // dies visibly than that its workers do silently.
    let end_of_thread = AbortOnDrop;
    // A Ctrl-Z that stopped the child between fork and exec would stop this thread with it.
    let mut terminal_stop = SigSet::empty();
    terminal_stop.add(Signal::SIGTSTP);
    if let Err(error) = terminal_stop.thread_block() {
        tracing::warn!(%error, "SIGTSTP stays unblocked in the spawner thread");
    }
    // The first look only sets what later ones compare with.
    out_of_memory_since_last_look();
    while let Some(Order { worker, reply }) = queue.blocking_recv() {
        if !reply.is_closed() {
            // If nobody waits any more, the process ends where it is dropped.
            let _ = reply.send(start(&worker));
        }
    }
    std::mem::forget(end_of_thread);
}

struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}

fn start(worker: &ResolvedWorker) -> Result<Spawned, SpawnFailure> {
    let (socket, workers_end) =
        UnixStream::pair().map_err(|error| refused("make a socket pair", &error))?;
    socket
        .set_nonblocking(true)
        .map_err(|error| refused("make the socket non-blocking", &error))?;

    let mut command = command(worker);
    command.stdin(Stdio::from(OwnedFd::from(workers_end)));
    let spawned = command.spawn();
    // It holds the worker's end of the socket: while it lives, the end of the stream never comes.
    drop(command);
    let mut process =
        spawned.map_err(|error| refused(format!("run {}", worker.program.display()), &error))?;

    let pid = Pid::from_child(&process);
    let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            // Nothing can watch it, so it must not live. After SIGKILL the wait is short.
            let _ = process.kill();
            let _ = process.wait();
            return Err(refused("open a pidfd", &error.into()));
        }
    };
    let child = Child::new(pid, pidfd);
    let missing = || SpawnFailure {
        step: "take the output pipes".into(),
        errno: None,
        message: "the standard library gave none".into(),
        permanent: true,
    };
    let stdout = process.stdout.take().ok_or_else(missing)?.into();
    let stderr = process.stderr.take().ok_or_else(missing)?.into();
    Ok(Spawned {
        child,
        socket: socket.into(),
        stdout,
        stderr,
        shortcomings: adjust(worker, pid),
    })
}

/// Everything here keeps the standard library on `posix_spawn`, whose cost does not grow with the
/// host's memory: an absolute path, no `pre_exec`, no user or group.
fn command(worker: &ResolvedWorker) -> Command {
    let mut command = Command::new(&worker.program);
    command
        .args(&worker.arguments)
        .env_clear()
        .envs(worker.environment.iter().map(|(name, value)| (name, value)))
        .env(WORKER_ENV, "1")
        .env("GREENROOM_HOST_PID", std::process::id().to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(directory) = &worker.directory {
        command.current_dir(directory);
    }
    command
}

/// Sets from outside what would otherwise need code between fork and exec.
fn adjust(worker: &ResolvedWorker, pid: Pid) -> Vec<SpawnFailure> {
    let mut shortcomings = Vec::new();
    if let Some(bytes) = worker.hard_memory_limit {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        if let Err(error) = rustix::process::prlimit(Some(pid), Resource::Data, limit) {
            shortcomings.push(refused("set hard_memory_limit", &error.into()));
        }
    }
    if let Some(nice) = worker.nice
        && let Err(error) = rustix::process::setpriority_process(Some(pid), nice)
    {
        shortcomings.push(refused("set nice", &error.into()));
    }
    if let Some(score) = worker.oom_score_adj {
        let file = format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero());
        if let Err(error) = fs::write(&file, score.to_string()) {
            shortcomings.push(refused("set oom_score_adj", &error));
        }
    }
    shortcomings
}
