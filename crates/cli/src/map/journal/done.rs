//! Which jobs a journal has, asked in order of their numbers.

use std::iter::Peekable;
use std::vec;

use crate::map::fingerprint::Fingerprint;

/// The jobs that a journal has, in order of their numbers.
pub(in crate::map) struct Done {
    entries: Peekable<vec::IntoIter<Entry>>,
}

/// One end of a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) index: u64,
    pub(super) fingerprint: Fingerprint,
    pub(super) ok: bool,
}

/// What is known of a job before it is run.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::map) enum Before {
    /// Nothing, or that it has failed.
    ToDo,
    Succeeded,
    /// A job of this number has ended, and it had another input.
    OtherInput,
}

impl Default for Done {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Done {
    /// Of several ends of one job the last one counts.
    pub(super) fn of(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.index);
        entries.dedup_by(|later, earlier| {
            let same = later.index == earlier.index;
            if same {
                *earlier = *later;
            }
            same
        });
        Self {
            entries: entries.into_iter().peekable(),
        }
    }

    /// Looks a job up. To be asked in order of the numbers.
    pub(in crate::map) fn before(&mut self, index: u64, fingerprint: Fingerprint) -> Before {
        while self.entries.next_if(|entry| entry.index < index).is_some() {}
        match self.entries.next_if(|entry| entry.index == index) {
            Some(entry) if entry.fingerprint != fingerprint => Before::OtherInput,
            Some(entry) if entry.ok => Before::Succeeded,
            _ => Before::ToDo,
        }
    }

    /// How many jobs it has that were not asked for.
    pub(in crate::map) fn rest(&self) -> usize {
        self.entries.len()
    }
}
