//! Results as a person reads them, and as programs do.
//!
//! [`Rules`] make an [`Outcome`] of what a case came to, and a [`Tally`] counts them: that is what a
//! run comes to, and the same in all formats. [`text`] is told case by case while they run; the
//! others show a [`Report`] when all have run.
//!
//! What the program under test has said is hostile: wherever a person may see it, it went through
//! [`harmless`]. Only [`json`] has it as it was.

mod answer;
mod exchange;
mod findings;
mod harmless;
pub mod html;
pub mod json;
pub mod junit;
mod name;
mod outcome;
#[cfg(test)]
mod sample;
mod section;
mod tally;
pub mod text;

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::case::{Case, CaseResult};

pub use harmless::harmless;
pub use name::name;
pub use outcome::{Outcome, Rules};
pub use tally::{Coverage, Tally};

/// Which side of the protocol was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A worker program.
    Worker,
    /// A host program.
    Host,
}

impl Side {
    /// `worker` or `host`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Host => "host",
        }
    }
}

/// A whole run.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was tested.
    pub side: Side,
    /// The program under test. Its arguments are not shown: they may be secrets.
    pub program: &'a Path,
    /// What it is called: see [`name()`].
    pub name: &'a str,
    /// What is a failure.
    pub rules: &'a Rules,
    /// In the order of the catalogue.
    pub results: &'a [CaseResult],
    /// All together.
    pub took: Duration,
}

impl<'a> Report<'a> {
    /// What the run came to.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (result, outcome) in self.judged() {
            tally.add(result, outcome);
        }
        tally
    }

    fn judged(&self) -> impl Iterator<Item = (&'a CaseResult, Outcome<'a>)> {
        let rules = self.rules;
        let results = self.results.iter();
        results.map(|result| (result, rules.outcome(result)))
    }
}

/// The part of its id in front of the slash.
fn theme(case: &Case) -> &'static str {
    case.id.split_once('/').map_or(case.id, |(theme, _)| theme)
}

/// A time with as much precision as interests.
fn time(time: Duration) -> String {
    let ms = (time.as_micros() + 500) / 1_000;
    if ms < 1_000 {
        format!("{ms} ms")
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
