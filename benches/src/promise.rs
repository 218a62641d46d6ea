//! What a promise is: a sentence, the figure that shows it, and how good that must be.

use serde::Serialize;

use crate::numbers::readable;
use crate::reading::{Figure, Part};

/// Something that is claimed and can be measured.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// Its name, here and in PROMISES.md.
    pub id: &'static str,
    /// What is promised, in a sentence.
    pub sentence: &'static str,
    /// Which figure shows it: of Greenroom, in that row of that suite.
    pub shown_by: Shown,
    /// What that figure is held against.
    pub against: Against,
    /// How good the result must be.
    pub target: Target,
}

/// Where a figure is found.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// The suite's name.
    pub suite: &'static str,
    /// The row's id.
    pub row: &'static str,
    /// What is looked at.
    pub figure: Figure,
}

/// What a figure is held against, in the same run.
#[derive(Clone, Copy, Debug)]
pub enum Against {
    /// Nothing: it is a cost.
    Nothing,
    /// The baseline of its own row.
    Baseline,
    /// Greenroom itself in another row of the same suite.
    Row(&'static str),
    /// The best of all peers of this part, in its own row, but for those that are named.
    BestOf(Part, &'static [&'static str]),
    /// One peer, in its own row.
    Peer(&'static str),
}

/// How good a result must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The ratio to what it is held against, or the figure itself, is at most this.
    AtMost(f64),
    /// It is at least this.
    AtLeast(f64),
    /// It is so many times better than what it is held against: quicker, or more.
    BetterBy(f64),
    /// Nothing is promised; the figure is only told.
    Told,
}

/// What sort of promise it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Held against something else in the same run.
    Ratio,
    /// A figure of its own.
    Cost,
}

impl Promise {
    /// What sort of promise it is.
    pub fn kind(&self) -> Kind {
        match self.against {
            Against::Nothing => Kind::Cost,
            _ => Kind::Ratio,
        }
    }

    /// For example `at most 1.5x`.
    pub fn target_words(&self) -> String {
        let times = match self.kind() {
            Kind::Cost => format!(" {}", self.shown_by.figure.unit()),
            Kind::Ratio => "x".to_owned(),
        };
        match self.target {
            Target::AtMost(most) => format!("at most {}{times}", plain(most)),
            Target::AtLeast(least) => format!("at least {}{times}", plain(least)),
            Target::BetterBy(1.0) => "not worse".into(),
            Target::BetterBy(factor) => format!("{}x better", plain(factor)),
            Target::Told => "told".into(),
        }
    }
}

/// Without zeros at its end.
fn plain(number: f64) -> String {
    if number.fract() == 0.0 && number < 1000.0 {
        return format!("{number}");
    }
    let text = readable(number);
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}
