//! The limits one worker lives under.

use std::time::Duration;

use greenroom_protocol::Limits;

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
            memory_sample: Duration::from_secs(5),
            cancel_grace: Duration::from_secs(5),
            max_extension: Duration::from_secs(60),
            max_calls: 64,
            max_slots: None,
            limits: Limits::default(),
        }
    }
}

/// A limit that cannot work, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} is {value}: {advice}")]
pub struct PolicyError {
    /// The option's name.
    pub option: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it must be.
    pub advice: String,
}

impl PolicyError {
    /// `option` is `value`, but it must be as `advice` says.
    pub fn new(option: &'static str, value: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            option,
            value: value.into(),
            advice: advice.into(),
        }
    }
}

/// Longer than any process lives; a timer of the operating system can still hold it.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const SHORTEST: Duration = Duration::from_millis(1);

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
            if !(SHORTEST..=LONGEST).contains(&span) {
                let advice = "it must be 1 ms to 366 days";
                return Err(PolicyError::new(option, format!("{span:?}"), advice));
            }
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
        if let (Some(warn), Some(limit)) = (self.memory_warn, self.memory_limit)
            && warn > limit
        {
            let advice = format!("it must not exceed memory_limit, which is {limit} bytes");
            return Err(PolicyError::new("memory_warn", warn.to_string(), advice));
        }
        for (option, bytes) in [
            ("memory_warn", self.memory_warn),
            ("memory_limit", self.memory_limit),
        ] {
            if bytes.is_some_and(|bytes| bytes < 1 << 20) {
                let advice = "it counts bytes and must be at least 1048576 (1 MiB)";
                return Err(PolicyError::new(
                    option,
                    bytes.unwrap_or_default().to_string(),
                    advice,
                ));
            }
        }
        if self.max_slots == Some(0) {
            return Err(PolicyError::new("max_slots", "0", "it must be at least 1"));
        }
        if let Some(problem) = self.limits.out_of_range() {
            return Err(PolicyError::new("limits", "unusable", problem));
        }
        Ok(())
    }
}
