//! Others, beside the same thing done by Greenroom.

use greenroom_benches::plot::Plot;
use greenroom_benches::reading::Figure;

use super::{PlannedRow, Scale, Suite, Turn, bytes};
use crate::measure::{Measurement, Pipeline};
use crate::peers::{PeerOrder, Task};
use crate::place::Cpus;

pub(super) const SUITE: Suite = Suite {
    name: "peers",
    about: "The same jobs by other libraries, each as its users would write it: the same payload, \
            number of workers and jobs in flight, after a warm-up.",
    columns: &[Figure::P50, Figure::P99, Figure::PerSecond],
    plots: &[
        Plot {
            file: "peers-latency",
            title: "One job at a time by Greenroom and by others",
            figure: Figure::P50,
        },
        Plot {
            file: "peers-throughput",
            title: "Jobs in a second by Greenroom and by others",
            figure: Figure::PerSecond,
        },
    ],
    rows,
};

fn rows(scale: &Scale<'_>) -> Vec<PlannedRow> {
    let mut rows = Vec::new();
    for (cpus, place, words) in [(Cpus::One, "-one-cpu", " on one CPU"), (Cpus::All, "", "")] {
        for (payload, full) in [(64, 5_000), (64 << 10, 2_000)] {
            let trips = scale.of(full, 20);
            let task = Task {
                what: "round_trip",
                payload,
                workers: 1,
                depth: 1,
                jobs: trips,
            };
            let ours = Measurement::JobTrips { payload, trips };
            let size = bytes(payload);
            let id = format!("round-trip-{size}{place}");
            let title = format!("round trip {size}{words}");
            rows.push(row(scale, id, title, cpus, ours, task));
        }
    }
    for (workers, depth) in [(1, 16), (2, 16), (2, 256)] {
        let (payload, jobs) = (64, scale.of(20_000, 100));
        let task = Task {
            what: "throughput",
            payload,
            workers,
            depth,
            jobs,
        };
        let ours = Measurement::JobPipeline(Pipeline {
            payload,
            workers,
            depth,
            jobs,
        });
        let id = format!("throughput-{workers}-{depth}");
        let title = format!("64B, workers: {workers}, in flight: {depth}");
        rows.push(row(scale, id, title, Cpus::All, ours, task));
    }
    let (workers, jobs) = (2, scale.of(10, 2));
    let task = Task {
        what: "launch",
        payload: 64,
        workers,
        depth: 1,
        jobs,
    };
    let ours = Measurement::Launches {
        idle: workers,
        per_second: 2,
        jobs,
    };
    let title = "launch in a warm, fresh worker";
    rows.push(row(
        scale,
        "launch".into(),
        title.into(),
        Cpus::All,
        ours,
        task,
    ));
    rows
}

/// Greenroom, then everybody who can do it.
fn row(
    scale: &Scale<'_>,
    id: String,
    title: String,
    cpus: Cpus,
    ours: Measurement,
    task: Task,
) -> PlannedRow {
    let able = scale.peers.iter().filter(|peer| peer.can(task.what));
    let theirs = able.map(|peer| {
        let peer = peer.clone();
        Turn::Peer(PeerOrder { peer, task })
    });
    PlannedRow {
        id,
        title,
        baseline: "greenroom",
        cpus,
        turns: std::iter::once(Turn::Ours(ours)).chain(theirs).collect(),
    }
}
