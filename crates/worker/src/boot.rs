//! The first moments of a worker process: is there a host, and where is its socket?

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::signal::SigSet;
use rustix::fs::{FileType, fstat, stat};
use rustix::process::{Pid, getppid};

/// Set to `1` by a host, so that a worker knows that it was not started by hand.
const WORKER: &str = "GREENROOM_WORKER";
/// The host's process number, as its workers see it.
const HOST_PID: &str = "GREENROOM_HOST_PID";

/// Who started this process, and the way to speak to it.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) socket: UnixStream,
    pub(crate) pid: Option<Pid>,
}

/// Why this process cannot be a worker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoHost {
    #[error(
        "{program} is a Greenroom worker: it is started by a host, which sends it jobs over a socket.\n\
         Started by hand it has nothing to do ({why}).\n\
         To run it, give it inputs: greenroom map --worker {path} INPUT…,\n\
         or its path to a host: Pool::builder(Worker::command(\"{path}\"))."
    )]
    ByHand {
        program: String,
        path: String,
        why: &'static str,
    },
    /// The host died before this program began, or is not the one that started it.
    #[error(
        "{program} was to work for the host with process number {host}, but its parent is {parent}: \
         the host is gone, or something stands between the two"
    )]
    HostGone {
        program: String,
        host: i32,
        parent: i32,
    },
    #[error("cannot become a worker: {step}: {error}")]
    System {
        step: &'static str,
        error: io::Error,
    },
}

/// Takes the control socket from standard input and puts `/dev/null` there.
///
/// A grandchild that inherited the socket would keep the host from seeing this worker's end; and
/// the copy closes on exec. What is left in the environment is harmless: a grandchild that is a
/// worker too finds no socket at its standard input, says so and exits.
pub(crate) fn find_host() -> Result<Host, NoHost> {
    let by_hand = |why| NoHost::ByHand {
        program: program_name(),
        path: program_path().display().to_string(),
        why,
    };
    let system = |step| {
        move |error: rustix::io::Errno| NoHost::System {
            step,
            error: error.into(),
        }
    };
    if std::env::var_os(WORKER).is_none_or(|value| value != "1") {
        return Err(by_hand("GREENROOM_WORKER is not set to 1"));
    }
    let stdin = rustix::stdio::stdin();
    if !stdin_is_a_socket() {
        return Err(by_hand("its standard input is not a socket"));
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(stdin, FIRST_FREE)
        .map_err(system("moving the control socket off standard input"))?;
    let null = File::open("/dev/null").map_err(|error| NoHost::System {
        step: "opening /dev/null",
        error,
    })?;
    rustix::stdio::dup2_stdin(&null).map_err(system("putting /dev/null at standard input"))?;
    // A host may block signals in the thread that spawns; the mask is inherited.
    SigSet::empty()
        .thread_set_mask()
        .map_err(|error| NoHost::System {
            step: "resetting the signal mask",
            error: error.into(),
        })?;
    let (host, parent) = (host_pid(), getppid());
    if host.is_some() && host != parent {
        return Err(NoHost::HostGone {
            program: program_name(),
            host: Pid::as_raw(host),
            parent: Pid::as_raw(parent),
        });
    }
    Ok(Host {
        socket: socket.into(),
        pid: host,
    })
}

/// Above the three standard streams, whichever of them are open.
const FIRST_FREE: i32 = 3;

/// Who must be our parent as long as the host lives.
fn host_pid() -> Option<Pid> {
    match std::env::var(HOST_PID) {
        Ok(number) => Pid::from_raw(number.parse().ok()?),
        Err(_) => getppid(),
    }
}

/// Whether a host has started this process, for a program that is host and worker at once:
///
/// ```no_run
/// # fn be_the_host() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
/// fn main() -> std::process::ExitCode {
///     if worker::started_by_host() {
///         return worker::run(async |job: worker::JobContext| job.input().clone());
///     }
///     be_the_host()
/// }
/// ```
pub fn started_by_host() -> bool {
    std::env::var_os(WORKER).is_some_and(|value| value == "1") && stdin_is_a_socket()
}

fn stdin_is_a_socket() -> bool {
    let about = fstat(rustix::stdio::stdin());
    about.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
}

/// The executable's file name.
pub(crate) fn program_name() -> String {
    let path = program_path();
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Which file the program was started from: inode, size and modification time. One system call, where
/// a digest would read megabytes at every start; a file that was replaced or written over is another
/// in any case. Its path does not help: by now it may lead to another file.
pub(crate) fn program_file() -> String {
    match stat("/proc/self/exe") {
        Ok(file) => format!(
            "{:x}-{:x}-{:x}.{:x}",
            file.st_ino, file.st_size, file.st_mtime, file.st_mtime_nsec
        ),
        Err(_) => String::new(),
    }
}

fn program_path() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "this-program".into())
}
