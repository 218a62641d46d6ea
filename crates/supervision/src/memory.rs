//! How often to measure the memory of a worker or unit, when to warn and when to kill.

use std::time::Duration;

use crate::Time;
use crate::policy_error::PolicyError;

/// The least time between two samples of one worker.
const FLOOR: Duration = Duration::from_millis(50);
/// The least time between two warnings, unless memory has grown by [`WARN_AGAIN_AFTER`].
const WARN_EVERY: Duration = Duration::from_secs(120);
/// Bytes a second that a worker at work may begin to take at any moment, however calm it was.
const FASTEST: f64 = 1e9;
const WARN_AGAIN_AFTER: u64 = 50_000_000;

/// The bounds of one worker or unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryPolicy {
    /// Resident bytes from which on there is a warning.
    pub(crate) warn: Option<u64>,
    /// Resident bytes from which on it is killed.
    pub(crate) limit: Option<u64>,
    /// How often it is measured while nothing happens.
    pub(crate) sample: Duration,
}

impl MemoryPolicy {
    /// Refuses a warning that comes after the kill, and figures that cannot be bytes.
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        if let (Some(warn), Some(limit)) = (self.warn, self.limit)
            && warn > limit
        {
            let advice = format!("it must not exceed memory_limit, which is {limit} bytes");
            return Err(PolicyError::new("memory_warn", warn.to_string(), advice));
        }
        for (option, bytes) in [("memory_warn", self.warn), ("memory_limit", self.limit)] {
            if let Some(bytes) = bytes
                && bytes < 1 << 20
            {
                let advice = "it counts bytes and must be at least 1048576 (1 MiB)";
                return Err(PolicyError::new(option, bytes.to_string(), advice));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    peak: u64,
    last: Option<(Time, u64)>,
    warned: Option<(Time, u64)>,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    Warn,
    Kill { limit: u64 },
}

impl Memory {
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    /// Judges a sample. Zero is what a dead process shows: it says nothing.
    pub(crate) fn observe(
        &mut self,
        now: Time,
        rss: u64,
        idle: bool,
        policy: &MemoryPolicy,
    ) -> Verdict {
        self.peak = self.peak.max(rss);
        let growth = self.growth(now, rss);
        self.last = Some((now, rss));
        self.interval = self.next_interval(rss, growth, idle, policy);
        match policy.limit {
            Some(limit) if rss > limit => return Verdict::Kill { limit },
            _ => {}
        }
        if policy.warn.is_some_and(|warn| rss > warn) && self.may_warn(now, rss) {
            self.warned = Some((now, rss));
            return Verdict::Warn;
        }
        Verdict::Fine
    }

    /// When to measure next. Far from the limit all workers of a host meet on one grid, so that one
    /// wake-up serves them all.
    pub(crate) fn next_sample(&self, now: Time, policy: &MemoryPolicy) -> Time {
        if self.interval >= policy.sample {
            now.next_on_grid(policy.sample)
        } else {
            now + self.interval
        }
    }

    /// A job begins: what was known of its worker's appetite is no longer worth much.
    pub(crate) fn hurry(&mut self, now: Time, policy: &MemoryPolicy) -> Option<Time> {
        policy.limit?;
        self.interval = FLOOR.min(policy.sample);
        Some(now + self.interval)
    }

    /// Bytes a second since the last sample.
    fn growth(&self, now: Time, rss: u64) -> f64 {
        let Some((at, before)) = self.last else {
            return 0.0;
        };
        let elapsed = (now - at).as_secs_f64();
        if elapsed > 0.0 {
            rss.saturating_sub(before) as f64 / elapsed
        } else {
            0.0
        }
    }

    /// Twice the last interval. At work, no longer than the fastest growth takes to the limit, so
    /// that it is exceeded by no more than once. At the growth that was seen, four times before the
    /// limit would be reached, and within a tenth of the interval once nine tenths of the limit are
    /// used.
    fn next_interval(&self, rss: u64, growth: f64, idle: bool, policy: &MemoryPolicy) -> Duration {
        let base = policy.sample;
        let Some(limit) = policy.limit else {
            return base;
        };
        let mut next = (self.interval.max(FLOOR) * 2).min(base);
        let headroom = limit.saturating_sub(rss) as f64;
        if growth > 0.0 {
            let reached = Duration::try_from_secs_f64(headroom / growth).unwrap_or(Duration::MAX);
            next = next.min(reached / 4);
        }
        if !idle {
            let soonest = Duration::try_from_secs_f64(headroom / FASTEST);
            next = next.min(soonest.unwrap_or(Duration::MAX));
        }
        if headroom < limit as f64 / 10.0 {
            next = next.min(base / 10);
        }
        next.max(FLOOR.min(base))
    }

    fn may_warn(&self, now: Time, rss: u64) -> bool {
        self.warned.is_none_or(|(at, before)| {
            now - at >= WARN_EVERY || rss >= before.saturating_add(WARN_AGAIN_AFTER)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;
    const UNBOUNDED: MemoryPolicy = MemoryPolicy {
        warn: None,
        limit: None,
        sample: Duration::from_secs(5),
    };

    fn at(secs: u64) -> Time {
        Time::from_origin(Duration::from_secs(secs))
    }

    #[test]
    fn a_warning_comes_again_after_two_minutes_or_fifty_megabytes() {
        let policy = MemoryPolicy {
            warn: Some(500 * MB),
            ..UNBOUNDED
        };
        let mut memory = Memory::default();
        assert_eq!(
            memory.observe(at(1000), 520 * MB, true, &policy),
            Verdict::Warn
        );
        assert_eq!(
            memory.observe(at(1005), 521 * MB, true, &policy),
            Verdict::Fine
        );
        assert_eq!(
            memory.observe(at(1010), 522 * MB, true, &policy),
            Verdict::Fine
        );
        assert_eq!(
            memory.observe(at(1015), 571 * MB, true, &policy),
            Verdict::Warn
        );
        assert_eq!(
            memory.observe(at(1135), 522 * MB, true, &policy),
            Verdict::Warn
        );
    }

    #[test]
    fn samples_come_sooner_the_faster_it_grows() {
        let policy = MemoryPolicy {
            limit: Some(1_000 * MB),
            ..UNBOUNDED
        };
        let mut memory = Memory::default();
        memory.observe(at(0), 10 * MB, true, &policy);
        memory.observe(at(5), 10 * MB, true, &policy);
        let idle = memory.interval;
        memory.observe(at(6), 610 * MB, true, &policy);
        // 390 MB are left at 600 MB/s.
        assert!(memory.interval < idle && memory.interval < Duration::from_millis(170));
        memory.observe(at(7), 960 * MB, true, &policy);
        assert_eq!(memory.interval, FLOOR);
    }

    #[test]
    fn without_a_limit_samples_keep_to_the_grid() {
        let policy = UNBOUNDED;
        let mut memory = Memory::default();
        memory.observe(at(3), 10 * MB, true, &policy);
        assert_eq!(memory.next_sample(at(3), &policy), at(5));
        assert_eq!(memory.next_sample(at(5), &policy), at(10));
    }
}
