//! A pool in numbers.

/// Counts at one moment, and since the pool's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Workers that are being started or prepare themselves.
    pub starting: usize,
    /// Workers without a job.
    pub idle: usize,
    /// Workers with a job or a reservation.
    pub busy: usize,
    /// Workers that are leaving.
    pub leaving: usize,
    /// Jobs and reservations that wait for a worker.
    pub waiting: usize,
    /// Jobs that are running.
    pub running: usize,
    /// Keys in quarantine: see [`PoolBuilder::quarantine`](crate::PoolBuilder::quarantine).
    pub quarantined: usize,
    /// Jobs given to a worker since the start, each attempt counted.
    pub launched: u64,
    /// Jobs that ended well since the start.
    pub succeeded: u64,
    /// Jobs that did not.
    pub failed: u64,
    /// Workers created since the start.
    pub workers_created: u64,
    /// Workers that have ended since the start without having been asked to.
    pub workers_lost: u64,
    /// The most memory that any worker that has ended was seen to use, in bytes.
    pub peak_worker_memory: u64,
}
