//! The stage takes from itself what its judge says.
//!
//! Not the judge, who would need a privilege for it: they are not the same user.

use std::io;

use rustix::process::Resource;

use crate::limits::Lowered;
use crate::processes;

/// Something is short until this is dropped.
pub(super) struct Short {
    // In this order: first there is enough again.
    _lowered: Lowered,
    _heap: Option<Vec<u8>>,
}

impl Short {
    /// Makes something short. Errors are of the system, or a word that is not known.
    pub(super) fn of(words: &[&str]) -> io::Result<Self> {
        let this = std::process::id();
        let odd = || io::Error::other(format!("cannot be short: {words:?}"));
        let mut heap = None;
        let (resource, to) = match *words {
            ["descriptors", spare] => {
                let spare: u64 = spare.parse().map_err(|_| odd())?;
                let numbers = processes::descriptors(this).into_iter();
                let numbers = numbers.flat_map(|line| line.split(':').next()?.parse::<u64>().ok());
                (
                    Resource::Nofile,
                    numbers.max().unwrap_or_default() + 1 + spare,
                )
            }
            ["processes"] => (Resource::Nproc, 1),
            // What it has it keeps.
            ["memory"] => {
                heap = Some(roomy_heap());
                let size = processes::memory(this, "VmSize").ok_or_else(odd)?;
                (Resource::As, size)
            }
            // The log cannot grow.
            ["disk"] => {
                let log = rustix::fs::fstat(rustix::stdio::stderr())?;
                (Resource::Fsize, log.st_size.cast_unsigned())
            }
            _ => return Err(odd()),
        };
        Ok(Self {
            _lowered: Lowered::lower(this, resource, to)?,
            _heap: heap,
        })
    }
}

/// Free memory in the heap that the system does not get back while this is held: a failed allocation
/// would end any Rust program. So the host itself goes on, and what needs a new mapping fails: the
/// start of a process or a thread.
fn roomy_heap() -> Vec<u8> {
    const PIECE: usize = 64 << 10;
    let pieces: Vec<Vec<u8>> = (0..512).map(|_| vec![1; PIECE]).collect();
    // Above all of them: below it nothing is given back.
    let last = vec![1; PIECE];
    drop(pieces);
    last
}
