//! Times and sizes as people write them: `2.5s`, `512MiB`. The same on the command line and in the
//! configuration file: both types read text ([`FromStr`]) and TOML or JSON text ([`Deserialize`]).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A length of time, from 0 to a year: longer ones are slips, and clocks cannot add them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    /// The longest.
    pub(crate) const LONGEST: Self = Self(Duration::from_secs(366 * 24 * 60 * 60));

    /// A time that is to pass: 0 would mean never or at once, depending on whom one asks.
    pub(crate) fn positive(text: &str) -> Result<Self, QuantityError> {
        let span: Self = text.parse()?;
        if span.0.is_zero() {
            return Err(QuantityError::Nothing);
        }
        Ok(span)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

/// A text is no time or no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuantityError {
    #[error("{0:?} is not a length of time: write a number and its unit, for example {SPANS}")]
    NoSpan(String),
    #[error("{0:?} is negative: write a length of time such as {SPANS}")]
    Negative(String),
    #[error("{0:?} is longer than a year: write a length of time such as {SPANS}")]
    TooLong(String),
    #[error("it must be longer than nothing: write for example 2.5s")]
    Nothing,
    #[error("{0:?} is not a size: write a number and its unit, for example {SIZES}")]
    NoSize(String),
}

const SPANS: &str = "2.5s, 200ms or 1m30s";
const SIZES: &str = "512MiB, 1.5GiB or 64kB";

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let span: SignedDuration = text
            .parse()
            .map_err(|_| QuantityError::NoSpan(text.into()))?;
        let span = Duration::try_from(span).map_err(|_| QuantityError::Negative(text.into()))?;
        if span > Self::LONGEST.0 {
            return Err(QuantityError::TooLong(text.into()));
        }
        Ok(Self(span))
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let size: ByteSize = text
            .parse()
            .map_err(|_| QuantityError::NoSize(text.into()))?;
        Ok(Self(size.as_u64()))
    }
}

/// As it can be read again.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whatever was read fits.
        let span = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{span:#}")
    }
}

/// As it can be read again, rounded to a tenth of its unit.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text {
            expected: "a length of time as text, for example \"2.5s\"",
            read: str::parse,
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text {
            expected: "a size as text, for example \"512MiB\"",
            read: str::parse,
        })
    }
}

/// Accepts text only: a bare number does not say its unit.
struct Text<T> {
    expected: &'static str,
    read: fn(&str) -> Result<T, QuantityError>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Result<Duration, String> {
        let span: Result<Span, _> = text.parse();
        span.map(|span| span.0).map_err(|error| error.to_string())
    }

    fn size(text: &str) -> Result<u64, String> {
        let size: Result<Size, _> = text.parse();
        size.map(|size| size.0).map_err(|error| error.to_string())
    }

    #[test]
    fn times_are_numbers_with_units() {
        for (text, millis) in [
            ("2.5s", 2_500),
            ("200ms", 200),
            ("1m30s", 90_000),
            ("1 hour 2 minutes", 3_720_000),
            ("0s", 0),
        ] {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_right_one() {
        for text in [
            "",
            "5",
            "s",
            "five seconds",
            "1e3s",
            "-2s",
            "400000h",
            "NaNs",
        ] {
            let error = span(text).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
            assert!(error.contains("2.5s"), "{error}");
        }
    }

    #[test]
    fn sizes_are_numbers_with_units() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("64kB", 64_000),
            ("100", 100),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_a_right_one() {
        for text in ["", "MiB", "-1MiB", "12 parsecs"] {
            let error = size(text).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
            assert!(error.contains("512MiB"), "{error}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for text in ["2.5s", "200ms", "90s"] {
            let shown = Span(span(text).unwrap()).to_string();
            assert_eq!(span(&shown), span(text), "{shown}");
        }
        assert_eq!(Size(512 << 20).to_string(), "512.0 MiB");
        assert_eq!(size("512.0 MiB"), Ok(512 << 20));
    }

    #[test]
    fn a_file_must_give_them_as_text() {
        let read = |json: &str| serde_json::from_str::<Span>(json).map(|span| span.0);
        assert_eq!(read("\"2.5s\"").unwrap(), Duration::from_millis(2_500));
        let error = read("5").unwrap_err().to_string();
        assert!(
            error.contains("a length of time as text, for example \"2.5s\""),
            "{error}"
        );
        let error = serde_json::from_str::<Size>("true")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a size as text, for example \"512MiB\""),
            "{error}"
        );
    }
}
