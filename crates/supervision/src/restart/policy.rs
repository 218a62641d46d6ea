//! When to start again, and when to give up.

use std::time::Duration;

use super::Exits;
use crate::Backoff;
use crate::policy_error::{PolicyError, check_span};

/// The highest limit of restarts within a window: each of them is remembered.
pub const MAX_RESTARTS: u32 = 10_000;

/// After which ends a unit is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Restart {
    /// After none: one that ends well is completed, one that does not has failed.
    Never,
    /// After failures; a success completes it.
    #[default]
    OnFailure,
    /// After every end but a fatal one.
    Always,
}

/// When a unit that has ended is started again.
#[derive(Clone, Debug, PartialEq)]
pub struct RestartPolicy {
    /// After which ends. Default: after failures.
    pub restart: Restart,
    /// Restarts within [`window`](Self::window) at most, up to [`MAX_RESTARTS`]; one more gives the
    /// unit up. `None`: no limit. Default 5. So many of the longest delays of the backoff must be
    /// shorter than the window.
    pub max_restarts: Option<u32>,
    /// Default 10 minutes: long enough that a program that lives 59 s each time is given up too.
    pub window: Duration,
    /// The delay before a restart, from the first one on. Default 200 ms, doubling up to 30 s, of
    /// which half is drawn.
    pub backoff: Backoff,
    /// Having been ready for so long makes the next failure a first one for the backoff. Default
    /// 60 s.
    pub reset_after: Duration,
    /// A unit that was given up is tried again after so long, with its counts empty. At least the
    /// window, or the retries would undo its limit. Default: only by a person.
    pub retry_after: Option<Duration>,
    /// Which ends are failures.
    pub exits: Exits,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            restart: Restart::default(),
            max_restarts: Some(5),
            window: Duration::from_secs(600),
            backoff: Backoff::default(),
            reset_after: Duration::from_secs(60),
            retry_after: None,
            exits: Exits::default(),
        }
    }
}

impl RestartPolicy {
    /// Refuses a policy that contradicts itself, above all a limit that the backoff makes
    /// unreachable. Once all delays have grown to the longest, `max_restarts` of them must still be
    /// shorter than the window, or a unit that crashes would never be given up.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.backoff.check()?;
        check_span("window", self.window)?;
        check_span("reset_after", self.reset_after)?;
        if let Some(retry_after) = self.retry_after {
            check_span("retry_after", retry_after)?;
            self.check_retry(retry_after, self.window)?;
        }
        check_limit(self.max_restarts)?;
        if self.restart != Restart::Never {
            self.check_reachable(self.max_restarts, self.window)?;
        }
        Ok(())
    }

    /// Refuses a limit of this policy's unit, or of its group, that the backoff keeps from ever
    /// being reached.
    pub(crate) fn check_reachable(
        &self,
        max_restarts: Option<u32>,
        window: Duration,
    ) -> Result<(), PolicyError> {
        let Some(max_restarts) = max_restarts else {
            return Ok(());
        };
        let slowest = self.backoff.max.saturating_mul(max_restarts);
        if slowest < window {
            return Ok(());
        }
        let Backoff { max, .. } = self.backoff;
        let fits = longest_delay_within(window, max_restarts);
        let advice = format!(
            "it must be more than {slowest:?}, which is max_restarts ({max_restarts}) times the \
             longest delay of the backoff ({max:?}), or a unit that crashes may be never given up: \
             lengthen it, lower max_restarts, set the longest delay to at most {fits:?}, or set \
             max_restarts to none"
        );
        Err(PolicyError::new("window", format!("{window:?}"), advice))
    }

    /// Refuses a retry that would come while the starts before it still count.
    pub(crate) fn check_retry(
        &self,
        retry_after: Duration,
        window: Duration,
    ) -> Result<(), PolicyError> {
        if retry_after >= window {
            return Ok(());
        }
        let advice = format!(
            "it must be at least the window, which is {window:?}, or the retries undo max_restarts"
        );
        Err(PolicyError::new(
            "retry_after",
            format!("{retry_after:?}"),
            advice,
        ))
    }
}

/// The longest delay of which so many (at least one) are shorter than the window, in whole
/// milliseconds if it has any.
fn longest_delay_within(window: Duration, restarts: u32) -> Duration {
    let fits = window.saturating_sub(Duration::from_nanos(1)) / restarts.max(1);
    let below = Duration::from_nanos(u64::from(fits.subsec_nanos() % 1_000_000));
    if fits < Duration::from_millis(1) {
        fits
    } else {
        fits - below
    }
}

/// Refuses a limit of restarts that could not be counted.
pub(crate) fn check_limit(max_restarts: Option<u32>) -> Result<(), PolicyError> {
    match max_restarts {
        Some(limit) if limit > MAX_RESTARTS => Err(PolicyError::new(
            "max_restarts",
            limit.to_string(),
            format!("it must be at most {MAX_RESTARTS}; none means no limit"),
        )),
        _ => Ok(()),
    }
}
