//! Fresh workers for every job.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "launches",
    about: "One job per worker at a steady rate: from the launch until the job's code runs, with \
            workers kept warm, beside the same with none.",
    columns: &[Figure::P50, Figure::P99],
    plots: &[Plot {
        file: "launches",
        title: "From the launch until the job's code runs, each job in a worker of its own",
        figure: Figure::P50,
    }],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    [20, 50]
        .into_iter()
        .map(|per_second| {
            let jobs = scale.of(5 * per_second as usize, 5);
            let launches = |idle| Measurement::Launches {
                idle,
                per_second,
                jobs,
            };
            let mut row = row(
                format!("{per_second}-a-second"),
                format!("{per_second} jobs a second"),
                Cpus::All,
                [launches(0), launches(4)],
            );
            row.baseline = "none kept warm";
            row
        })
        .collect()
}
