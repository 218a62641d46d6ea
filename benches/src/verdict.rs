//! Each promise beside what was measured: kept, missed or not measured.

use serde::Serialize;

use crate::numbers::readable;
use crate::promise::{Against, Kind, Promise, Target};
use crate::reading::{Figure, Part};
use crate::registry;
use crate::result::{Contender, Row, SuiteResult};

/// What has become of a promise.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The promise's name.
    pub id: &'static str,
    /// What is promised.
    pub sentence: &'static str,
    /// Whether it is a ratio or a cost.
    pub kind: Kind,
    /// What is looked at.
    pub figure: Figure,
    /// The target, in words.
    pub target: String,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was measured.
    Measured(Measured),
    /// It was not; why.
    NotMeasured(String),
}

/// A measured promise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Greenroom's figure.
    pub value: f64,
    /// Whose figure it was held against, the figure, and how many times it ours is.
    pub baseline: Option<Baseline>,
    /// Whether it is as promised; `None` if nothing is.
    pub kept: Option<bool>,
}

/// What a figure was held against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Whose it is.
    pub who: String,
    /// What it is.
    pub value: f64,
    /// Ours divided by it.
    pub ratio: f64,
}

impl Measured {
    /// For example `9.10 us / 3.30 us raw = 2.76x`.
    pub fn words(&self, figure: Figure) -> String {
        let unit = figure.unit();
        let ours = format!("{} {unit}", readable(self.value));
        match &self.baseline {
            None => ours,
            Some(it) => format!(
                "{ours} / {} {unit} {} = {}x",
                readable(it.value),
                it.who,
                readable(it.ratio)
            ),
        }
    }
}

/// The verdicts on all promises that the suites show which were run.
pub fn all(results: &[SuiteResult]) -> Vec<Verdict> {
    let verdicts = registry::ALL.iter().filter_map(|promise| {
        let suite = promise.shown_by.suite;
        let suite = results.iter().find(|result| result.name == suite)?;
        Some(judge(promise, suite))
    });
    verdicts.collect()
}

fn judge(promise: &Promise, suite: &SuiteResult) -> Verdict {
    let outcome = match measured(promise, suite) {
        Ok(measured) => Outcome::Measured(measured),
        Err(why) => Outcome::NotMeasured(why),
    };
    Verdict {
        id: promise.id,
        sentence: promise.sentence,
        kind: promise.kind(),
        figure: promise.shown_by.figure,
        target: promise.target_words(),
        outcome,
    }
}

fn measured(promise: &Promise, suite: &SuiteResult) -> Result<Measured, String> {
    let shown = promise.shown_by;
    let row = suite.row(shown.row).ok_or("there is no such row")?;
    // What was measured with less says nothing about the promise.
    if let Some(note) = row.notes.first() {
        return Err(note.clone());
    }
    let ours = row
        .contender("greenroom")
        .ok_or_else(|| why_not(row, None))?;
    let value = ours.value(shown.figure).ok_or("it has no such figure")?;
    let baseline = match promise.against {
        Against::Nothing => None,
        Against::Baseline => Some(of(row, row.baseline, shown.figure)?),
        Against::Peer(who) => Some(of(row, who, shown.figure)?),
        Against::BestOf(part, but) => Some(best(row, part, but, shown.figure)?),
        Against::Row(other) => {
            let other = suite.row(other).ok_or("there is no such other row")?;
            let (_, value) = of(other, "greenroom", shown.figure)?;
            Some((format!("({})", other.title), value))
        }
    };
    let baseline = baseline.map(|(who, theirs)| {
        let ratio = value / theirs;
        Baseline {
            who,
            value: theirs,
            ratio,
        }
    });
    let compared = baseline.as_ref().map_or(value, |it| it.ratio);
    if !compared.is_finite() {
        return Err("the baseline is nothing".into());
    }
    let kept = match promise.target {
        Target::AtMost(most) => Some(compared <= most),
        Target::AtLeast(least) => Some(compared >= least),
        Target::BetterBy(times) if shown.figure.more_is_better() => Some(compared >= times),
        Target::BetterBy(times) => Some(compared <= 1.0 / times),
        Target::Told => None,
    };
    Ok(Measured {
        value,
        baseline,
        kept,
    })
}

