//! What went over the wire in a case: bounded, with the time of each piece.

use std::time::{Duration, Instant};

/// So much of one piece is kept; the rest is counted.
const PIECE: usize = 256;
/// So many entries are kept: the first half and the last half of them.
const ENTRIES: usize = 200;

/// What happened in a case, in order.
#[derive(Clone, Debug)]
pub struct Transcript {
    began: Instant,
    entries: Vec<Entry>,
    /// Entries that were left out in the middle.
    left_out: usize,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Since the case began.
    pub at: Duration,
    /// What it was.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// The kit sent bytes.
    Sent(Piece),
    /// The program under test sent bytes.
    Received(Piece),
    /// The program under test wrote a line.
    Line(String),
    /// Anything else, in words: the process ended, the connection was closed.
    Note(String),
}

/// Bytes, of which the beginning is kept.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What they are, in words, for example `Ping seq 7`; or empty.
    pub meaning: String,
    /// The first 256 of them.
    pub head: Vec<u8>,
    /// How many there were.
    pub length: usize,
}

impl Piece {
    /// Keeps the beginning.
    pub fn new(meaning: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            meaning: meaning.into(),
            head: bytes[..bytes.len().min(PIECE)].to_vec(),
            length: bytes.len(),
        }
    }
}

impl Default for Transcript {
    /// Empty, beginning now.
    fn default() -> Self {
        Self {
            began: Instant::now(),
            entries: Vec::new(),
            left_out: 0,
        }
    }
}

impl Transcript {
    /// The time since it began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Adds something that happens now. Of very many, those in the middle are left out.
    pub fn add(&mut self, what: What) {
        let at = self.elapsed();
        if self.entries.len() == ENTRIES {
            self.entries.remove(ENTRIES / 2);
            self.left_out += 1;
        }
        self.entries.push(Entry { at, what });
    }

    /// What is kept, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries were left out, and in front of which of those that are kept.
    pub fn left_out(&self) -> Option<(usize, usize)> {
        (self.left_out > 0).then_some((self.left_out, ENTRIES / 2))
    }
}
