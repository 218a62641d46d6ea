//! Many workers that do nothing.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "idle",
    about: "What workers cost their host while they do nothing but answer pings, every 2.5 s each, \
            beside as many processes that answer as many bytes to blocking calls.",
    columns: &[
        Figure::Memory,
        Figure::Descriptors,
        Figure::Threads,
        Figure::HostCpu,
        Figure::WorkersCpu,
    ],
    plots: &[
        Plot {
            file: "idle-memory",
            title: "Host memory for each idle worker",
            figure: Figure::Memory,
        },
        Plot {
            file: "idle-cpu",
            title: "Processor time of the host of idle workers",
            figure: Figure::HostCpu,
        },
    ],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let seconds = scale.of(10, 1);
    [(200, scale.of(200, 4)), (1_000, scale.of(1_000, 8))]
        .into_iter()
        .map(|(name, workers)| {
            row(
                format!("{name}-workers"),
                format!("{workers} workers"),
                Cpus::All,
                [
                    Measurement::RawIdle {
                        processes: workers,
                        seconds,
                    },
                    Measurement::IdleWorkers { workers, seconds },
                ],
            )
        })
        .collect()
}
