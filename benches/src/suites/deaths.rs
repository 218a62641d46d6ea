//! Workers that die.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "deaths",
    about: "From SIGKILL until the pool tells of a worker's death, beside a process descriptor of the same \
            worker and a blocking poll; and until the next worker is ready, beside a raw start after that.",
    columns: &[Figure::P50, Figure::P99],
    plots: &[Plot {
        file: "deaths",
        title: "From SIGKILL of a pool's worker",
        figure: Figure::P50,
    }],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let deaths = scale.of(200, 3);
    vec![
        row(
            "worker-death",
            "until the death is known",
            Cpus::All,
            [Measurement::WorkerDeaths { deaths }],
        ),
        row(
            "worker-replacement",
            "until the next is ready",
            Cpus::All,
            [Measurement::WorkerReplacements { deaths }],
        ),
    ]
}
