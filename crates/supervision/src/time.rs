//! Points on a monotonic clock, without the clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in monotonic time: how long after the driver's origin it is.
///
/// All machines of one host share one origin, so that they can agree on a grid of times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(Duration);

impl Time {
    /// The origin itself.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The point `since_origin` after the origin.
    pub const fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// How long after the origin this is.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The first multiple of `step` that lies after this point. `step` must not be zero.
    pub fn next_on_grid(self, step: Duration) -> Self {
        let step = step.as_nanos().max(1);
        let next = (self.0.as_nanos() / step + 1) * step;
        Self(Duration::from_nanos(
            u64::try_from(next).unwrap_or(u64::MAX),
        ))
    }

    /// The last multiple of `step` that is not after this point. `step` must not be zero.
    pub fn last_on_grid(self, step: Duration) -> Self {
        let step = step.as_nanos().max(1);
        let last = self.0.as_nanos() / step * step;
        Self(Duration::from_nanos(
            u64::try_from(last).unwrap_or(u64::MAX),
        ))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates: a limit of `Duration::MAX` is a deadline that never comes.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Time> for Time {
    type Output = Duration;

    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
