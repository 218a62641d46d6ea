//! What a process uses: memory, descriptors, threads, processor time, wake-ups.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use greenroom_benches::reading::{Figure, Figures};
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

/// What this process holds.
#[derive(Debug)]
pub(super) struct Holdings {
    memory: f64,
    descriptors: f64,
    threads: f64,
}

impl Holdings {
    pub(super) fn now() -> Outcome<Self> {
        let count = |what: &str| fs::read_dir(format!("/proc/self/{what}")).map(Iterator::count);
        let statm = fs::read_to_string("/proc/self/statm")?;
        let pages = statm.split_whitespace().nth(1).ok_or("an odd statm")?;
        Ok(Self {
            memory: pages.parse::<f64>()? * rustix::param::page_size() as f64,
            descriptors: count("fd")? as f64,
            threads: count("task")? as f64,
        })
    }

    /// What it holds more than before, for each of so many; threads for all of them.
    pub(super) fn since(&self, before: &Self, many: usize) -> Figures {
        let each = |now: f64, before: f64| (now - before) / many as f64;
        Figures::from([
            (Figure::Memory, each(self.memory, before.memory) / 1024.0),
            (
                Figure::Descriptors,
                each(self.descriptors, before.descriptors),
            ),
            (Figure::Threads, self.threads - before.threads),
        ])
    }
}

/// Processor time of this process so far.
pub(super) fn processor_time() -> Outcome<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))?)
}

/// Processor time of all threads of these processes so far.
pub(super) fn processor_time_of(pids: &[u32]) -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for pid in pids {
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            let first = text.split_whitespace().next().ok_or("an odd schedstat")?;
            nanoseconds += first.parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// In percent of one core.
pub(super) fn percent(busy: Duration, of: Duration) -> f64 {
    100.0 * busy.as_secs_f64() / of.as_secs_f64()
}

/// How often each thread of this process has gone to sleep so far.
pub(super) struct Sleeps(HashMap<u32, u64>);

impl Sleeps {
    pub(super) fn now() -> Outcome<Self> {
        let mut sleeps = HashMap::new();
        for thread in fs::read_dir("/proc/self/task")? {
            let thread = thread?;
            let number = thread.file_name().to_string_lossy().parse()?;
            let status = fs::read_to_string(thread.path().join("status"))?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sleeps.insert(number, line.ok_or("an odd status")?.trim().parse()?);
        }
        Ok(Self(sleeps))
    }

    /// How many there were since then, in threads that still live.
    pub(super) fn since(&self, before: &Self) -> u64 {
        let more = |(thread, now): (&u32, &u64)| now - before.0.get(thread).unwrap_or(&0);
        self.0.iter().map(more).sum()
    }
}
