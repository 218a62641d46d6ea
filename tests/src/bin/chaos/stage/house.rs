//! Where jobs are launched: a pool of the host's own, or one that is a unit.

use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom::{Call, Pool, PoolBuilder, StartError, Stats, Supervisor, Worker};

use crate::processes;

/// Places that the pools keep ready.
pub(crate) const PUPPETS: usize = 3;
pub(crate) const ROGUES: usize = 2;

/// The unit that is a pool.
pub(super) const UNIT: &str = "liars";

/// No busy machine exceeds it, and the longest freeze does.
const PING_TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub(super) enum House {
    Own(Pool),
    Unit(Supervisor),
}

impl House {
    /// The pool, while there is one.
    pub(super) async fn pool(&self) -> Option<Pool> {
        match self {
            Self::Own(pool) => Some(pool.clone()),
            Self::Unit(supervisor) => supervisor.pool(UNIT).await.ok(),
        }
    }

    /// Waits until every place is filled and nothing runs. An error says how it stands instead.
    pub(super) async fn whole(&self, limit: Duration) -> Result<Stats, String> {
        let places = match self {
            Self::Own(_) => PUPPETS,
            Self::Unit(_) => ROGUES,
        };
        let begun = Instant::now();
        loop {
            let stats = match self.pool().await {
                Some(pool) => pool.stats().await,
                None => Stats::default(),
            };
            let moving = stats.starting + stats.busy + stats.leaving + stats.waiting;
            if stats.idle == places && moving + stats.running == 0 {
                return Ok(stats);
            }
            if begun.elapsed() >= limit {
                return Err(format!(
                    "a pool of {places} is not whole after {limit:?}: {stats:?}"
                ));
            }
            // No event tells that the last one has left.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn describe(worker: Worker, places: usize) -> PoolBuilder {
    let quick = Duration::from_millis(20);
    Pool::builder(worker)
        .idle(places)
        .max_workers(places)
        .jobs_per_worker(50)
        .queue(32)
        .queue_deadline(Duration::from_secs(20))
        .backoff(quick, quick * 10)
        .initialize_timeout(Duration::from_secs(20))
        .close_timeout(Duration::from_secs(2))
        .cancel_grace(Duration::from_millis(300))
        .ping_interval(Duration::from_millis(200))
        .ping_timeout(PING_TIMEOUT)
        .on_call(|call: Call| std::future::ready(Ok::<Bytes, String>(call.argument)))
}

pub(super) fn puppet() -> Worker {
    Worker::command(processes::beside("puppet")).hard_memory_limit(256 << 20)
}

pub(super) async fn pool() -> Result<Pool, StartError> {
    describe(puppet(), PUPPETS).start().await
}

pub(super) fn rogues() -> PoolBuilder {
    let rogue = Worker::command(processes::beside("rogue")).arg("serve");
    describe(rogue, ROGUES)
}
