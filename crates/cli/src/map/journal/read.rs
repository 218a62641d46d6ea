//! Reads a journal, and tells what a crash has torn from what is damaged or somebody else's.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

use serde::Deserialize;

use super::done::Entry;
use super::{Header, Identity, JournalError, VERSION};
use crate::map::fingerprint::Fingerprint;

/// What every journal begins with, so that no other file is ever taken for a torn one.
const BEGIN: &[u8] = b"{\"greenroom_map_journal\":";

/// What is read of a line; the rest is for people.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    input_hash: &'a str,
    index: u64,
    ok: bool,
}

/// What a journal holds.
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    /// Its bytes up to the end of the last line that is whole.
    pub(super) whole: u64,
}

pub(super) struct Reader<'a> {
    from: BufReader<&'a File>,
    path: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a File, path: String) -> Self {
        let from = BufReader::with_capacity(64 << 10, file);
        Self { from, path }
    }

    pub(super) fn read(mut self, identity: &Identity) -> Result<Read, JournalError> {
        let mut read = Read {
            entries: Vec::new(),
            whole: 0,
        };
        self.from.rewind().map_err(|error| self.system(error))?;
        let Some(first) = self.line()? else {
            return Ok(read);
        };
        if !self.header(&first, identity)? {
            return Ok(read);
        }
        read.whole = first.len() as u64;
        let mut number = 1;
        while let Some(line) = self.line()? {
            number += 1;
            match entry(&line) {
                Some(entry) => read.entries.push(entry),
                // Nothing after it: that is how a crash leaves a file.
                None if self.at_end()? => break,
                None => {
                    return Err(JournalError::Damaged {
                        path: self.path,
                        line: number,
                    });
                }
            }
            read.whole += line.len() as u64;
        }
        Ok(read)
    }

    /// Whether the first line is that of a journal of this work; false if it was torn.
    fn header(&self, line: &[u8], identity: &Identity) -> Result<bool, JournalError> {
        let path = || self.path.clone();
        let torn = !line.ends_with(b"\n");
        if torn && (line.starts_with(BEGIN) || BEGIN.starts_with(line)) {
            return Ok(false);
        }
        let header: Header =
            serde_json::from_slice(line).map_err(|_| JournalError::NotAJournal { path: path() })?;
        if header.greenroom_map_journal != VERSION {
            return Err(JournalError::Version {
                path: path(),
                version: header.greenroom_map_journal,
            });
        }
        for (what, was, is) in [
            ("worker", header.worker, &identity.worker),
            ("job name", header.name, &identity.name),
        ] {
            if was != *is {
                return Err(JournalError::OtherWork {
                    path: path(),
                    what,
                    was,
                    is: is.clone(),
                });
            }
        }
        Ok(true)
    }

    /// The next line with its end, if it has one.
    fn line(&mut self) -> Result<Option<Vec<u8>>, JournalError> {
        let mut line = Vec::new();
        match self.from.read_until(b'\n', &mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line)),
            Err(error) => Err(self.system(error)),
        }
    }

    fn at_end(&mut self) -> Result<bool, JournalError> {
        let rest = self.from.fill_buf().map(<[u8]>::is_empty);
        rest.map_err(|error| self.system(error))
    }

    fn system(&self, error: io::Error) -> JournalError {
        JournalError::System {
            path: self.path.clone(),
            error,
        }
    }
}

/// `None` if the line is torn.
fn entry(line: &[u8]) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
    Some(Entry {
        index: line.index,
        fingerprint: Fingerprint::parse(line.input_hash)?,
        ok: line.ok,
    })
}
