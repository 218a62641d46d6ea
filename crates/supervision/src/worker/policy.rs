//! The limits one worker lives under.

use std::time::Duration;

use greenroom_protocol::Limits;

use crate::memory::MemoryPolicy;
use crate::policy_error::{LONGEST, PolicyError, check_span};

/// The limits of one worker's life. The defaults are LiveKit Agents' where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerPolicy {
    /// From the order to start it until it is ready. Default 10 s.
    pub initialize_timeout: Duration,
    /// From the request to leave until it has exited. Default 10 s.
    pub close_timeout: Duration,
    /// How often it is pinged. Default 2.5 s.
    pub ping_interval: Duration,
    /// How long it may leave pings unanswered. Default 60 s.
    pub ping_timeout: Duration,
    /// From which answer time on there is a warning. Default 0.5 s.
    pub high_ping: Duration,
    /// Resident bytes from which on there is a warning; `None` for none. Default 1,000 MB.
    pub memory_warn: Option<u64>,
    /// Resident bytes from which on it is killed; `None` for no limit, the default.
    pub memory_limit: Option<u64>,
    /// Resident bytes from which on it is told that it has outgrown its place, so that a pool replaces
    /// it; `None` for never, the default.
    pub max_rss: Option<u64>,
    /// How often memory is measured while nothing happens. Near the limit, and after each launch,
    /// it is measured sooner, down to every 50 ms. Default 5 s.
    pub memory_sample: Duration,
    /// How long a cancelled job may take to stop before its worker is killed. Default 5 s.
    pub cancel_grace: Duration,
    /// By how much a worker may extend each of its deadlines in all. Default 60 s.
    pub max_extension: Duration,
    /// How many calls to its host a worker may have under way. Default 64.
    pub max_calls: usize,
    /// The most jobs it may run at a time, whatever it offers. Default: what it offers.
    pub max_slots: Option<u32>,
    /// What the host is willing to receive; the worker may lower it.
    pub limits: Limits,
}

impl Default for WorkerPolicy {
    fn default() -> Self {
        Self {
            initialize_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_millis(2_500),
            ping_timeout: Duration::from_secs(60),
            high_ping: Duration::from_millis(500),
            memory_warn: Some(1_000_000_000),
            memory_limit: None,
            max_rss: None,
            memory_sample: Duration::from_secs(5),
            cancel_grace: Duration::from_secs(5),
            max_extension: Duration::from_secs(60),
            max_calls: 64,
            max_slots: None,
            limits: Limits::default(),
        }
    }
}

impl WorkerPolicy {
    /// Refuses limits under which no worker could live.
    pub fn check(&self) -> Result<(), PolicyError> {
        for (option, span) in [
            ("initialize_timeout", self.initialize_timeout),
            ("close_timeout", self.close_timeout),
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
            ("high_ping", self.high_ping),
            ("memory_sample", self.memory_sample),
            ("cancel_grace", self.cancel_grace),
        ] {
            check_span(option, span)?;
        }
        if self.max_extension > LONGEST {
            let span = format!("{:?}", self.max_extension);
            let advice = "it must be at most 366 days; 0 grants nothing";
            return Err(PolicyError::new("max_extension", span, advice));
        }
        if self.ping_timeout <= self.ping_interval {
            return Err(PolicyError::new(
                "ping_timeout",
                format!("{:?}", self.ping_timeout),
                format!(
                    "it must be longer than ping_interval, which is {:?}",
                    self.ping_interval
                ),
            ));
        }
        self.memory().check()?;
        if self.max_slots == Some(0) {
            return Err(PolicyError::new("max_slots", "0", "it must be at least 1"));
        }
        if let Some(problem) = self.limits.out_of_range() {
            return Err(PolicyError::new("limits", "unusable", problem));
        }
        Ok(())
    }

    pub(super) fn memory(&self) -> MemoryPolicy {
        MemoryPolicy {
            warn: self.memory_warn,
            limit: self.memory_limit,
            sample: self.memory_sample,
        }
    }
}
