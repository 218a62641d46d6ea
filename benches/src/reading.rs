//! What measurements say: named figures of those that are compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something that is measured, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// The median of one measurement's times, in microseconds.
    P50,
    /// The 99th percentile of one measurement's times, in microseconds.
    P99,
    /// Jobs in a second.
    PerSecond,
    /// Bytes carried, in 10^9 a second.
    Bandwidth,
    /// From the first start until all are ready, in milliseconds.
    Ramp,
    /// From the order to stop until all are gone, in milliseconds.
    Stop,
    /// Resident memory of the host, in KiB for each process that it looks after.
    Memory,
    /// Open descriptors of the host, for each process that it looks after.
    Descriptors,
    /// Threads of the host that were not there before.
    Threads,
    /// Processor time of the host, in percent of one core.
    HostCpu,
    /// Processor time of all workers together, in percent of one core.
    WorkersCpu,
    /// How often the host's threads woke up, in a second.
    Wakes,
}

impl Figure {
    /// A column's heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::P50 => "p50 us",
            Self::P99 => "p99 us",
            Self::PerSecond => "jobs/s",
            Self::Bandwidth => "GB/s",
            Self::Ramp => "all ready ms",
            Self::Stop => "all gone ms",
            Self::Memory => "KiB each",
            Self::Descriptors => "descriptors each",
            Self::Threads => "threads more",
            Self::HostCpu => "host CPU %",
            Self::WorkersCpu => "workers' CPU %",
            Self::Wakes => "wakes/s",
        }
    }

    /// What follows a number.
    pub fn unit(self) -> &'static str {
        match self {
            Self::P50 | Self::P99 => "us",
            Self::PerSecond => "jobs/s",
            Self::Bandwidth => "GB/s",
            Self::Ramp | Self::Stop => "ms",
            Self::Memory => "KiB",
            Self::Descriptors => "descriptors",
            Self::Threads => "threads",
            Self::HostCpu | Self::WorkersCpu => "% of a core",
            Self::Wakes => "wakes/s",
        }
    }

    /// What a plot's axis says.
    pub fn axis(self) -> &'static str {
        match self {
            Self::P50 => "microseconds, median",
            Self::P99 => "microseconds, 99th percentile",
            Self::PerSecond => "jobs in a second",
            Self::Bandwidth => "GB/s",
            Self::Ramp => "milliseconds until all are ready",
            Self::Stop => "milliseconds until all are gone",
            Self::Memory => "KiB of the host's memory for each",
            Self::Descriptors => "descriptors of the host for each",
            Self::Threads => "more threads of the host",
            Self::HostCpu => "host's processor time, % of one core",
            Self::WorkersCpu => "workers' processor time, % of one core",
            Self::Wakes => "wake-ups of the host in a second",
        }
    }

    /// Whether more of it is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::PerSecond | Self::Bandwidth)
    }
}

/// Named figures.
pub type Figures = BTreeMap<Figure, f64>;

/// What part somebody has in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Greenroom itself.
    Greenroom,
    /// What it costs at least: system calls and nothing else.
    Raw,
    /// Something that explains a difference.
    Between,
    /// Another library whose workers are processes.
    ProcessPeer,
    /// Another library whose workers are threads.
    ThreadPeer,
}

/// The figures of one contender from one measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Its name.
    pub who: String,
    /// Its part.
    pub part: Part,
    /// What it came to.
    pub figures: Figures,
}

/// One that was not measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub who: String,
    /// Why, in words.
    pub why: String,
}

/// What one measurement came to: the figures of one contender, or of several that took turns in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Those that were measured.
    pub readings: Vec<Reading>,
    /// Those that were not.
    pub skipped: Vec<Skipped>,
    /// What a reader must know, such as that less was measured than asked for.
    pub notes: Vec<String>,
}

impl Taken {
    /// With one more reading.
    #[must_use]
    pub fn and(mut self, who: &str, part: Part, figures: Figures) -> Self {
        let who = who.to_owned();
        self.readings.push(Reading { who, part, figures });
        self
    }

    /// With the figures of Greenroom.
    #[must_use]
    pub fn greenroom(self, figures: Figures) -> Self {
        self.and("greenroom", Part::Greenroom, figures)
    }

    /// With the figures of the raw baseline.
    #[must_use]
    pub fn raw(self, figures: Figures) -> Self {
        self.and("raw", Part::Raw, figures)
    }

    /// With one that was not measured.
    #[must_use]
    pub fn skipped(mut self, who: &str, why: impl Into<String>) -> Self {
        let (who, why) = (who.to_owned(), why.into());
        self.skipped.push(Skipped { who, why });
        self
    }

    /// With something that a reader must know.
    #[must_use]
    pub fn note(mut self, words: impl Into<Option<String>>) -> Self {
        self.notes.extend(words.into());
        self
    }
}
