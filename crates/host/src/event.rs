//! What happens in a pool, in order.

use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::WorkerId;
use greenroom_supervision::pool::PoolNotice;
use greenroom_supervision::worker::Notice;
use tokio::sync::broadcast;

use crate::job::JobError;
use crate::report::CrashReport;

/// One thing that has happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Its place in the pool's history, from 0, without gaps.
    pub sequence: u64,
    /// How long after the pool's start.
    pub at: Duration,
    /// What has happened.
    pub kind: EventKind,
}

/// What can happen in a pool. For each worker the order is created, started, ready, closed; one
/// that fails on the way skips what it did not reach.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A worker is about to be started.
    Created {
        /// Which.
        worker: WorkerId,
    },
    /// A worker's process runs.
    Started {
        /// Which.
        worker: WorkerId,
        /// Its process.
        pid: u32,
    },
    /// A worker takes jobs.
    Ready {
        /// Which.
        worker: WorkerId,
        /// How long it took since it was created.
        after: Duration,
    },
    /// A job was given to a worker.
    JobLaunched {
        /// The job's id.
        job: String,
        /// Who has it.
        worker: WorkerId,
    },
    /// A job has ended.
    JobFinished {
        /// The job's id.
        job: String,
        /// Who had it.
        worker: WorkerId,
        /// How it failed, if it did.
        error: Option<JobError>,
    },
    /// A job was too large for the worker; its launch has failed.
    JobRefused {
        /// The job's id.
        job: String,
        /// Who was to have it.
        worker: WorkerId,
    },
    /// A job goes back to the head of the queue: it never began, or may be run again.
    JobRequeued {
        /// The job's id.
        job: String,
        /// Who had it.
        worker: WorkerId,
    },
    /// A worker's notice: slow answers, much memory, a wish to be replaced.
    Worker {
        /// Which.
        worker: WorkerId,
        /// What it is.
        notice: Notice,
    },
    /// A worker is gone.
    Closed {
        /// How it lived and ended.
        report: Arc<CrashReport>,
    },
    /// A turn of the pool itself: warm, degraded, recovered, reloaded, a key quarantined, a program
    /// replaced on disk.
    Pool(PoolNotice),
}

/// A pool's events from the moment of asking on.
#[derive(Debug)]
pub struct Events {
    pub(crate) receiver: broadcast::Receiver<Event>,
}

impl Events {
    /// The next event; `None` once the pool is closed. One who is more than 1,024 events behind
    /// misses the oldest: the sequence numbers show it.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
