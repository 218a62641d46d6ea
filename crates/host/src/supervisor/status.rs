//! What is known of a unit, and of a run that is over.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use greenroom_supervision::unit::{UnitExit, UnitKind, UnitState};

use super::OutputLine;

/// A unit at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnitStatus {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: UnitKind,
    /// Its group, if it is in one.
    pub group: Option<String>,
    /// Where it stands.
    pub state: UnitState,
    /// Why it stands there, in words.
    pub why: String,
    /// For how long.
    pub for_the_last: Duration,
    /// Whether it is as it should be.
    pub healthy: bool,
    /// How many starts there were before the current or last one; `None` before the first.
    pub generation: Option<u64>,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// When its current run began, by the wall clock: for people.
    pub started: Option<SystemTime>,
    /// How long its current run has lasted.
    pub uptime: Option<Duration>,
    /// Restarts since it was added.
    pub restarts: u64,
    /// Restarts in its window.
    pub restarts_in_window: u32,
    /// In how long it will be started again.
    pub next_start: Option<Duration>,
    /// Its last 10 ends, oldest first.
    pub exits: Vec<Arc<UnitReport>>,
    /// The last 50 lines that it has printed, over all runs, oldest first; each at most 64 KiB.
    pub last_lines: Vec<OutputLine>,
    /// How long ago it last printed something.
    pub last_activity: Option<Duration>,
    /// Checks that fail at the moment: name, failures in a row, last message.
    pub failing_checks: Vec<(String, u32, String)>,
    /// What it says of itself (`STATUS=`), made harmless for a terminal; `stopping` of one that has
    /// said only that it leaves (`STOPPING=1`). That is for people: its checks and limits still hold.
    pub status_text: Option<String>,
    /// Processes in its group.
    pub processes: usize,
    /// Resident bytes of its process group; a pool's workers together.
    pub memory: u64,
    /// Processor time that the living processes of its group have used.
    pub cpu_time: Duration,
    /// The most memory that was measured in its current run; 0 if it was never measured.
    pub peak_memory: u64,
}

/// How one run of a unit lived and ended.
///
/// Beside its own fields it has those of [`UnitExit`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnitReport {
    /// What the policy knows of it.
    pub exit: Arc<UnitExit>,
    /// When it ended: how long after the supervisor was made.
    pub at: Duration,
    /// When it ended, by the wall clock: for people.
    pub ended: SystemTime,
    /// The last lines that this run printed, oldest first: at most 50, each at most 1 KiB and made
    /// harmless for a terminal.
    pub last_lines: Vec<String>,
    /// Lines that were printed faster than 1,000 a second and that were dropped.
    pub dropped_lines: u64,
    /// Whether somebody outside its process group still held its output when it had ended.
    pub output_held_open: bool,
    /// Processes that had left its group and were killed after it ended. Of one that died by itself
    /// only if they held its output: otherwise they are looked for after this was written, and logged.
    pub strays: Vec<u32>,
}

impl Deref for UnitReport {
    type Target = UnitExit;

    fn deref(&self) -> &UnitExit {
        &self.exit
    }
}

impl fmt::Display for UnitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unit {} {}", self.exit.name, self.exit.reason)?;
        match self.last_lines.last() {
            Some(line) => write!(f, "; its last line was: {line}"),
            None => Ok(()),
        }
    }
}
