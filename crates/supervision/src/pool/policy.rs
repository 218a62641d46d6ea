//! How many workers a pool keeps, and how long jobs may wait for one.

use std::time::Duration;

use super::OnChangedBuild;
use crate::backoff::Backoff;
use crate::policy_error::PolicyError;

/// The limits of a pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolPolicy {
    /// Places for jobs that are kept ready while nothing waits. Default: the processors.
    pub idle: usize,
    /// Processes at most, those that are leaving included. Default: the larger of 16 and four times
    /// `idle`.
    pub max_workers: usize,
    /// Jobs that one process may run in its life; `None` means no limit. Default 1.
    pub jobs_per_worker: Option<u64>,
    /// How long a worker serves, counted from when it is ready; then another takes its place. `None`
    /// means no limit, which is the default.
    pub max_age: Option<Duration>,
    /// By which part, at most, a worker's own limits of jobs, age and memory are lower than these, so
    /// that workers that were started together are not replaced together: 0 to 0.9. Default 0.1.
    pub spread: f64,
    /// Workers that may be starting at once. Default: the processors, at most 4.
    pub init_concurrency: usize,
    /// Jobs that may wait for a worker. Default 1,024.
    pub queue: usize,
    /// How long a job may wait for a worker. Default 30 s.
    pub queue_deadline: Duration,
    /// The delays between starts that fail.
    pub backoff: Backoff,
    /// Failed starts in a row after which waiting jobs are told instead of kept. Default 3.
    pub start_attempts: u32,
    /// A failure that follows this much quiet counts as a first one again. Default 60 s.
    pub quiet: Duration,
    /// How long more workers than `idle` may stay without work. Default 30 s.
    pub linger: Duration,
    /// How many different workers must have died of jobs with the same key until it is quarantined:
    /// 1 to 100; `None` means never. Default 3.
    pub quarantine_after: Option<u32>,
    /// Keys whose deaths are remembered, at most: 1 to 65,536. Default 1,024.
    pub quarantine_keys: usize,
    /// What becomes of workers whose program was replaced on disk. Default: they serve.
    pub on_changed_build: OnChangedBuild,
    /// What makes the delays of several pools differ. Default: drawn by the host.
    pub seed: u64,
}

impl PoolPolicy {
    /// The defaults for a machine with this many processors.
    pub fn for_processors(processors: usize) -> Self {
        let processors = processors.max(1);
        Self {
            idle: processors,
            max_workers: Self::default_max(processors),
            jobs_per_worker: Some(1),
            max_age: None,
            spread: 0.1,
            init_concurrency: processors.min(4),
            queue: 1024,
            queue_deadline: Duration::from_secs(30),
            backoff: Backoff::default(),
            start_attempts: 3,
            quiet: Duration::from_secs(60),
            linger: Duration::from_secs(30),
            quarantine_after: Some(3),
            quarantine_keys: 1024,
            on_changed_build: OnChangedBuild::Warn,
            seed: 0,
        }
    }

    /// The default of `max_workers` for so many idle ones.
    pub fn default_max(idle: usize) -> usize {
        idle.saturating_mul(4).max(16)
    }

    /// Refuses limits under which no job could run.
    pub fn check(&self) -> Result<(), PolicyError> {
        for (option, count) in [
            ("max_workers", self.max_workers),
            ("init_concurrency", self.init_concurrency),
            ("queue", self.queue),
            ("start_attempts", self.start_attempts as usize),
        ] {
            if count == 0 {
                return Err(PolicyError::new(option, "0", "it must be at least 1"));
            }
        }
        if self.max_workers > MOST_WORKERS {
            let advice = format!("it must not exceed {MOST_WORKERS}");
            return Err(PolicyError::new(
                "max_workers",
                self.max_workers.to_string(),
                advice,
            ));
        }
        if self.idle > self.max_workers {
            let advice = format!(
                "it must not exceed max_workers, which is {}",
                self.max_workers
            );
            return Err(PolicyError::new("idle", self.idle.to_string(), advice));
        }
        if self.jobs_per_worker == Some(0) {
            let advice = "it must be at least 1; use None for no limit";
            return Err(PolicyError::new("jobs_per_worker", "0", advice));
        }
        if self.max_age.is_some_and(|age| age < SHORTEST_AGE) {
            let advice = "it must be at least 1 s, or workers would do nothing but start";
            let age = self.max_age.unwrap_or_default();
            return Err(PolicyError::new("max_age", format!("{age:?}"), advice));
        }
        if !(0.0..=0.9).contains(&self.spread) {
            let advice = "it must be 0 to 0.9";
            return Err(PolicyError::new("spread", self.spread.to_string(), advice));
        }
        if let Some(after) = self.quarantine_after
            && !(1..=MOST_DEATHS).contains(&after)
        {
            let advice = format!("it must be 1 to {MOST_DEATHS}; use None for no quarantine");
            return Err(PolicyError::new("quarantine", after.to_string(), advice));
        }
        if !(1..=MOST_KEYS).contains(&self.quarantine_keys) {
            let advice = format!("it must be 1 to {MOST_KEYS}");
            let keys = self.quarantine_keys.to_string();
            return Err(PolicyError::new("quarantine_keys", keys, advice));
        }
        if self.queue_deadline.is_zero() {
            let advice = "it must be longer, or no job could ever wait";
            return Err(PolicyError::new("queue_deadline", "0 s", advice));
        }
        self.backoff.check()
    }
}

/// Who died is remembered one by one, for each key.
const MOST_DEATHS: u32 = 100;
const MOST_KEYS: usize = 65_536;
const SHORTEST_AGE: Duration = Duration::from_secs(1);
/// Two descriptors and a process each: no machine that this was tried on holds more.
const MOST_WORKERS: usize = 32_768;
