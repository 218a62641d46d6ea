//! Each MUST of the text is shown by a case of each side that it binds, and no case cites what the
//! text does not have.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_conformance::{Case, Level, Requirement, host, worker};

const TEXT: &str = include_str!("../../../proto-spec/README.md");

/// Whom a requirement binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binds {
    Worker,
    Host,
    Both,
    /// Those who write later editions of the text.
    Editors,
}

/// Where the sentence does not say it as the others do.
const EXCEPTIONS: &[(&str, Binds, &str)] = &[
    (
        "GR-1.2-1",
        Binds::Host,
        "it is the host that makes the worker's standard input",
    ),
    ("GR-1.2-4", Binds::Host, "it is the host that reads them"),
    (
        "GR-2.2-2",
        Binds::Both,
        "the message is only the place in the stream",
    ),
    ("GR-2.2-3", Binds::Both, "it says: in both directions"),
    (
        "GR-2.4-4",
        Binds::Editors,
        "the vectors show that the layouts are the same",
    ),
    ("GR-2.4-5", Binds::Editors, "version 1 has no such number"),
    ("GR-5.4-9", Binds::Host, "it is the host that sends input"),
    (
        "GR-5.4-11",
        Binds::Worker,
        "it is the worker that could answer a cancel",
    ),
    ("GR-5.4-12", Binds::Worker, "they are fields of JobFinished"),
    ("GR-5.6-1", Binds::Worker, "it is the worker that calls"),
    (
        "GR-5.6-3",
        Binds::Worker,
        "it is the worker that gets an answer",
    ),
    ("GR-5.7-1", Binds::Worker, "it is a field of ExtendDeadline"),
];

/// By the sentence alone: its subject is a side, or a message, or it speaks of everybody.
fn by_its_words(sentence: &str) -> Binds {
    let subject = sentence.split("MUST").next().unwrap_or_default();
    let everybody = ["side", "receiver", "Both"];
    if everybody.iter().any(|word| subject.contains(word)) {
        return Binds::Both;
    }
    match (subject.contains("worker"), subject.contains("host")) {
        (true, false) => return Binds::Worker,
        (false, true) => return Binds::Host,
        (true, true) => return Binds::Both,
        (false, false) => {}
    }
    let messages = subject.split('`').skip(1).step_by(2);
    let senders: BTreeSet<_> = messages.filter_map(sender).collect();
    match senders.into_iter().collect::<Vec<_>>()[..] {
        ["worker"] => Binds::Worker,
        ["host"] => Binds::Host,
        _ => Binds::Both,
    }
}

/// Who sends this message, by the table of section 5.1.
fn sender(message: &str) -> Option<&'static str> {
    let rows = TEXT.lines().filter(|line| line.starts_with("| "));
    let mut cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let row = cells.find(|cells| cells.len() > 3 && cells[2] == message)?;
    row[3].split_once(" → ").map(|(sender, _)| sender)
}

fn binds(requirement: &Requirement) -> Binds {
    let mut exceptions = EXCEPTIONS.iter();
    match exceptions.find(|(id, ..)| *id == requirement.id) {
        Some((_, binds, _)) => *binds,
        None => by_its_words(&requirement.sentence),
    }
}

fn cited(catalogue: &[Case]) -> BTreeSet<&'static str> {
    let all = catalogue.iter().flat_map(|case| case.requirements);
    all.copied().collect()
}

#[test]
fn each_must_has_a_case_of_each_side_that_it_binds() {
    let (of_workers, of_hosts) = (cited(&worker::catalogue()), cited(&host::catalogue()));
    let mut missing = Vec::new();
    for must in Requirement::all().filter(|found| found.level == Level::Must) {
        let whom = binds(must);
        let (worker, host) = match whom {
            Binds::Worker => (true, false),
            Binds::Host => (false, true),
            Binds::Both => (true, true),
            Binds::Editors => (false, false),
        };
        for (wanted, side, cases) in [(worker, "worker", &of_workers), (host, "host", &of_hosts)] {
            if wanted && !cases.contains(must.id) {
                missing.push(format!(
                    "no {side} case cites {}: {}",
                    must.id, must.sentence
                ));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_text_was_read() {
    let musts = Requirement::all().filter(|found| found.level == Level::Must);
    assert!(musts.count() > 60);
    assert_eq!(sender("Pong"), Some("worker"));
    assert_eq!(sender("StartJob"), Some("host"));
    assert_eq!(sender("nothing"), None);
}

#[test]
fn whom_a_sentence_binds_is_seen_by_its_words() {
    for (sentence, expected) in [
        ("A worker MUST exit.", Binds::Worker),
        ("Between the two a host MUST NOT speak.", Binds::Host),
        ("A receiver MUST accept a worker's frame.", Binds::Both),
        ("`Exiting` MUST be the last message.", Binds::Worker),
        ("The message `StartJob` MUST be first.", Binds::Host),
        ("The stream MUST be frames.", Binds::Both),
    ] {
        assert_eq!(by_its_words(sentence), expected, "{sentence}");
    }
}

#[test]
fn no_exception_is_stale() {
    let mut seen = BTreeSet::new();
    for (id, binds, reason) in EXCEPTIONS {
        let found = Requirement::find(id).unwrap_or_else(|| panic!("the text has no {id}"));
        assert!(seen.insert(id), "{id} is listed twice");
        assert!(!reason.is_empty());
        let words = by_its_words(&found.sentence);
        assert_ne!(words, *binds, "{id} needs no exception: {}", found.sentence);
    }
}

#[test]
fn each_case_has_a_name_of_its_own_and_cites_the_text() {
    for catalogue in [worker::catalogue(), host::catalogue()] {
        assert!(!catalogue.is_empty());
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for case in &catalogue {
            *names.entry(case.id).or_default() += 1;
            assert!(is_name(case.id), "{} is not theme/what-is-tried", case.id);
            assert!(!case.requirements.is_empty(), "{} cites nothing", case.id);
            for id in case.requirements {
                let found = Requirement::find(id);
                assert!(
                    found.is_some(),
                    "{} cites {id}, which is not there",
                    case.id
                );
            }
            assert!(
                !case.sends.is_empty() && !case.expects.is_empty(),
                "{}",
                case.id
            );
        }
        let twice: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}

fn is_name(id: &str) -> bool {
    let word = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
    };
    id.split_once('/')
        .is_some_and(|(theme, rest)| [theme, rest].iter().all(|part| part.split('-').all(word)))
}
