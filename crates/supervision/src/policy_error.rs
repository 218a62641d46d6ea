//! Limits that cannot work are refused before anything is started.

use std::time::Duration;

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
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// Refuses a span that no timer should be set to.
pub(crate) fn check_span(option: &'static str, span: Duration) -> Result<(), PolicyError> {
    if (SHORTEST..=LONGEST).contains(&span) {
        return Ok(());
    }
    let advice = "it must be 1 ms to 366 days";
    Err(PolicyError::new(option, format!("{span:?}"), advice))
}
