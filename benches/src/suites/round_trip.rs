//! A job on a warm worker and back.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, bytes, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "round-trip",
    about: "Bytes there and back between two processes: on a raw socketpair with blocking calls, \
            through tokio and nothing else, and as a job on a warm worker.",
    columns: &[Figure::P50, Figure::P99, Figure::Bandwidth],
    plots: &[
        Plot {
            file: "round-trip",
            title: "Round trip of a job, beside the same bytes without it",
            figure: Figure::P50,
        },
        Plot {
            file: "round-trip-bandwidth",
            title: "Bytes there and back as a job, beside a raw copy",
            figure: Figure::Bandwidth,
        },
    ],
    rows,
};

/// Bytes, and how many trips with them.
const TRIPS: [(usize, usize, usize); 3] =
    [(64, 20_000, 200), (64 << 10, 4_000, 50), (16 << 20, 40, 2)];

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let mut rows = Vec::new();
    for (cpus, id, words) in [
        (Cpus::One, "one-cpu", "on one CPU"),
        (Cpus::Two, "two-cpus", "on two CPUs"),
    ] {
        for (payload, full, quick) in TRIPS {
            let trips = scale.of(full, quick);
            let size = bytes(payload);
            let measurements = [
                Measurement::RawTrips { payload, trips },
                Measurement::TokioTrips { payload, trips },
                Measurement::JobTrips { payload, trips },
            ];
            let title = format!("{size} {words}");
            rows.push(row(format!("{size}-{id}"), title, cpus, measurements));
        }
    }
    rows
}
