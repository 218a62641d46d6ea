//! How a run went, in words and as an exit code.

use std::fmt;
use std::time::Duration;

use super::conduct::End;
use super::text::{count, time};
use crate::exit::Exit;

/// What a run came to.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) tally: Tally,
    pub(super) took: Duration,
    pub(super) end: End,
}

/// Jobs, by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// The journal has them already.
    pub(super) skipped: u64,
}

impl Tally {
    pub(super) fn is_empty(&self) -> bool {
        self.succeeded + self.failed + self.skipped == 0
    }
}

impl Summary {
    pub(super) fn exit(&self) -> Exit {
        match self.end.exit() {
            Exit::Success if self.tally.failed > 0 => Exit::Failed,
            exit => exit,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            succeeded,
            failed,
            skipped,
        } = self.tally;
        write!(f, "{} succeeded", count(succeeded, "job"))?;
        write!(f, ", {failed} failed")?;
        if skipped > 0 {
            write!(f, ", {skipped} skipped (the journal has them)")?;
        }
        write!(f, " in {}", time(self.took))?;
        match self.end {
            End::Stopped(_) => f.write_str(", then stopped"),
            _ => Ok(()),
        }
    }
}
