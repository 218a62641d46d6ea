//! Why a job, or a worker's preparation, did not succeed.

use std::error::Error;
use std::fmt;

use greenroom_protocol::{FailureKind, JobFailure};

/// What a handler returns.
pub type Result<T = bytes::Bytes> = std::result::Result<T, Failure>;

/// Why a job, or a worker's preparation, did not succeed.
///
/// Every [`std::error::Error`] turns into one with `?`: the message is its text and those of its
/// sources, joined by `": "`. Like `anyhow::Error` it therefore is no [`std::error::Error`] itself.
///
/// ```
/// use worker::Failure;
///
/// fn number(text: &str) -> worker::Result<u32> {
///     if text.is_empty() {
///         return Err(Failure::invalid_input("expected a number, got nothing"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(number("x").unwrap_err().message, "invalid digit found in string");
/// assert!(Failure::new("the disk is full").retryable().retryable);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// In words. The host gets at most the first 16 KiB.
    pub message: String,
    /// Whether the same job may succeed another time. Default `false`.
    pub retryable: bool,
}

impl Failure {
    /// Something went wrong: [`FailureKind::ERROR`], not retryable.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::ERROR,
            message: message.into(),
            retryable: false,
        }
    }

    /// The job itself is unusable: [`FailureKind::INVALID_INPUT`], not retryable.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::INVALID_INPUT,
            ..Self::new(message)
        }
    }

    /// Says that the same job may succeed another time.
    #[must_use]
    pub fn retryable(self) -> Self {
        Self {
            retryable: true,
            ..self
        }
    }

    /// That a job never began is the session's to say, not a handler's.
    pub(crate) fn of_a_handler(mut self) -> Self {
        if self.kind == FailureKind::REJECTED {
            self.kind = FailureKind::ERROR;
        }
        self
    }

    /// As it goes to the host.
    pub(crate) fn to_wire(&self) -> JobFailure {
        JobFailure {
            kind: self.kind,
            message: capped(&self.message).to_owned(),
            retryable: self.retryable,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(message)
    }
}

/// The beginning of a text, as much of it as is put on the wire: it must fit in any frame.
pub(crate) fn capped(text: &str) -> &str {
    const MAX_TEXT: usize = 16 << 10;
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the picture")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn an_error_becomes_its_text_and_those_of_its_sources() {
        let cause = "x".parse::<u8>().unwrap_err();
        let failure = Failure::from(Outer(cause));
        assert_eq!(
            failure.message,
            "cannot read the picture: invalid digit found in string"
        );
        assert_eq!(failure.kind, FailureKind::ERROR);
        assert!(!failure.retryable);
    }

    #[test]
    fn a_long_message_is_cut_between_two_characters() {
        let failure = Failure::new("é".repeat(10_000) + "a").to_wire();
        assert_eq!(failure.message.len(), 16 << 10);
        let failure = Failure::new(format!("a{}", "é".repeat(10_000))).to_wire();
        assert_eq!(failure.message.len(), (16 << 10) - 1);
    }
}
