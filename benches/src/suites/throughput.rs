//! Many jobs in flight.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, row};
use crate::measure::{Measurement, Pipeline};
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "throughput",
    about: "Jobs of 64 B in a second, so many in flight over all workers, beside the same bytes over \
            as many raw socketpairs: both sides take and send all there is in one call, or, one by one, \
            a message in each call.",
    columns: &[Figure::PerSecond],
    plots: &[Plot {
        file: "throughput",
        title: "Jobs of 64 B in a second, beside raw messages",
        figure: Figure::PerSecond,
    }],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let mut rows = Vec::new();
    for workers in [1, 2] {
        for (depth, full) in [(1, 20_000), (16, 100_000), (256, 200_000)] {
            let jobs = scale.of(full, 300);
            let pipeline = Pipeline {
                payload: 64,
                workers,
                depth,
                jobs,
            };
            let plural = if workers == 1 { "worker" } else { "workers" };
            let measurements = [
                Measurement::RawPipeline(pipeline),
                Measurement::OneByOnePipeline(pipeline),
                Measurement::JobPipeline(pipeline),
            ];
            rows.push(row(
                format!("{workers}-{plural}-depth-{depth}"),
                format!("{workers} {plural}, {depth} in flight"),
                Cpus::All,
                measurements,
            ));
        }
    }
    rows
}
