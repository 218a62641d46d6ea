//! What this process holds.

use std::alloc::System;
use std::time::{Duration, Instant};

use cap::Cap;
use greenroom_tests::{children, descriptors, threads};
use tokio::runtime::Handle;

/// Counts every byte.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// By how much the heap may be larger than before: less than one idle worker takes, which is 17 kB.
/// Buffers that are kept for the next use have no fixed size: what a connection reads into, and the
/// queues to the threads that start and measure processes.
const ROOM: usize = 16 << 10;
/// How long what is on its way out may take. Only what stays takes as long.
const LEAVING: Duration = Duration::from_secs(10);

/// What could be left over.
#[derive(Debug)]
pub(crate) struct Held {
    descriptors: usize,
    threads: usize,
    tasks: usize,
    /// Living or dead.
    children: usize,
    heap: usize,
}

impl Held {
    /// What is held once no more than so many tasks are alive; as an error if more stay.
    pub(crate) async fn with_tasks(tasks: usize) -> Result<Self, Self> {
        Self::once(|held| held.tasks <= tasks).await
    }

    /// What is held for good, if it is more than this.
    pub(crate) async fn more_by_now(&self) -> Option<Self> {
        let no_more = |now: &Self| {
            now.descriptors <= self.descriptors
                && now.threads <= self.threads
                && now.tasks <= self.tasks
                && now.children <= self.children
                && now.heap <= self.heap + ROOM
        };
        Self::once(no_more).await.err()
    }

    /// Looks until it is as wanted. No event says when: a task ends a moment after it has told its last
    /// news, and the thread that measures processes opens a file for each.
    async fn once(wanted: impl Fn(&Self) -> bool) -> Result<Self, Self> {
        let begun = Instant::now();
        loop {
            let held = Self::now();
            if wanted(&held) {
                return Ok(held);
            }
            if begun.elapsed() > LEAVING {
                return Err(held);
            }
            tokio::task::yield_now().await;
        }
    }

    fn now() -> Self {
        Self {
            descriptors: descriptors(),
            threads: threads(),
            tasks: Handle::current().metrics().num_alive_tasks(),
            children: children().len(),
            heap: HEAP.allocated(),
        }
    }
}
