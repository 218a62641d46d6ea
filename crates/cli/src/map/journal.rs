//! The journal: which jobs have ended, and how, on disk before anybody is told.
//!
//! It is a file of JSON lines that only grows. The first says what it is the journal of. Each other
//! is a result as it goes to standard output, with the fingerprint of the input in front.

mod done;
mod read;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use read::{Read, Reader};

pub(super) use done::{Before, Done};

const VERSION: u32 = 1;
const NOTE: &str = "one line per job that has ended; written by greenroom map --resume";

/// What the jobs of a journal have in common. The worker's arguments are not in it: they may be
/// secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    worker: String,
    name: String,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    #[error("the journal {path} cannot be used: {error}")]
    System { path: String, error: io::Error },
    #[error("the journal {path} is not a file: give the path of one, or one to be made")]
    NotAFile { path: String },
    #[error(
        "the journal {path} is used by another run: wait for its end, or give another --resume FILE"
    )]
    InUse { path: String },
    #[error(
        "{path} is no journal of greenroom map and was left as it is: give another --resume FILE"
    )]
    NotAJournal { path: String },
    #[error(
        "the journal {path} has version {version}, this program knows {VERSION}: use the greenroom \
         that wrote it, or give another --resume FILE"
    )]
    Version { path: String, version: u32 },
    #[error(
        "the journal {path} belongs to the {what} {was:?}, this run has {is:?}: give that one, or \
         another --resume FILE"
    )]
    OtherWork {
        path: String,
        what: &'static str,
        was: String,
        is: String,
    },
    #[error(
        "the journal {path} is damaged in line {line}: mend or remove that line, or give another \
         --resume FILE"
    )]
    Damaged { path: String, line: u64 },
}

/// A journal that is open and locked.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    greenroom_map_journal: u32,
    #[serde(default)]
    worker: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    note: String,
}

impl Identity {
    pub(super) fn new(worker: &Path, name: &str) -> Self {
        // As it is looked up: a name in PATH, anything else from here.
        let path = match worker.components().count() {
            1 if !worker.is_absolute() => worker.to_owned(),
            _ => std::path::absolute(worker).unwrap_or_else(|_| worker.to_owned()),
        };
        Self {
            worker: path.to_string_lossy().into_owned(),
            name: name.to_owned(),
        }
    }
}

impl Journal {
    /// Opens a journal, or makes it, for this run alone. A last line that was not written to its
    /// end is cut off.
    pub(super) fn open(path: &Path, identity: &Identity) -> Result<(Self, Done), JournalError> {
        let shown = || path.display().to_string();
        let system = |error| JournalError::System {
            path: shown(),
            error,
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(system)?;
        if !file.metadata().map_err(system)?.is_file() {
            return Err(JournalError::NotAFile { path: shown() });
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(JournalError::InUse { path: shown() });
            }
            locked => locked.map_err(|error| system(error.into()))?,
        }
        let read = Reader::new(&file, shown()).read(identity)?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
        };
        journal.begin(&read, identity).map_err(system)?;
        Ok((journal, Done::of(read.entries)))
    }

    /// Cuts off what is torn and writes the first line if there is none.
    fn begin(&mut self, read: &Read, identity: &Identity) -> io::Result<()> {
        self.file.set_len(read.whole)?;
        if read.whole == 0 {
            let mut line = serde_json::to_vec(&Header {
                greenroom_map_journal: VERSION,
                worker: identity.worker.clone(),
                name: identity.name.clone(),
                note: NOTE.into(),
            })?;
            line.push(b'\n');
            self.file.write_all(&line)?;
            self.sync_name()?;
        }
        self.file.sync_all()
    }

    /// A new file is only safe once its directory is.
    fn sync_name(&self) -> io::Result<()> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }

    /// Writes ends of jobs. They are on disk when this returns.
    pub(super) fn append<'a>(
        &mut self,
        outcomes: impl Iterator<Item = &'a Outcome>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for outcome in outcomes {
            // The line is an object that is not empty: its first brace makes room.
            let (_, rest) = outcome.line.split_at(1);
            write!(lines, "{{\"input_hash\":\"{}\",", outcome.fingerprint)?;
            lines.extend_from_slice(rest);
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
