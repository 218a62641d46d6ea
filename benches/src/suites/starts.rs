//! Starting workers, one and many.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "starts",
    about: "From the order to start a worker until it is ready, beside a raw posix_spawn of the same \
            program that writes one byte; and a pool of many, until all are ready and, after the order \
            to close, until all are gone.",
    columns: &[Figure::P50, Figure::P99, Figure::Ramp, Figure::Stop],
    plots: &[
        Plot {
            file: "starts",
            title: "From the order to start until ready",
            figure: Figure::P50,
        },
        Plot {
            file: "starts-of-many",
            title: "A pool of many, until all are ready",
            figure: Figure::Ramp,
        },
    ],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let starts = scale.of(60, 3);
    let many = scale.of(200, 8);
    let start = |id: &str, title: &str, host_mib| {
        row(
            id,
            title,
            Cpus::All,
            [Measurement::Starts { starts, host_mib }],
        )
    };
    vec![
        start("host-of-10MB", "one, host of 10 MB", 10),
        start("host-of-1GB", "one, host of 1 GB", scale.of(1024, 64)),
        row(
            "pool-of-200",
            format!("a pool of {many}"),
            Cpus::All,
            [
                Measurement::RawCrowd { processes: many },
                Measurement::PoolCrowd { workers: many },
            ],
        ),
    ]
}
