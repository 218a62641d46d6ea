//! The requirements of `proto-spec/README.md`, as the text has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../../proto-spec/README.md");

/// How binding a requirement is, by its strongest word of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// MAY
    May,
    /// SHOULD, SHOULD NOT: who does otherwise is not strict.
    Should,
    /// MUST, MUST NOT: who does otherwise fails.
    Must,
}

/// Whom a requirement binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Workers.
    Worker,
    /// Hosts.
    Host,
    /// Workers and hosts.
    Both,
    /// Those who write later editions of the text: no program can break it.
    Neither,
}

/// Whom those bind whose sentence does not say it as the others do.
const EXCEPTIONS: &[(&str, Sides, &str)] = &[
    (
        "GR-1.2-1",
        Sides::Host,
        "it is the host that makes the worker's standard input",
    ),
    ("GR-1.2-4", Sides::Host, "it is the host that reads them"),
    (
        "GR-2.2-2",
        Sides::Both,
        "the message is only the place in the stream",
    ),
    ("GR-2.2-3", Sides::Both, "it says: in both directions"),
    (
        "GR-2.4-4",
        Sides::Neither,
        "the vectors show that the layouts are the same",
    ),
    ("GR-2.4-5", Sides::Neither, "version 1 has no such number"),
    ("GR-5.4-9", Sides::Host, "it is the host that sends input"),
    (
        "GR-5.4-11",
        Sides::Worker,
        "it is the worker that could answer a cancel",
    ),
    ("GR-5.4-12", Sides::Worker, "they are fields of JobFinished"),
    ("GR-5.6-1", Sides::Worker, "it is the worker that calls"),
    (
        "GR-5.6-3",
        Sides::Worker,
        "it is the worker that gets an answer",
    ),
    ("GR-5.7-1", Sides::Worker, "it is a field of ExtendDeadline"),
];

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// For example `GR-3.1-2`.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// The sentence, on one line.
    pub sentence: String,
}

static ALL: LazyLock<BTreeMap<&'static str, Requirement>> = LazyLock::new(|| {
    let items = TEXT.split("\n- **").skip(1);
    let requirements = items.filter_map(Requirement::parse);
    requirements.map(|found| (found.id, found)).collect()
});

impl Requirement {
    /// All of them, by id.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        ALL.values()
    }

    /// The one with this id, if the text has it.
    pub fn find(id: &str) -> Option<&'static Self> {
        ALL.get(id)
    }

    /// Whom it binds: the subject of its sentence is a side, or a message that only one side sends, or
    /// it speaks of everybody.
    pub fn binds(&self) -> Sides {
        let mut exceptions = EXCEPTIONS.iter();
        match exceptions.find(|(id, ..)| *id == self.id) {
            Some((_, sides, _)) => *sides,
            None => Sides::by_words(&self.sentence),
        }
    }

    /// From behind the dash and the stars of its list item.
    fn parse(item: &'static str) -> Option<Self> {
        let (id, rest) = item.split_once("** ")?;
        if !id.starts_with("GR-") {
            return None;
        }
        let ends = ["\n- ", "\n\n"].map(|end| rest.find(end).unwrap_or(rest.len()));
        let sentence = rest[..ends[0].min(ends[1])].trim_end().replace("\n  ", " ");
        let level = if sentence.contains("MUST") {
            Level::Must
        } else if sentence.contains("SHOULD") {
            Level::Should
        } else {
            Level::May
        };
        Some(Self {
            id,
            level,
            sentence,
        })
    }
}

impl Sides {
    /// By the sentence alone.
    fn by_words(sentence: &str) -> Self {
        let subject = sentence.split("MUST").next().unwrap_or_default();
        let everybody = ["side", "receiver", "Both"];
        if everybody.iter().any(|word| subject.contains(word)) {
            return Self::Both;
        }
        match (subject.contains("worker"), subject.contains("host")) {
            (true, false) => return Self::Worker,
            (false, true) => return Self::Host,
            (true, true) => return Self::Both,
            (false, false) => {}
        }
        let messages = subject.split('`').skip(1).step_by(2);
        let senders: BTreeSet<_> = messages.filter_map(sender).collect();
        match senders.into_iter().collect::<Vec<_>>()[..] {
            ["worker"] => Self::Worker,
            ["host"] => Self::Host,
            _ => Self::Both,
        }
    }
}

/// Who sends this message, by the table of section 5.1.
fn sender(message: &str) -> Option<&'static str> {
    let rows = TEXT.lines().filter(|line| line.starts_with("| "));
    let mut cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let row = cells.find(|cells| cells.len() > 3 && cells[2] == message)?;
    row[3].split_once(" → ").map(|(sender, _)| sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_sentence_binds_is_seen_by_its_words() {
        assert_eq!(sender("Pong"), Some("worker"));
        assert_eq!(sender("StartJob"), Some("host"));
        assert_eq!(sender("nothing"), None);
        for (sentence, expected) in [
            ("A worker MUST exit.", Sides::Worker),
            ("Between the two a host MUST NOT speak.", Sides::Host),
            ("A receiver MUST accept a worker's frame.", Sides::Both),
            ("`Exiting` MUST be the last message.", Sides::Worker),
            ("The message `StartJob` MUST be first.", Sides::Host),
            ("The stream MUST be frames.", Sides::Both),
        ] {
            assert_eq!(Sides::by_words(sentence), expected, "{sentence}");
        }
    }

    #[test]
    fn no_exception_is_stale() {
        let mut seen = BTreeSet::new();
        for (id, sides, reason) in EXCEPTIONS {
            let found = Requirement::find(id).unwrap_or_else(|| panic!("the text has no {id}"));
            assert!(seen.insert(id), "{id} is listed twice");
            assert!(!reason.is_empty());
            let words = Sides::by_words(&found.sentence);
            assert_ne!(words, *sides, "{id} needs no exception: {}", found.sentence);
        }
    }
}
