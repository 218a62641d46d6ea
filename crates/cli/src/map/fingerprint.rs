//! A short number that tells inputs apart: FNV-1a, which never changes and takes bytes as they come.
//! It is there to notice mistakes. Who wants to, can make two inputs with the same number.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Of nothing.
    pub(super) const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::EMPTY.and(bytes)
    }

    /// Of what it was, followed by these bytes.
    pub(super) fn and(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok());
        number.flatten().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_it_has_always_been() {
        // Published test vectors of FNV-1a.
        for (bytes, text) in [
            ("", "cbf29ce484222325"),
            ("a", "af63dc4c8601ec8c"),
            ("foobar", "85944171f73967e8"),
        ] {
            let fingerprint = Fingerprint::of(bytes.as_bytes());
            assert_eq!(fingerprint.to_string(), text);
            assert_eq!(Fingerprint::parse(text), Some(fingerprint));
        }
        assert_eq!(
            Fingerprint::of(b"foo").and(b"bar"),
            Fingerprint::of(b"foobar")
        );
        assert_eq!(Fingerprint::parse("+5944171f73967e8"), None);
    }
}
