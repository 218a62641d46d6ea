//! What is left of a worker once it is gone.

use std::fmt;
use std::ops::Deref;

use greenroom_supervision::{ExitReport, WorkerId};

/// Everything known of a worker's life and death.
///
/// Beside its own fields it has those of [`ExitReport`]: reason, exit status, journey, peak memory
/// and the jobs it had.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrashReport {
    /// Which worker.
    pub worker: WorkerId,
    /// How it ended.
    pub exit: ExitReport,
    /// Its last lines of output, oldest first: at most 50, each at most 1 KiB.
    pub last_lines: Vec<String>,
    /// Lines that it printed faster than 1,000 a second and that were dropped.
    pub dropped_lines: u64,
    /// Whether somebody outside its process group still held its output when it had ended.
    pub output_held_open: bool,
}

impl Deref for CrashReport {
    type Target = ExitReport;

    fn deref(&self) -> &ExitReport {
        &self.exit
    }
}

impl CrashReport {
    /// The last line that it printed and that says something: not Rust's advice about backtraces.
    pub fn last_words(&self) -> Option<&str> {
        let advice = |line: &&str| !line.starts_with("note: run with `RUST_BACKTRACE");
        self.last_lines
            .iter()
            .rev()
            .map(String::as_str)
            .find(advice)
    }
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} {}", self.worker, self.exit.reason)?;
        match self.last_words() {
            Some(line) => write!(f, "; its last line was: {line}"),
            None => Ok(()),
        }
    }
}