fn of(row: &Row, who: &str, figure: Figure) -> Result<(String, f64), String> {
    let contender = row.contender(who).ok_or_else(|| why_not(row, Some(who)))?;
    let value = contender
        .value(figure)
        .ok_or("the baseline has no such figure")?;
    Ok((contender.who.clone(), value))
}

fn best(row: &Row, part: Part, but: &[&str], figure: Figure) -> Result<(String, f64), String> {
    let of_part = row
        .contenders
        .iter()
        .filter(|it| it.part == part && !but.contains(&it.who.as_str()));
    let known = of_part.filter_map(|it: &Contender| Some((it.who.clone(), it.value(figure)?)));
    let better = |a: &(String, f64), b: &(String, f64)| {
        let order = a.1.total_cmp(&b.1);
        if figure.more_is_better() {
            order
        } else {
            order.reverse()
        }
    };
    known.max_by(better).ok_or_else(|| why_not(row, None))
}

/// The reason why somebody has no figures.
fn why_not(row: &Row, who: Option<&str>) -> String {
    let concerns = |skipped: &&str| who.is_none_or(|who| *skipped == who || *skipped == "all");
    let skipped = row.skipped.iter().find(|it| concerns(&it.who.as_str()));
    match (skipped, row.failed.first()) {
        (Some(it), _) => it.why.clone(),
        (None, Some(words)) => words.clone(),
        (None, None) => format!("{} was not measured", who.unwrap_or("a peer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Figures, Taken};
    use crate::table;

    fn suite(name: &'static str, row: Row) -> SuiteResult {
        SuiteResult {
            name,
            about: "",
            columns: &[],
            rows: vec![row],
        }
    }

    fn verdict_on(id: &str, results: &[SuiteResult]) -> Outcome {
        let verdicts = all(results);
        verdicts.into_iter().find(|it| it.id == id).unwrap().outcome
    }

    fn kept(id: &str, results: &[SuiteResult]) -> Option<bool> {
        match verdict_on(id, results) {
            Outcome::Measured(measured) => measured.kept,
            Outcome::NotMeasured(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_ratio_is_held_against_its_baseline() {
        let results = |ours| {
            let mut row = Row::new("64B-one-cpu", "64 B", "raw");
            row.add(Taken::default().raw(Figures::from([(Figure::P50, 2.0)])));
            row.add(Taken::default().greenroom(Figures::from([(Figure::P50, ours)])));
            [suite("round-trip", row)]
        };
        assert_eq!(kept("round-trip-pinned-64B", &results(3.0)), Some(true));
        assert_eq!(kept("round-trip-pinned-64B", &results(3.1)), Some(false));
        let Outcome::Measured(measured) = verdict_on("round-trip-pinned-64B", &results(3.0)) else {
            panic!("it is measured");
        };
        assert_eq!(measured.words(Figure::P50), "3.00 us / 2.00 us raw = 1.50x");
    }

    #[test]
    fn every_peer_means_the_best_of_them() {
        let results = |best| {
            let mut row = Row::new("throughput-2-256", "many", "greenroom");
            for (who, part, value) in [
                ("greenroom", Part::Greenroom, 1000.0),
                ("slow", Part::ProcessPeer, 10.0),
                ("quick", Part::ProcessPeer, best),
                ("ipc-channel", Part::ProcessPeer, 9_000.0),
                ("piscina", Part::ThreadPeer, 900.0),
            ] {
                row.add(Taken::default().and(
                    who,
                    part,
                    Figures::from([(Figure::PerSecond, value)]),
                ));
            }
            [suite("peers", row)]
        };
        assert_eq!(kept("peers-throughput", &results(200.0)), Some(true));
        assert_eq!(kept("peers-throughput", &results(201.0)), Some(false));
        assert_eq!(
            kept("peers-threads-throughput", &results(201.0)),
            Some(true)
        );
    }

    #[test]
    fn what_is_not_measured_says_why() {
        let mut row = Row::new("64B-two-cpus", "64 B", "raw");
        row.skip("all", "needs two CPUs".into());
        let results = [suite("round-trip", row)];
        let why = |id| match verdict_on(id, &results) {
            Outcome::NotMeasured(why) => why,
            Outcome::Measured(it) => panic!("{it:?}"),
        };
        assert_eq!(why("round-trip-64B"), "needs two CPUs");
        let table = table::promises(&all(&results));
        assert!(table.contains("not measured: needs two CPUs"), "{table}");
        assert!(
            !table.contains("idle-cpu"),
            "its suite was not run: {table}"
        );
    }
}
