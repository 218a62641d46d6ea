//! Daemons under a supervisor.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "units",
    about: "From SIGKILL of a daemon until its exit is reported, beside a process descriptor and a \
            blocking poll; until it runs again, beside runit; and what daemons cost that do nothing.",
    columns: &[
        Figure::P50,
        Figure::P99,
        Figure::Memory,
        Figure::Descriptors,
        Figure::Threads,
        Figure::HostCpu,
        Figure::Wakes,
    ],
    plots: &[Plot {
        file: "units",
        title: "From SIGKILL of a daemon",
        figure: Figure::P50,
    }],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let units = scale.of(200, 4);
    let mut rows = vec![row(
        "daemon-death",
        "until the death is known",
        Cpus::All,
        [Measurement::DaemonDeaths {
            deaths: scale.of(200, 3),
        }],
    )];
    rows.push(row(
        "daemon-replacement",
        "until it runs again",
        Cpus::All,
        [Measurement::DaemonReplacements {
            deaths: scale.of(5, 1),
        }],
    ));
    rows.push(row(
        "idle-daemons",
        format!("{units} idle daemons"),
        Cpus::All,
        [Measurement::IdleUnits {
            units,
            seconds: scale.of(10, 1),
        }],
    ));
    rows
}
