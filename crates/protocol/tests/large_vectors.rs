//! The crate reads and writes every vector of `proto-spec/vectors/large.json`: the longest of what
//! it must take, and one byte more.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod both_sides;
mod vector_file;

use both_sides::{Failure, Receiver, assert_failure, read_stream};
use vector_file::{load, pieces};

#[test]
fn frames_at_their_limits() {
    let entries = load("large.json");
    let frames = entries.iter().filter(|entry| entry.get("to").is_some());
    for entry in frames {
        let receiver = Receiver::of(entry);
        let limit = u32::try_from(entry["max_frame"].as_u64().unwrap()).unwrap();
        let bytes = pieces(entry);
        let (mut frames, failure) = read_stream(limit, &bytes);
        let decoded = frames.pop().map(|frame| receiver.decode(frame));
        match decoded {
            Some(Ok(message)) => {
                let message = message.unwrap();
                assert_eq!(Some(message.name()), entry["message"].as_str());
                assert_eq!(message.encode(), bytes, "{entry}");
                assert_failure(None, entry);
            }
            Some(Err(error)) => assert_failure(Some(&Failure::Decode(error)), entry),
            None => assert_failure(failure.map(Failure::Frame).as_ref(), entry),
        }
    }
}
