//! How a process is started: its program, arguments and surroundings.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a process sees of the host's environment unless told otherwise.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// How to start a process: any program, its arguments and its surroundings.
///
/// It gets a clean environment: `PATH`, `HOME`, `LANG`, `TZ` and `TMPDIR` of the host if they are
/// set, and what is added here. Arguments and environment never appear in logs or reports. It
/// begins in a session and process group of its own, without a terminal, with no signal ignored or
/// blocked.
///
/// ```
/// use greenroom::Command;
/// let encoder = Command::new("ffmpeg")
///     .args(["-i", "in.mp4", "out.webm"])
///     .inherit_env("LD_LIBRARY_PATH")
///     .nice(10);
/// ```
#[derive(Clone)]
pub struct Command {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    hard_memory_limit: Option<u64>,
    nice: Option<i32>,
    oom_score_adj: Option<i32>,
}

impl Command {
    /// A program, as a path or as a name that is looked up in the host's `PATH` once, before it is
    /// started.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let inherited = |name: &&str| env::var_os(name).map(|value| (OsString::from(name), value));
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: INHERITED.iter().filter_map(inherited).collect(),
            directory: None,
            hard_memory_limit: None,
            nice: None,
            oom_score_adj: Some(300),
        }
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

    /// Sets a variable of its environment.
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
    /// The absolute path of its program, found as for a start.
    ///
    /// # Errors
    ///
    /// [`CommandError`]: there is no such program, or it cannot be run.
    pub fn find_program(&self) -> Result<PathBuf, CommandError> {
        find(&self.program)
    }

    pub(crate) fn resolve(&self) -> Result<ResolvedCommand, CommandError> {
        let program = find(&self.program)?;
        // The system would say the same of a program that does not exist.
        if let Some(path) = self.directory.as_ref().filter(|path| !path.is_dir()) {
            return Err(CommandError::NoDirectory { path: path.clone() });
        }
        if let Some(problem) = self.unusable_text() {
            return Err(CommandError::Unusable { problem });
        }
        Ok(ResolvedCommand {
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
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// A command whose program is known to be there.
#[derive(Clone)]
pub(crate) struct ResolvedCommand {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) hard_memory_limit: Option<u64>,
    pub(crate) nice: Option<i32>,
    pub(crate) oom_score_adj: Option<i32>,
}

/// A command cannot be run as it is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such file.
    #[error("the program {} does not exist: give the path of an executable", .path.display())]
    NotFound {
        /// What was given.
        path: PathBuf,
    },
    /// It is an empty text.
    #[error("the command has no program: give the path of an executable")]
    NoProgram,
    /// No directory of `PATH` holds it.
    #[error("the program {} is in no directory of PATH: give its path, for example ./{}", .name.display(), .name.display())]
    NotInPath {
        /// What was given.
        name: PathBuf,
    },
    /// It is a directory, a socket or the like.
    #[error("the program {} is not a file: give the path of an executable", .path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// It may not be executed.
    #[error("the program {} is not executable (mode {mode:o}): chmod +x it, or give another path", .path.display())]
    NotExecutable {
        /// What was given.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system does not let it be looked at.
    #[error("the program {} cannot be examined", .path.display())]
    Unreadable {
        /// What was given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system cannot hand its arguments or environment over.
    #[error("the command cannot be started: {problem}")]
    Unusable {
        /// What is wrong with which of them.
        problem: String,
    },
    /// The directory that it is to start in is not there.
    #[error("the current_dir {} is no directory: make it, or give another", .path.display())]
    NoDirectory {
        /// What was given.
        path: PathBuf,
    },
}

/// The absolute path. The system's own lookup would use the `PATH` of whoever starts it, anew at each
/// start.
fn find(program: &Path) -> Result<PathBuf, CommandError> {
    if program.as_os_str().is_empty() {
        return Err(CommandError::NoProgram);
    }
    if program.components().count() > 1 || program.is_absolute() {
        let path = std::path::absolute(program).map_err(|source| CommandError::Unreadable {
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
        .ok_or_else(|| CommandError::NotInPath {
            name: program.to_owned(),
        })
}

fn check(path: &Path) -> Result<(), CommandError> {
    let about = path.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CommandError::NotFound {
            path: path.to_owned(),
        },
        _ => CommandError::Unreadable {
            path: path.to_owned(),
            source,
        },
    })?;
    if !about.is_file() {
        return Err(CommandError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o111 == 0 {
        return Err(CommandError::NotExecutable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}
