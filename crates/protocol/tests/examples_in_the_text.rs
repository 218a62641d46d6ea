//! Every byte, number and sum in the examples of `proto-spec/README.md` is right.
//!
//! Blocks of code say by their first line what they are:
//! - `hex NAME`: the frame of one message, a field with its value on each line;
//! - `hex frames`, `hex values`: drawings with the meaning left of `-->` and the bytes right of it;
//! - `hex refused`: on each line a stream and the error it gives;
//! - `window N`: a sequence with what is left of a job's window.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod both_sides;
mod registry_file;
mod vector_file;

use both_sides::{Receiver, only_frame, read_stream, refusal};
use greenroom_protocol::version::{negotiate, output_cost};
use greenroom_protocol::{Frame, HANDSHAKE_FRAME, HostMessage, WorkerMessage};
use registry_file::{Direction, registry};
use serde_json::{Value, json};
use vector_file::{from_digits, hex, load, proto_spec};

fn readme() -> String {
    std::fs::read_to_string(proto_spec().join("README.md")).unwrap()
}

/// The lines of all blocks whose first line begins with `kind`, each with the rest of that line.
fn blocks(kind: &str) -> Vec<(String, Vec<String>)> {
    let text = readme();
    let mut blocks = Vec::new();
    let mut open: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some((info.to_owned(), Vec::new())),
            (Some(_), block) => blocks.extend(block.take()),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a block is not closed");
    let found: Vec<_> = blocks
        .into_iter()
        .filter_map(|(info, lines)| {
            let rest = info.strip_prefix(kind)?.strip_prefix(' ')?;
            Some((rest.to_owned(), lines))
        })
        .collect();
    assert!(!found.is_empty(), "the text has no block of {kind}");
    found
}

/// Digits in pairs, with blanks and the bars of a drawing between them.
fn bytes(digits: &str) -> Vec<u8> {
    from_digits(&digits.replace([' ', '|'], ""))
}

/// Meaning and bytes of each arrow in a drawing; a meaning may take several lines.
fn drawn(lines: &[String]) -> Vec<(Vec<String>, Vec<u8>)> {
    let mut drawn = Vec::new();
    let mut meaning = String::new();
    let is_drawn = |line: &&String| line.starts_with("  |") || line.contains(" --> ");
    for line in lines.iter().filter(is_drawn) {
        let Some((left, right)) = line.split_once(" --> ") else {
            meaning.push_str(line.trim_end());
            continue;
        };
        meaning.push_str(left);
        let cells = meaning.split('|').map(|cell| cell.trim().to_owned());
        let cells = cells.filter(|cell| !cell.is_empty()).collect();
        drawn.push((cells, bytes(right)));
        meaning.clear();
    }
    assert!(!drawn.is_empty() && meaning.is_empty(), "{lines:?}");
    drawn
}

/// What `hex NAME` has to say of a frame, line by line.
fn described(frame: &Frame, name: &str) -> Vec<(Vec<u8>, String)> {
    let registry = registry();
    let message = registry.message(name);
    let (fields, data) = match message.direction {
        Direction::HostToWorker => of_host(HostMessage::decode(frame.clone()).unwrap().unwrap()),
        Direction::WorkerToHost => {
            of_worker(WorkerMessage::decode(frame.clone()).unwrap().unwrap())
        }
    };
    let length = u32::try_from(2 + frame.body.len()).unwrap();
    let number = frame.kind.0;
    let mut lines = vec![
        (length.to_le_bytes().to_vec(), format!("length = {length}")),
        (number.to_le_bytes().to_vec(), format!("type = {number}")),
    ];
    let parts = registry.parts(message, &fields).into_iter();
    lines.extend(parts.map(|part| (part.bytes, part.says)));
    if !data.is_empty() {
        lines.push((data.clone(), format!("data: {}", data.len())));
    }
    lines
}

/// What the crate has decoded, as JSON.
fn of_host(message: HostMessage) -> (Value, Vec<u8>) {
    use HostMessage as Host;
    let (fields, data) = match message {
        Host::InitializeRequest(fields, data) => (json!(fields), data),
        Host::Ping(fields) => (json!(fields), [][..].into()),
        Host::Shutdown(fields) => (json!(fields), [][..].into()),
        Host::StartJob(fields, data) => (json!(fields), data),
        Host::JobInput(fields, data) => (json!(fields), data),
        Host::CancelJob(fields) => (json!(fields), [][..].into()),
        Host::JobWindow(fields) => (json!(fields), [][..].into()),
        Host::CallResponse(fields, data) => (json!(fields), data),
        Host::DumpStacks => (json!({}), [][..].into()),
    };
    (fields, data.to_vec())
}

fn of_worker(message: WorkerMessage) -> (Value, Vec<u8>) {
    use WorkerMessage as Worker;
    let (fields, data) = match message {
        Worker::InitializeResponse(fields) => (json!(fields), [][..].into()),
        Worker::Pong(fields) => (json!(fields), [][..].into()),
        Worker::ShuttingDown(fields) => (json!(fields), [][..].into()),
        Worker::Exiting(fields) => (json!(fields), [][..].into()),
        Worker::ExtendDeadline(fields) => (json!(fields), [][..].into()),
        Worker::Retire(fields) => (json!(fields), [][..].into()),
        Worker::JobAccepted(fields) => (json!(fields), [][..].into()),
        Worker::JobOutput(fields, data) => (json!(fields), data),
        Worker::JobFinished(fields, data) => (json!(fields), data),
        Worker::CallRequest(fields, data) => (json!(fields), data),
        Worker::StackDump(fields) => (json!(fields), [][..].into()),
    };
    (fields, data.to_vec())
}

