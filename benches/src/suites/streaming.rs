//! Output of one job as a stream.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, bytes, row};
use crate::measure::Measurement;
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "streaming",
    about: "Output of one job, read as a stream, beside raw writes and reads of the same size. And a \
            job of 64 B there and back on a worker while another of its jobs sends 256 MiB: it takes a \
            ping's way, so a ping takes no longer.",
    columns: &[Figure::Bandwidth, Figure::P50, Figure::P99],
    plots: &[
        Plot {
            file: "streaming",
            title: "Streamed output of one job, beside raw writes",
            figure: Figure::Bandwidth,
        },
        Plot {
            file: "streaming-latency",
            title: "A job of 64 B on a worker while another of its jobs sends 256 MiB",
            figure: Figure::P99,
        },
    ],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let mut rows = Vec::new();
    for piece in [4 << 10, 64 << 10, 256 << 10] {
        let total = scale.of(1 << 30, 4 << 20);
        let size = bytes(piece);
        rows.push(row(
            format!("pieces-of-{size}"),
            format!("pieces of {size}"),
            Cpus::All,
            [
                Measurement::RawStream { piece, total },
                Measurement::JobStream { piece, total },
            ],
        ));
    }
    let total = scale.of(256 << 20, 16 << 20);
    let trips = scale.of(2_000, 50);
    let mut beside = row(
        "job-beside-stream",
        "64 B job beside a stream",
        Cpus::All,
        [Measurement::JobsBesideStream { total, trips }],
    );
    beside.baseline = "nothing flows";
    rows.push(beside);
    rows
}
