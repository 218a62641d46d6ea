//! How a worker is started: its program, arguments and surroundings.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Says to a worker that it is one.
pub(crate) const WORKER_ENV: &str = "GREENROOM_WORKER";

/// What a worker sees of the host's environment unless told otherwise.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

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
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    pub(crate) user_arguments: Bytes,
    pub(crate) log_filter: String,
    hard_memory_limit: Option<u64>,
    nice: Option<i32>,
    oom_score_adj: Option<i32>,
}

impl Worker {
    /// A program, as a path or as a name that is looked up in the host's `PATH` once, when a pool
    /// or process is made.
    pub fn command(program: impl AsRef<Path>) -> Self {
        let inherited = |name: &&str| env::var_os(name).map(|value| (OsString::from(name), value));
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: INHERITED.iter().filter_map(inherited).collect(),
            directory: None,
            user_arguments: Bytes::new(),
            log_filter: "info".into(),
            hard_memory_limit: None,
            nice: None,
            oom_score_adj: Some(300),
        }
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
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the worker's environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref().to_owned();
        self.environment.retain(|(present, _)| *present != name);
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    /// Hands down a variable of the host's environment, if it is set.
    #[must_use]
    pub fn inherit_env(self, name: impl AsRef<OsStr>) -> Self {
        match env::var_os(name.as_ref()) {
            Some(value) => self.env(name, value),
            None => self,
        }
    }

    /// The directory it starts in. Default: the host's.
    #[must_use]
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
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
    pub fn hard_memory_limit(mut self, bytes: u64) -> Self {
        self.hard_memory_limit = Some(bytes);
        self
    }

    /// Its priority, from -20 (which needs privileges) to 19. Default: the host's.
    #[must_use]
    pub fn nice(mut self, nice: i32) -> Self {
        self.nice = Some(nice);
        self
    }

    /// How much rather than others it is to die when memory runs out, from -1000 to 1000; `None`
    /// leaves the host's value. Default: 300, so that a job dies before its host.
    #[must_use]
    pub fn oom_score_adj(mut self, score: impl Into<Option<i32>>) -> Self {
        self.oom_score_adj = score.into();
        self
    }

    /// What the system could not hand over. Values are not repeated: they may be secrets.
    fn unusable_text(&self) -> Option<String> {
        let has_nul = |text: &OsStr| text.as_encoded_bytes().contains(&0);
        if let Some(at) = self.arguments.iter().position(|text| has_nul(text)) {
            return Some(format!("its argument number {} holds a NUL", at + 1));
        }
        self.environment.iter().find_map(|(name, value)| {
            if name.is_empty() || name.as_encoded_bytes().contains(&b'=') || has_nul(name) {
                return Some(format!("an environment variable cannot be named {name:?}"));
            }
            has_nul(value).then(|| format!("the environment variable {name:?} holds a NUL"))
        })
    }

    /// Looks the program up and checks that it can be run.
    pub(crate) fn resolve(&self) -> Result<ResolvedWorker, WorkerError> {
        let program = find(&self.program)?;
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
        // The system would say the same of a program that does not exist.
        if let Some(path) = self.directory.as_ref().filter(|path| !path.is_dir()) {
            return Err(WorkerError::NoDirectory { path: path.clone() });
        }
        if let Some(problem) = self.unusable_text() {
            return Err(WorkerError::Unusable { problem });
        }
        Ok(ResolvedWorker {
            program,
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            directory: self.directory.clone(),
            hard_memory_limit: self.hard_memory_limit,
            nice: self.nice,
            oom_score_adj: self.oom_score_adj,
        })
    }
}

/// Without arguments and environment: they may hold secrets.
impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// The user's arguments travel in the handshake, whose frames hold 64 KiB.
const MAX_USER_ARGUMENTS: usize = 60 << 10;
/// So does the log filter; the rest is small.
const MAX_LOG_FILTER: usize = 2 << 10;

/// A worker whose program is known to be there.
pub(crate) struct ResolvedWorker {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) hard_memory_limit: Option<u64>,
    pub(crate) nice: Option<i32>,
    pub(crate) oom_score_adj: Option<i32>,
}

/// The worker's program cannot be used as it is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// There is no such file.
    #[error("the worker {} does not exist: give the path of an executable", .path.display())]
    NotFound {
        /// What was given.
        path: PathBuf,
    },
    /// It is an empty text.
    #[error("the worker has no program: give the path of an executable")]
    NoProgram,
    /// No directory of `PATH` holds it.
    #[error("the worker {} is in no directory of PATH: give its path, for example ./{}", .name.display(), .name.display())]
    NotInPath {
        /// What was given.
        name: PathBuf,
    },
    /// It is a directory, a socket or the like.
    #[error("the worker {} is not a file: give the path of an executable", .path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// It may not be executed.
    #[error("the worker {} is not executable (mode {mode:o}): chmod +x it, or give another path", .path.display())]
    NotExecutable {
        /// What was given.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system does not let it be looked at.
    #[error("the worker {} cannot be examined", .path.display())]
    Unreadable {
        /// What was given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system cannot hand its arguments or environment over.
    #[error("the worker cannot be started: {problem}")]
    Unusable {
        /// What is wrong with which of them.
        problem: String,
    },
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
    /// The directory that it is to start in is not there.
    #[error("the worker's current_dir {} is no directory: make it, or give another", .path.display())]
    NoDirectory {
        /// What was given.
        path: PathBuf,
    },
}

/// The absolute path: a bare name in `Command` would be looked up in the worker's own `PATH`, by
/// way of fork and exec.
fn find(program: &Path) -> Result<PathBuf, WorkerError> {
    if program.as_os_str().is_empty() {
        return Err(WorkerError::NoProgram);
    }
    if program.components().count() > 1 || program.is_absolute() {
        let path = std::path::absolute(program).map_err(|source| WorkerError::Unreadable {
            path: program.to_owned(),
            source,
        })?;
        check(&path)?;
        return Ok(path);
    }
    let directories = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&directories)
        .filter_map(|directory| std::path::absolute(directory.join(program)).ok())
        .find(|candidate| check(candidate).is_ok())
        .ok_or_else(|| WorkerError::NotInPath {
            name: program.to_owned(),
        })
}

fn check(path: &Path) -> Result<(), WorkerError> {
    let about = path.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => WorkerError::NotFound {
            path: path.to_owned(),
        },
        _ => WorkerError::Unreadable {
            path: path.to_owned(),
            source,
        },
    })?;
    if !about.is_file() {
        return Err(WorkerError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o111 == 0 {
        return Err(WorkerError::NotExecutable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}
