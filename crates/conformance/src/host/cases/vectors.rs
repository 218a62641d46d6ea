//! The streams of `vectors/malformed.json` that a host must refuse.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::host::case::{Played, Stop};
use crate::host::say::SECTION;
use crate::host::stage::Stage;
use crate::requirement::Requirement;

const FILE: &str = include_str!("../../../../../proto-spec/vectors/malformed.json");

/// One of them.
#[derive(Debug, Deserialize)]
pub(super) struct Vector {
    pub(super) description: String,
    to: String,
    hex: String,
    pub(super) error: String,
    requirement: String,
}

static TO_A_HOST: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let all: Vec<Vector> = serde_json::from_str(FILE).expect("the file is part of this build");
    all.into_iter()
        .filter(|vector| vector.to == "host")
        .collect()
});

impl Vector {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let digits = self.hex.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        digits
            .map(|pair| byte(pair).expect("the file holds hex digits"))
            .collect()
    }

    fn requirement(&self) -> &'static str {
        Requirement::find(&self.requirement)
            .expect("the file cites requirements of the text")
            .id
    }

    /// Whether it is about a frame that only the handshake has.
    fn of_the_handshake(&self) -> bool {
        self.hex[8..].starts_with("0200") || self.description.contains("in the handshake")
    }
}

/// The vectors that `chosen` takes.
pub(super) fn chosen(chosen: impl Fn(&Vector) -> bool) -> Vec<&'static Vector> {
    TO_A_HOST.iter().filter(|vector| chosen(vector)).collect()
}

/// Each in a worker of a host of its own, which must end it. The last one is left to the closing.
pub(super) async fn refused(stage: &mut Stage, chosen: impl Fn(&Vector) -> bool) -> Played {
    let mut first = true;
    for vector in self::chosen(chosen) {
        if !std::mem::take(&mut first) {
            stage.start_anew().await?;
        }
        stage.note(&vector.description);
        if vector.of_the_handshake() {
            stage.asked().await?;
        } else {
            stage.ready().await?;
        }
        stage.send_raw(&vector.description, vector.bytes());
        match stage.refused_for(&[vector.requirement()]).await {
            // The others are tried as well.
            Err(Stop::Fail(finding)) if finding.requirement == SECTION => stage.remark(finding),
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_vectors_for_a_host() {
        let errors = [
            "TooShort",
            "TooLarge",
            "Truncated",
            "UnknownType",
            "WrongDirection",
            "Malformed",
            "Trailing",
            "NotCanonical",
        ];
        for error in errors {
            let found = chosen(|vector| vector.error == error);
            assert!(!found.is_empty(), "no vector shows {error}");
            assert!(found.iter().all(|vector| !vector.bytes().is_empty()));
        }
    }
}
