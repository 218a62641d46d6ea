//! How a worker is started: a command, and what it is told in its handshake.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::command::{Command, CommandError, ResolvedCommand};

/// The user's arguments travel in the handshake, whose frames hold 64 KiB.
const MAX_USER_ARGUMENTS: usize = 60 << 10;
/// So does the log filter; the rest is small.
const MAX_LOG_FILTER: usize = 2 << 10;

/// How to start a worker: a program that links the `worker` crate, or speaks its protocol.
///
/// A worker gets a clean environment: `PATH`, `HOME`, `LANG`, `TZ` and `TMPDIR` of the host if they
/// are set, and what is added here. Arguments and environment never appear in logs or reports.
///
/// ```
/// use greenroom::Worker;
/// let worker = Worker::command("/usr/lib/my-host/resize")
///     .arg("--quality=80")
///     .env("RUST_BACKTRACE", "1");
/// ```
#[derive(Clone)]
pub struct Worker {
    command: Command,
    pub(crate) user_arguments: Bytes,
    pub(crate) log_filter: String,
}

impl Worker {
    /// A program, as a path or as a name that is looked up in the host's `PATH` once, when a pool
    /// or process is made.
    pub fn command(program: impl AsRef<Path>) -> Self {
        Command::new(program).into()
    }

    /// The program that is running right now, started again: one executable is host and worker. Its
    /// `main` asks `worker::started_by_host()` which of the two it is.
    ///
    /// Fails if the system does not tell where it is.
    pub fn this_program() -> io::Result<Self> {
        Ok(Self::command(env::current_exe()?))
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.with(|command| command.arg(argument))
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.with(|command| command.args(arguments))
    }

    /// Sets a variable of the worker's environment.
    #[must_use]
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.with(|command| command.env(name, value))
    }

    /// Hands down a variable of the host's environment, if it is set.
    #[must_use]
    pub fn inherit_env(self, name: impl AsRef<OsStr>) -> Self {
        self.with(|command| command.inherit_env(name))
    }

    /// The directory it starts in. Default: the host's.
    #[must_use]
    pub fn current_dir(self, directory: impl AsRef<Path>) -> Self {
        self.with(|command| command.current_dir(directory))
    }

    /// Bytes for its `initialize`, at most about 60 KiB. Default: none.
    #[must_use]
    pub fn user_arguments(mut self, arguments: impl Into<Bytes>) -> Self {
        self.user_arguments = arguments.into();
        self
    }

    /// Which of its log records it sends, for example `warn,my_crate=debug`, at most 2 KiB. Default:
    /// `info`.
    #[must_use]
    pub fn log_filter(mut self, filter: impl Into<String>) -> Self {
        self.log_filter = filter.into();
        self
    }

    /// Bytes of private memory that the system grants it (`RLIMIT_DATA`): more is refused, and most
    /// programs abort. A backstop behind `memory_limit`, which is measured. Default: none.
    #[must_use]
    pub fn hard_memory_limit(self, bytes: u64) -> Self {
        self.with(|command| command.hard_memory_limit(bytes))
    }

    /// Its priority, from -20 (which needs privileges) to 19. Default: the host's.
    #[must_use]
    pub fn nice(self, nice: i32) -> Self {
        self.with(|command| command.nice(nice))
    }

    /// How much rather than others it is to die when memory runs out, from -1000 to 1000; `None`
    /// leaves the host's value. Default: 300, so that a job dies before its host.
    #[must_use]
    pub fn oom_score_adj(self, score: impl Into<Option<i32>>) -> Self {
        self.with(|command| command.oom_score_adj(score))
    }

    fn with(mut self, change: impl FnOnce(Command) -> Command) -> Self {
        self.command = change(self.command);
        self
    }

    /// Looks the program up and checks that it can be run, and that the rest fits in a handshake.
    pub(crate) fn resolve(&self) -> Result<ResolvedCommand, WorkerError> {
        let command = self.command.resolve()?;
        if self.user_arguments.len() > MAX_USER_ARGUMENTS {
            return Err(WorkerError::UserArgumentsTooLarge {
                size: self.user_arguments.len(),
                limit: MAX_USER_ARGUMENTS,
            });
        }
        if self.log_filter.len() > MAX_LOG_FILTER {
            return Err(WorkerError::LogFilterTooLarge {
                size: self.log_filter.len(),
                limit: MAX_LOG_FILTER,
            });
        }
        Ok(command)
    }
}

impl From<Command> for Worker {
    fn from(command: Command) -> Self {
        Self {
            command,
            user_arguments: Bytes::new(),
            log_filter: "info".into(),
        }
    }
}

/// Without arguments and environment: they may hold secrets.
impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// A worker cannot be used as it is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// Its program, its directory or its environment cannot be used.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The user's arguments do not fit in the handshake.
    #[error("user_arguments has {size} bytes, the limit is {limit}: send a path instead")]
    UserArgumentsTooLarge {
        /// Their bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The log filter does not fit in the handshake.
    #[error("log_filter has {size} bytes, the limit is {limit}: name fewer targets")]
    LogFilterTooLarge {
        /// Its bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
}
