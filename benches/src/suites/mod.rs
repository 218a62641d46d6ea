//! What is compared with what. Each suite is data: rows of contenders that take turns.

mod deaths;
mod idle;
mod launches;
mod peers;
mod round_trip;
mod starts;
mod streaming;
mod throughput;
mod units;

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::{Figure, Taken};

use crate::Outcome;
use crate::measure::{Measurement, Order};
use crate::peers::{Peer, PeerOrder};
use crate::place::Cpus;

/// A part of everything that is measured.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// What is measured and how, in a sentence or two.
    pub(crate) about: &'static str,
    /// What its table shows.
    pub(crate) columns: &'static [Figure],
    pub(crate) plots: &'static [Plot],
    pub(crate) rows: fn(&Scale<'_>) -> Vec<PlannedRow>,
}

/// Every suite, in the order of measuring.
pub(crate) const ALL: &[Suite] = &[
    round_trip::SUITE,
    throughput::SUITE,
    streaming::SUITE,
    starts::SUITE,
    launches::SUITE,
    deaths::SUITE,
    idle::SUITE,
    units::SUITE,
    peers::SUITE,
];

/// The one that needs other libraries.
pub(crate) const PEERS: &str = peers::SUITE.name;

/// How much is measured, and beside whom.
pub(crate) struct Scale<'a> {
    pub(crate) quick: bool,
    pub(crate) peers: &'a [Peer],
}

impl Scale<'_> {
    /// As much as says something, or as little as shows that it works.
    pub(crate) fn of<N>(&self, full: N, quick: N) -> N {
        if self.quick { quick } else { full }
    }
}

/// Contenders that take turns.
pub(crate) struct PlannedRow {
    /// Its name in `figures.json` and in the registry of promises.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) title: String,
    /// Whom the others are compared with.
    pub(crate) baseline: &'static str,
    pub(crate) cpus: Cpus,
    pub(crate) turns: Vec<Turn>,
}

pub(crate) enum Turn {
    Ours(Measurement),
    Peer(PeerOrder),
}

impl Turn {
    pub(crate) fn take(&self, cpus: Cpus) -> Outcome<Taken> {
        match self {
            Self::Ours(what) => Order { cpus, what: *what }.carry_out(),
            Self::Peer(order) => cpus.keep_to(|| order.carry_out()),
        }
    }
}

/// A row of our own measurements, compared with the raw one.
fn row(
    id: impl Into<String>,
    title: impl Into<String>,
    cpus: Cpus,
    measurements: impl IntoIterator<Item = Measurement>,
) -> PlannedRow {
    PlannedRow {
        id: id.into(),
        title: title.into(),
        baseline: "raw",
        cpus,
        turns: measurements.into_iter().map(Turn::Ours).collect(),
    }
}

/// A payload's size in the names of rows.
fn bytes(size: usize) -> String {
    match size {
        size if size >= 1 << 20 => format!("{}MiB", size >> 20),
        size if size >= 1 << 10 => format!("{}KiB", size >> 10),
        size => format!("{size}B"),
    }
}

#[cfg(test)]
mod tests {
    use greenroom_benches::promise::Against;
    use greenroom_benches::registry;

    use super::*;

    #[test]
    fn every_promise_is_shown_by_a_row_that_is_measured() {
        for quick in [false, true] {
            let scale = Scale { quick, peers: &[] };
            for promise in registry::ALL {
                let shown = promise.shown_by;
                let suite = ALL.iter().find(|suite| suite.name == shown.suite).unwrap();
                assert!(suite.columns.contains(&shown.figure), "{}", promise.id);
                let rows = (suite.rows)(&scale);
                let there = |id: &str| rows.iter().any(|row| row.id == id);
                assert!(there(shown.row), "{}", promise.id);
                if let Against::Row(other) = promise.against {
                    assert!(there(other), "{}", promise.id);
                }
            }
        }
    }

    #[test]
    fn suites_rows_and_plots_have_names_of_their_own() {
        let scale = Scale {
            quick: true,
            peers: &[],
        };
        let rows = ALL.iter().flat_map(|suite| {
            let rows = (suite.rows)(&scale).into_iter();
            rows.map(|row| format!("{} {}", suite.name, row.id))
        });
        let plots = ALL.iter().flat_map(|suite| suite.plots);
        let mut names: Vec<String> = rows.chain(plots.map(|plot| plot.file.to_owned())).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
