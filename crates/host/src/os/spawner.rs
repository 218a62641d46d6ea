//! The one thread that starts processes.
//!
//! A worker's parent-death signal follows the *thread* that started it, so that thread must live as
//! long as the host. It also keeps the wait for `exec` off the runtime's threads.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use greenroom_supervision::SpawnFailure;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit};
use tokio::sync::{mpsc, oneshot};

use super::child::Child;
use super::exec::Exec;
use super::oom::out_of_memory_since_last_look;
use super::{guard, own, refused};
use crate::command::ResolvedCommand;

/// Says to a worker that it is one.
const WORKER_ENV: &str = "GREENROOM_WORKER";

/// Orders that may wait for the thread; more wait in front of the queue.
const QUEUE: usize = 64;

/// A process to be started.
pub(crate) struct Order {
    pub(crate) command: Arc<ResolvedCommand>,
    pub(crate) stdin: Stdin,
    /// Variables that are added to the command's, or take the place of its own.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// What a process finds as its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// The socket of a worker, which watches it and ends with its host.
    ControlSocket,
    /// A pipe. The process is a daemon, which does not watch its host: the guard does.
    Pipe,
    /// `/dev/null`; a daemon too.
    Null,
}

/// A process that runs.
pub(crate) struct Spawned {
    pub(crate) child: Child,
    /// Our end of its socket or pipe, which does not block; none for [`Stdin::Null`].
    pub(crate) stdin: Option<OwnedFd>,
    /// What it prints. These pipes block until they are told not to.
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// What could not be set on the running process; it lives without.
    pub(crate) shortcomings: Vec<SpawnFailure>,
}

struct Request {
    order: Order,
    reply: oneshot::Sender<Result<Spawned, SpawnFailure>>,
}

/// Starts a process.
///
/// Cancel-safe: a process whose order nobody waits for any more is ended as soon as it exists.
pub(crate) async fn spawn(order: Order) -> Result<Spawned, SpawnFailure> {
    let lost = || SpawnFailure {
        step: "ask the spawner thread".into(),
        errno: None,
        message: "it is gone".into(),
        permanent: true,
    };
    let (reply, answer) = oneshot::channel();
    orders()?
        .send(Request { order, reply })
        .await
        .map_err(|_| lost())?;
    answer.await.map_err(|_| lost())?
}

fn orders() -> Result<&'static mpsc::Sender<Request>, SpawnFailure> {
    static ORDERS: OnceLock<Result<mpsc::Sender<Request>, SpawnFailure>> = OnceLock::new();
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

fn serve(mut queue: mpsc::Receiver<Request>) {
    // If this thread ended, the parent-death signal would reach every worker: better that the host
    // dies visibly than that its workers do silently.
    let end_of_thread = AbortOnDrop;
    // The first look only sets what later ones compare with.
    out_of_memory_since_last_look();
    while let Some(Request { order, reply }) = queue.blocking_recv() {
        if !reply.is_closed() {
            // If nobody waits any more, the process ends where it is dropped.
            let _ = reply.send(start(&order));
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

fn start(order: &Order) -> Result<Spawned, SpawnFailure> {
    let guarded = order.stdin != Stdin::ControlSocket;
    if guarded {
        guard::prepare();
    }
    let (stdin, its_stdin) =
        standard_input(order.stdin).map_err(|error| refused("make its standard input", &error))?;
    let pipe =
        || pipe_with(PipeFlags::CLOEXEC).map_err(|error| refused("make a pipe", &error.into()));
    let (stdout, its_stdout) = pipe()?;
    let (stderr, its_stderr) = pipe()?;
    // Its ends are closed here when this returns: while we hold them, the streams never end.
    let stdio = [its_stdin, its_stdout, its_stderr];
    let command = &*order.command;
    let pid = own::start(|| run(order, stdio))
        .map_err(|error| refused(format!("run {}", command.program.display()), &error))?;

    let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            // Nothing can watch it, so it must not live. After SIGKILL the wait is short.
            own::kill(pid);
            return Err(refused("open a pidfd", &error.into()));
        }
    };
    let mut child = Child::new(pid, pidfd);
    if guarded {
        // Should the host be killed between the start and this line, some microseconds, the guard
        // still finds what bears a mark.
        guard::add(child.group());
        child.guarded = true;
    }
    Ok(Spawned {
        child,
        stdin,
        stdout,
        stderr,
        shortcomings: adjust(command, pid),
    })
}

/// Our end, which does not block, and the process's.
fn standard_input(kind: Stdin) -> io::Result<(Option<OwnedFd>, OwnedFd)> {
    match kind {
        Stdin::ControlSocket => {
            let (ours, its) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            Ok((Some(ours.into()), its.into()))
        }
        Stdin::Pipe => {
            let (its, ours) = pipe_with(PipeFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(&ours, true)?;
            Ok((Some(ours), its))
        }
        Stdin::Null => Ok((None, fs::File::open("/dev/null")?.into())),
    }
}

fn run(order: &Order, stdio: [OwnedFd; 3]) -> io::Result<Pid> {
    let command = &*order.command;
    let host = std::process::id().to_string();
    let for_workers = [
        (OsStr::new(WORKER_ENV), OsStr::new("1")),
        (OsStr::new("GREENROOM_HOST_PID"), OsStr::new(&host)),
    ];
    let is_worker = order.stdin == Stdin::ControlSocket;
    let ours = for_workers.into_iter().filter(|_| is_worker);
    let mut environment: Vec<(&OsStr, &OsStr)> = Vec::new();
    let added = borrowed(&order.environment);
    for (name, value) in borrowed(&command.environment).chain(added).chain(ours) {
        environment.retain(|(present, _)| *present != name);
        environment.push((name, value));
    }
    Exec {
        program: &command.program,
        arguments: command.arguments.iter().map(OsString::as_os_str).collect(),
        environment,
        directory: command.directory.as_deref(),
        stdio,
    }
    .run()
}

fn borrowed(variables: &[(OsString, OsString)]) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    variables
        .iter()
        .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
}

/// Sets from outside what would otherwise need code between fork and exec.
fn adjust(command: &ResolvedCommand, pid: Pid) -> Vec<SpawnFailure> {
    let mut shortcomings = Vec::new();
    if let Some(bytes) = command.hard_memory_limit {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        if let Err(error) = rustix::process::prlimit(Some(pid), Resource::Data, limit) {
            shortcomings.push(refused("set hard_memory_limit", &error.into()));
        }
    }
    if let Some(nice) = command.nice
        && let Err(error) = rustix::process::setpriority_process(Some(pid), nice)
    {
        shortcomings.push(refused("set nice", &error.into()));
    }
    if let Some(score) = command.oom_score_adj {
        let file = format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero());
        if let Err(error) = fs::write(&file, score.to_string()) {
            shortcomings.push(refused("set oom_score_adj", &error));
        }
    }
    shortcomings
}

#[cfg(test)]
mod tests;
