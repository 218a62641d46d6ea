//! Signals as people write them.

use std::str::FromStr;

use nix::sys::signal::Signal;

/// A signal's number, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalNumber(pub(crate) i32);

/// A text names no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no signal: write a name such as TERM or SIGTERM, or a number from 1 to 64")]
pub(crate) struct NoSignal(String);

impl FromStr for SignalNumber {
    type Err = NoSignal;

    fn from_str(text: &str) -> Result<Self, NoSignal> {
        let no_signal = || NoSignal(text.into());
        if let Ok(number) = text.parse() {
            let valid = (1..=64).contains(&number);
            return valid.then_some(Self(number)).ok_or_else(no_signal);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let signal = Signal::from_str(&format!("SIG{name}")).map_err(|_| no_signal())?;
        Ok(Self(signal as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_signals() {
        for (text, number) in [
            ("TERM", 15),
            ("sigint", 2),
            ("SIGUSR1", 10),
            ("9", 9),
            ("64", 64),
        ] {
            assert_eq!(text.parse(), Ok(SignalNumber(number)), "{text}");
        }
        for text in ["", "0", "65", "TREM", "-1"] {
            let error = text.parse::<SignalNumber>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
