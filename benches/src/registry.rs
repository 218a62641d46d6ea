//! Everything that is promised and that a benchmark shows. For people it is written down in
//! PROMISES.md, under the same names.

use crate::promise::{Against, Promise, Shown, Target};
use crate::reading::{Figure, Part};

/// They carry bytes as a raw socket does, and look after nothing: no pool, no queue, no supervision.
const CHANNELS: &[&str] = &["ipc-channel"];

/// Every promise that a benchmark shows.
pub const ALL: &[Promise] = &[
    promise(
        "round-trip-pinned-64B",
        "A job of 64 B there and back on one CPU costs at most 1.5 times a raw round trip (median).",
        ("round-trip", "64B-one-cpu", Figure::P50),
        Against::Baseline,
        Target::AtMost(1.5),
    ),
    promise(
        "round-trip-pinned-64B-p99",
        "The same at the 99th percentile: at most 2 times.",
        ("round-trip", "64B-one-cpu", Figure::P99),
        Against::Baseline,
        Target::AtMost(2.0),
    ),
    promise(
        "round-trip-64B",
        "A job of 64 B there and back on two CPUs costs at most 1.5 times a raw round trip (median).",
        ("round-trip", "64B-two-cpus", Figure::P50),
        Against::Baseline,
        Target::AtMost(1.5),
    ),
    promise(
        "round-trip-64B-p99",
        "The same at the 99th percentile: at most 2 times.",
        ("round-trip", "64B-two-cpus", Figure::P99),
        Against::Baseline,
        Target::AtMost(2.0),
    ),
    promise(
        "round-trip-64KiB",
        "A job of 64 KiB there and back on two CPUs.",
        ("round-trip", "64KiB-two-cpus", Figure::P50),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "round-trip-16MiB-bandwidth",
        "16 MiB there and back as a job reach at least 70 % of the bandwidth of a raw copy.",
        ("round-trip", "16MiB-two-cpus", Figure::Bandwidth),
        Against::Baseline,
        Target::AtLeast(0.7),
    ),
    promise(
        "throughput-2-workers",
        "Two workers do at least 100,000 small jobs a second, with 256 in flight.",
        ("throughput", "2-workers-depth-256", Figure::PerSecond),
        Against::Nothing,
        Target::AtLeast(100_000.0),
    ),
    promise(
        "streaming-bandwidth",
        "Streamed output of a job, in pieces of 64 KiB.",
        ("streaming", "pieces-of-64KiB", Figure::Bandwidth),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "latency-beside-stream",
        "A job's round trip on a worker while another of its jobs sends 256 MiB, at the 99th percentile.",
        ("streaming", "job-beside-stream", Figure::P99),
        Against::Nothing,
        Target::Told,
    ),
    promise(
        "start",
        "A worker is ready within at most 1.5 times a raw start of the same program.",
        ("starts", "host-of-10MB", Figure::P50),
        Against::Baseline,
        Target::AtMost(1.5),
    ),
    promise(
        "start-flat-in-host-size",
        "A start from a host of 1 GB takes as long as from one of 10 MB, within 20 %.",
        ("starts", "host-of-1GB", Figure::P50),
        Against::Row("host-of-10MB"),
        Target::AtMost(1.2),
    ),
    promise(
        "ramp-200",
        "A pool of 200 workers is ready.",
        ("starts", "pool-of-200", Figure::Ramp),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "stop-200",
        "A pool of 200 workers has closed.",
        ("starts", "pool-of-200", Figure::Stop),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "launch-warm",
        "From the launch until the job's code runs, one job per worker, 50 a second.",
        ("launches", "50-a-second", Figure::P50),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "launch-warm-p99",
        "The same at the 99th percentile.",
        ("launches", "50-a-second", Figure::P99),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "death-of-worker",
        "A worker's death is told within at most 1.5 times what a process descriptor takes to show it.",
        ("deaths", "worker-death", Figure::P50),
        Against::Baseline,
        Target::AtMost(1.5),
    ),
    promise(
        "replacement-of-worker",
        "A killed worker's replacement is ready.",
        ("deaths", "worker-replacement", Figure::P50),
        Against::Baseline,
        Target::Told,
    ),
    promise(
        "death-of-daemon",
        "A daemon's death is told within at most 1.5 times what a process descriptor takes to show it.",
        ("units", "daemon-death", Figure::P50),
        Against::Baseline,
        Target::AtMost(1.5),
    ),
    promise(
        "replacement-of-daemon",
        "A killed daemon runs again sooner than under runit.",
        ("units", "daemon-replacement", Figure::P50),
        Against::Peer("runit"),
        Target::BetterBy(1.0),
    ),
    promise(
        "idle-memory",
        "An idle worker costs its host at most 16 KiB of memory.",
        ("idle", "1000-workers", Figure::Memory),
        Against::Nothing,
        Target::AtMost(16.0),
    ),
    promise(
        "idle-descriptors",
        "An idle worker costs its host at most 4 descriptors.",
        ("idle", "1000-workers", Figure::Descriptors),
        Against::Nothing,
        Target::AtMost(4.0),
    ),
    promise(
        "idle-threads",
        "However many workers there are, the host has no more threads than for one.",
        ("idle", "1000-workers", Figure::Threads),
        Against::Nothing,
        Target::AtMost(0.0),
    ),
    promise(
        "idle-cpu",
        "1,000 idle workers, pinged every 2.5 s, cost their host at most 0.5 % of one core.",
        ("idle", "1000-workers", Figure::HostCpu),
        Against::Nothing,
        Target::AtMost(0.5),
    ),
    promise(
        "idle-units-wakes",
        "200 idle daemons without checks do not wake their host once in a second.",
        ("units", "idle-daemons", Figure::Wakes),
        Against::Nothing,
        Target::AtMost(1.0),
    ),
    promise(
        "peers-round-trip",
        "On one CPU a round trip is at least 3 times as fast as that of every other pool of processes.",
        ("peers", "round-trip-64B-one-cpu", Figure::P50),
        Against::BestOf(Part::ProcessPeer, CHANNELS),
        Target::BetterBy(3.0),
    ),
    promise(
        "peers-throughput",
        "Throughput is at least 5 times that of every other pool of processes.",
        ("peers", "throughput-2-256", Figure::PerSecond),
        Against::BestOf(Part::ProcessPeer, CHANNELS),
        Target::BetterBy(5.0),
    ),
    promise(
        "peers-channel-round-trip",
        "On one CPU, a round trip beside ipc-channel's, which is a channel without a pool.",
        ("peers", "round-trip-64B-one-cpu", Figure::P50),
        Against::Peer("ipc-channel"),
        Target::Told,
    ),
    promise(
        "peers-threads-round-trip",
        "On one CPU a round trip to a process is not slower than piscina's to a thread.",
        ("peers", "round-trip-64B-one-cpu", Figure::P50),
        Against::Peer("piscina"),
        Target::BetterBy(1.0),
    ),
    promise(
        "peers-threads-throughput",
        "Throughput with processes is not lower than piscina's with threads.",
        ("peers", "throughput-2-256", Figure::PerSecond),
        Against::Peer("piscina"),
        Target::BetterBy(1.0),
    ),
    promise(
        "peers-launch",
        "A job runs in a fresh, warm worker sooner than with livekit-agents' pool.",
        ("peers", "launch", Figure::P50),
        Against::Peer("livekit-proc-pool"),
        Target::BetterBy(1.0),
    ),
];

const fn promise(
    id: &'static str,
    sentence: &'static str,
    (suite, row, figure): (&'static str, &'static str, Figure),
    against: Against,
    target: Target,
) -> Promise {
    Promise {
        id,
        sentence,
        shown_by: Shown { suite, row, figure },
        against,
        target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_words() {
        let words = |id| ALL.iter().find(|it| it.id == id).unwrap().target_words();
        assert_eq!(words("round-trip-pinned-64B"), "at most 1.5x");
        assert_eq!(words("throughput-2-workers"), "at least 100,000 jobs/s");
        assert_eq!(words("idle-cpu"), "at most 0.5 % of a core");
        assert_eq!(words("peers-throughput"), "5x better");
    }

    #[test]
    fn every_promise_has_a_name_of_its_own_and_something_to_be_better_than() {
        for (number, promise) in ALL.iter().enumerate() {
            assert!(ALL[..number].iter().all(|other| other.id != promise.id));
            let alone = matches!(promise.against, Against::Nothing);
            let relative = matches!(promise.target, Target::BetterBy(_));
            assert!(!(alone && relative), "{}", promise.id);
        }
    }
}