#[test]
fn whole_messages_are_vectors_and_every_line_is_right() {
    let vectors = ["handshake.json", "messages.json"].map(load).concat();
    let mut seen = 0;
    for (name, lines) in blocks("hex") {
        if ["frames", "values", "refused"].contains(&name.as_str()) {
            continue;
        }
        seen += 1;
        let lines: Vec<_> = lines
            .iter()
            .map(|line| {
                let (digits, says) = line.split_once("   ").unwrap();
                (bytes(digits), says.trim().to_owned())
            })
            .collect();
        let stream: Vec<u8> = lines.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let is_vector = |entry: &&Value| entry["message"] == *name && hex(entry, "hex") == stream;
        assert!(
            vectors.iter().any(|entry| is_vector(&entry)),
            "no vector is this {name}"
        );
        assert_eq!(lines, described(&only_frame(&stream), &name), "{name}");
    }
    assert!(seen > 0);
}

#[test]
fn drawn_frames() {
    for (_, lines) in blocks("hex")
        .into_iter()
        .filter(|(name, _)| name == "frames")
    {
        for (cells, stream) in drawn(&lines) {
            let [meaning] = &cells[..] else {
                panic!("{cells:?}")
            };
            let (name, field) = meaning.split_once(' ').unwrap_or((meaning, ""));
            let frame = only_frame(&stream);
            assert_eq!(frame.kind.name(), Some(name));
            let described = described(&frame, name);
            let is_there = described.iter().any(|(_, says)| says == field.trim());
            assert!(is_there || field.is_empty(), "{meaning}: {described:?}");
        }
    }
}

#[test]
fn drawn_values() {
    let registry = registry();
    let vectors = load("primitives.json");
    for (_, lines) in blocks("hex")
        .into_iter()
        .filter(|(name, _)| name == "values")
    {
        for (cells, bytes) in drawn(&lines) {
            let [kind, value] = &cells[..] else {
                panic!("{cells:?}")
            };
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(registry.value(kind, &value), bytes, "{kind} {value}");
            // The crate is held to the vectors.
            let is_there = vectors.iter().any(|entry| {
                entry["type"] == **kind && entry["value"] == value && hex(entry, "hex") == bytes
            });
            assert!(is_there, "primitives.json has no {kind} {value}");
        }
    }
}

#[test]
fn refused_streams() {
    for (_, lines) in blocks("hex")
        .into_iter()
        .filter(|(name, _)| name == "refused")
    {
        for line in lines {
            let (said, _) = line.split_once(": ").unwrap();
            let (digits, error) = said.rsplit_once(' ').unwrap();
            let stream = bytes(digits);
            // Who sends what is malformed does not matter; only one of both refuses a direction.
            let found = [Receiver::Host, Receiver::Worker]
                .into_iter()
                .any(|receiver| {
                    let (frames, failure) = read_stream(HANDSHAKE_FRAME, &stream);
                    let (name, _) = refusal(receiver, frames, failure);
                    name.as_deref() == Some(error)
                });
            assert!(found, "{line}");
        }
    }
}

/// `JobOutput(N)`, `JobWindow(N)` and what is left, as section 5.5 counts it.
#[test]
fn windows() {
    for (start, lines) in blocks("window") {
        let mut window = count(&start);
        let mut messages = 0;
        for line in lines {
            let argument = |name: &str| {
                let (_, after) = line.split_once(name)?;
                Some(count(after.split_once(')')?.0))
            };
            match (argument("JobOutput("), argument("JobWindow(")) {
                (Some(length), None) => {
                    window -= output_cost(usize::try_from(length).unwrap());
                }
                (None, Some(more)) => window += more,
                _ if line.contains("JobFinished(") => {}
                _ => continue,
            }
            messages += 1;
            let (_, left) = line.rsplit_once('|').unwrap();
            let left = left.trim().split(' ').next().unwrap();
            assert_eq!(count(left), window, "{line}");
        }
        assert!(messages > 0);
    }
}

/// The table of ranges in section 7.3.
#[test]
fn agreed_versions() {
    let text = readme();
    let (_, table) = text
        .split_once("| host speaks | worker speaks | agreed |")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows: Vec<_> = table.lines().skip(2).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let range = |cell: &str| {
            let (low, high) = cell.split_once(" to ").unwrap();
            low.parse().unwrap()..=high.parse().unwrap()
        };
        let agreed = negotiate(range(cells[0]), range(cells[1]));
        assert_eq!(agreed, cells[2].parse().ok(), "{row}");
        assert_eq!(agreed.is_none(), cells[2] == "none", "{row}");
    }
}

/// A number as people write it, with commas.
fn count(digits: &str) -> u64 {
    digits.replace(',', "").parse().unwrap()
}
