//! A line that a unit has printed.

use greenroom::supervisor::{OutputLine, OutputSource};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Origin;

/// Longer lines are cut for others: one that reads them all must not need gigabytes.
const MAX_BYTES: usize = 16 << 10;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LineView {
    pub(crate) time: Timestamp,
    pub(crate) unit: String,
    /// Its place among the unit's lines, from 0; lines that were dropped count.
    pub(crate) sequence: u64,
    /// Which run of the unit, from 0.
    pub(crate) generation: u64,
    pub(crate) source: Source,
    /// Without what would command a terminal.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Stdout,
    Stderr,
}

impl LineView {
    pub(crate) fn new(line: &OutputLine, origin: Origin) -> Self {
        Self {
            time: origin.time(line.at),
            unit: line.unit.to_string(),
            sequence: line.sequence,
            generation: line.generation,
            source: match line.source {
                OutputSource::Stdout => Source::Stdout,
                OutputSource::Stderr => Source::Stderr,
            },
            text: greenroom::harmless(&line.text, MAX_BYTES),
        }
    }
}
