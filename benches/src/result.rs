//! A suite's results: for each row, what each contender came to in every round.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::numbers::median;
use crate::reading::{Figure, Part, Skipped, Taken};

/// What a suite came to.
#[derive(Clone, Debug, Serialize)]
pub struct SuiteResult {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// What its table shows.
    pub columns: &'static [Figure],
    /// Its rows, in the order of measuring.
    pub rows: Vec<Row>,
}

impl SuiteResult {
    /// The row with this id.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }
}

/// Contenders that were measured in turn.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name in `figures.json` and in the registry of promises.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Whom the others are compared with.
    pub baseline: &'static str,
    /// Those that were measured.
    pub contenders: Vec<Contender>,
    /// Those that were not.
    pub skipped: Vec<Skipped>,
    /// Measurements that failed, in words.
    pub failed: Vec<String>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// One contender's figures, one of each kind for every round.
#[derive(Clone, Debug, Serialize)]
pub struct Contender {
    /// Its name.
    pub who: String,
    /// Its part.
    pub part: Part,
    /// What it came to, round by round.
    pub rounds: BTreeMap<Figure, Vec<f64>>,
}

impl Row {
    /// A row that nothing has been measured for yet.
    pub fn new(id: impl Into<String>, title: impl Into<String>, baseline: &'static str) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            baseline,
            contenders: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Takes in what one measurement of a round came to.
    pub fn add(&mut self, taken: Taken) {
        for reading in taken.readings {
            let known = self.contenders.iter().position(|it| it.who == reading.who);
            let place = known.unwrap_or_else(|| {
                self.contenders.push(Contender {
                    who: reading.who,
                    part: reading.part,
                    rounds: BTreeMap::new(),
                });
                self.contenders.len() - 1
            });
            let rounds = &mut self.contenders[place].rounds;
            for (figure, value) in reading.figures {
                rounds.entry(figure).or_default().push(value);
            }
        }
        self.skipped.extend(taken.skipped);
        self.skipped.sort();
        self.skipped.dedup();
        for note in taken.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Nobody, or one, is not measured.
    pub fn skip(&mut self, who: &str, why: String) {
        self.add(Taken::default().skipped(who, why));
    }

    /// All that is to be said beside its figures, in words.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        let skipped = self.skipped.iter();
        let skipped = skipped.map(|it| format!("{} skipped: {}", it.who, it.why));
        let failed = self.failed.iter().map(|words| format!("failed: {words}"));
        skipped.chain(failed).chain(self.notes.iter().cloned())
    }

    /// The contender with this name.
    pub fn contender(&self, who: &str) -> Option<&Contender> {
        self.contenders.iter().find(|it| it.who == who)
    }

    /// How many times the baseline's figure this contender's is; `None` for the baseline itself.
    pub fn ratio(&self, contender: &Contender, figure: Figure) -> Option<f64> {
        let baseline = self.contender(self.baseline)?;
        if baseline.who == contender.who {
            return None;
        }
        let ratio = contender.value(figure)? / baseline.value(figure)?;
        ratio.is_finite().then_some(ratio)
    }
}

impl Contender {
    /// The median of all rounds.
    pub fn value(&self, figure: Figure) -> Option<f64> {
        median(self.rounds.get(&figure)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Figures;

    #[test]
    fn rounds_become_medians_beside_their_baseline() {
        let mut row = Row::new("trip", "a trip", "raw");
        for (raw, ours) in [(2.0, 9.0), (1.0, 3.0), (3.0, 6.0)] {
            row.add(Taken::default().raw(Figures::from([(Figure::P50, raw)])));
            row.add(Taken::default().greenroom(Figures::from([(Figure::P50, ours)])));
        }
        let ours = row.contender("greenroom").unwrap();
        assert_eq!(ours.value(Figure::P50), Some(6.0));
        assert_eq!(row.ratio(ours, Figure::P50), Some(3.0));
        assert_eq!(row.ratio(ours, Figure::P99), None);
        let raw = row.contender("raw").unwrap();
        assert_eq!(row.ratio(raw, Figure::P50), None);
    }

    #[test]
    fn a_reason_or_a_note_is_said_once() {
        let mut row = Row::new("trip", "a trip", "raw");
        for _ in 0..2 {
            let taken = Taken::default().skipped("loky", "is not installed");
            row.add(taken.note("less than asked for".to_owned()));
        }
        assert_eq!((row.skipped.len(), row.notes.len()), (1, 1));
    }
}
