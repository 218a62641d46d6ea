//! The streams of `proto-spec/vectors/malformed.json` that a worker refuses.
//!
//! Each takes a process of its own, so the kit takes a part of them: every kind of error for every
//! message once, and every way to get it wrong once. All of them are for a library's own tests.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::Deserialize;

use super::handshake::expect_no_response;
use crate::Requirement;
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Session, crashed};

const FILE: &str = include_str!("../../../../../proto-spec/vectors/malformed.json");
/// A length or count inside a body allocates nothing by itself.
const BOUNDED: &str = "GR-3.1-4";
const FIRST_MESSAGE: u16 = 1;

/// How the file's descriptions say what is wrong.
const WAYS: [&str; 11] = [
    "ends before",
    "ends inside",
    "too wide",
    "marker fe",
    "marker ff",
    "claims 2^33",
    "claims 2^46",
    "not UTF-8",
    "tag of",
    "is 255",
    "the length of",
];

/// An entry of the file, as far as it is of use here.
#[derive(Deserialize)]
struct Entry {
    description: String,
    section: String,
    to: String,
    hex: String,
    error: String,
    requirement: String,
}

/// A stream to be refused.
struct Vector {
    id: String,
    sends: String,
    requirements: [&'static str; 2],
    section: String,
    bytes: Vec<u8>,
    /// It comes in place of the handshake.
    first: bool,
    /// What follows would be taken for the rest of the frame.
    open: bool,
}

static CHOSEN: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let entries: Vec<Entry> = serde_json::from_str(FILE).expect("the file is part of the kit");
    let mut seen = HashSet::new();
    let mut ids = HashSet::new();
    let refused = entries.into_iter().filter(|entry| entry.to == "worker");
    // A frame that is cut off is refused by nothing but the end of the stream.
    let whole = refused.filter(|entry| entry.error != "Truncated");
    whole
        .filter_map(|entry| {
            let bytes = bytes_of(&entry.hex);
            let message = bytes.get(4..6).map(<[u8]>::to_vec);
            let mut ways = WAYS.into_iter();
            let way = ways.find(|way| entry.description.contains(way));
            let first = is_first(&bytes);
            let new_message = seen.insert((entry.error.clone(), first, message, None));
            let new_way = way.is_some() && seen.insert((entry.error.clone(), first, None, way));
            let vector = Vector::new(entry, bytes);
            ((new_message || new_way) && ids.insert(vector.id.clone())).then_some(vector)
        })
        .collect()
});

impl Vector {
    fn new(entry: Entry, bytes: Vec<u8>) -> Self {
        let requirement = Requirement::find(&entry.requirement);
        let requirement = requirement.expect("the file cites the text").id;
        let bounded = entry.description.contains("claims");
        let second = if bounded { BOUNDED } else { "GR-1.3-4" };
        let first = is_first(&bytes);
        let behind = if first { "InitializeRequest" } else { "Ping" };
        Self {
            id: format!("{}/{}", theme(&entry.section), kebab(&entry.description)),
            sends: format!("{}, and a good {behind} behind it", entry.description),
            requirements: [requirement, second],
            section: entry.section,
            bytes,
            first,
            open: entry.error == "TooLarge",
        }
    }

    fn case(&'static self) -> WorkerCase {
        WorkerCase {
            about: Case {
                id: &self.id,
                requirements: &self.requirements,
                sends: &self.sends,
                expects: "the end of the connection, and no answer",
            },
            needs: &[],
            closing: Closing::Refused,
            run: |session| Box::pin(refused(session)),
        }
    }
}

/// `a length of 0` as `a-length-of-0`.
fn kebab(description: &str) -> String {
    let lower = description.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// Whether it is for a connection on which nothing has been said.
fn is_first(bytes: &[u8]) -> bool {
    bytes.get(4..6) == Some(&FIRST_MESSAGE.to_le_bytes())
}

fn theme(section: &str) -> &'static str {
    match section {
        "2.4" => "types",
        section if section.starts_with("2.") => "frames",
        _ => "bodies",
    }
}

/// Those of one theme.
pub(super) fn of(theme_wanted: &str) -> Vec<WorkerCase> {
    let all = CHOSEN.iter();
    let ours = all.filter(|vector| theme(&vector.section) == theme_wanted);
    ours.map(Vector::case).collect()
}

async fn refused(session: &mut Session) -> Result<(), Stop> {
    let id = session.id();
    let vector = CHOSEN.iter().find(|vector| vector.id == id);
    let vector = vector.expect("the case was made from it");
    if !vector.first {
        session.ready().await?;
    }
    session.send_raw(&vector.sends, &vector.bytes).await?;
    let result = if vector.open {
        session
            .expect_end("GR-1.3-4", "the end of the connection")
            .await
            .map(drop)
    } else if vector.first {
        expect_no_response(session, vector.requirements[0]).await
    } else {
        session.expect_refusal().await
    };
    if result.is_ok() && vector.requirements[1] == BOUNDED {
        survives(session).await?;
    }
    // A worker that goes on has not seen what is wrong.
    result.map_err(|stop| match stop {
        Stop::Fail(finding) if finding.requirement == "GR-1.3-4" => Stop::Fail(Finding {
            requirement: vector.requirements[0],
            ..finding
        }),
        stop => stop,
    })
}

/// A worker that allocates what a length claims gets no memory, and crashes of it.
async fn survives(session: &mut Session) -> Result<(), Stop> {
    session.hang_up();
    let expected = "exit, because the stream has ended";
    let exit = session.expect_exit("GR-1.3-2", expected).await?;
    if crashed(exit) {
        let expected = "a worker that allocates nothing for a claim";
        return Err(Finding::new(BOUNDED, expected, exit.to_string()).into());
    }
    Ok(())
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("the file is ASCII here");
        u8::from_str_radix(pair, 16).expect("the file has pairs of digits")
    };
    digits.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_is_among_those_chosen() {
        for requirement in ["GR-2.1-3", "GR-2.2-1", "GR-2.4-1", "GR-2.4-2", "GR-3.1-1"] {
            let mut chosen = CHOSEN.iter();
            assert!(chosen.any(|vector| vector.requirements[0] == requirement));
        }
        assert!(CHOSEN.len() > 40, "only {}", CHOSEN.len());
    }
}
