//! How long to wait before a start that follows failed ones.

use std::time::Duration;

use crate::policy_error::{LONGEST, PolicyError};

/// Time must pass between two starts, or a host would be kept busy by one that only fails.
const SHORTEST: Duration = Duration::from_micros(1);

/// Doubling delays with equal jitter: half of each is fixed, half is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The delay after the first failure, before jitter; at least 1 µs, which is as good as none.
    /// Default 200 ms.
    pub initial: Duration,
    /// The longest delay, before jitter. Default 30 s.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(200),
            max: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The delay after `failures` failures in a row: none after 0, then between half of the
    /// doubled delay and all of it.
    pub fn delay(&self, failures: u32, jitter: &mut Jitter) -> Duration {
        let full = self.full_delay(failures);
        full / 2 + (full / 2).mul_f64(jitter.draw())
    }

    /// The delay after `failures` failures in a row, before jitter.
    pub fn full_delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max)
    }

    /// Refuses delays that would not grow, or would let failures follow each other at once.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.initial < SHORTEST || self.initial > self.max || self.max > LONGEST {
            let advice = "its first delay must be at least 1 µs and not above its longest, which \
                          must be at most 366 days";
            return Err(PolicyError::new(
                "backoff",
                format!("{:?} to {:?}", self.initial, self.max),
                advice,
            ));
        }
        Ok(())
    }
}

/// Random numbers that a seed repeats (xorshift64*): spreading delays needs no more.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// The same seed gives the same draws.
    pub fn new(seed: u64) -> Self {
        // Zero is the one state that never leaves itself; the odd constant spreads close seeds.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number, from 0 up to but not including 1.
    pub fn draw(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_keep_half() {
        let backoff = Backoff::default();
        let mut jitter = Jitter::new(7);
        assert_eq!(backoff.delay(0, &mut jitter), Duration::ZERO);
        for (failures, full) in [(1, 200), (2, 400), (3, 800), (8, 25_600), (9, 30_000)] {
            let delay = backoff.delay(failures, &mut jitter);
            let full = Duration::from_millis(full);
            assert!(delay >= full / 2 && delay <= full, "{failures}: {delay:?}");
        }
        assert!(backoff.delay(u32::MAX, &mut jitter) <= Duration::from_secs(30));
    }

    #[test]
    fn a_seed_repeats_its_draws() {
        let draws = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..4).map(|_| jitter.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(3), draws(3));
        assert_ne!(draws(3), draws(4));
        assert!(draws(0).iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
