//! Bytes from a peer that is broken or means harm: a typed error, never a panic, never memory.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod arbitrary;

use arbitrary::{host_message, worker_message};
use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    DecodeError, EncodeError, EncodedFrame, Frame, FrameCodec, HostMessage, JobFinished, JobOutput,
    MAX_FIELDS, MAX_FRAME_CEILING, MessageType, Pair, StackDump, StartJob, WorkerMessage,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn frame(kind: MessageType, body: &[u8]) -> Frame {
    Frame {
        kind,
        body: Bytes::copy_from_slice(body),
    }
}

#[test]
fn bytes_after_the_last_field() {
    let kind = MessageType::PONG;
    assert_eq!(
        WorkerMessage::decode(frame(kind, &[7, 0, 0, 1, 2, 3])),
        Err(DecodeError::Trailing { kind, extra: 3 })
    );
    let kind = MessageType::DUMP_STACKS;
    assert_eq!(
        HostMessage::decode(frame(kind, &[0])),
        Err(DecodeError::Trailing { kind, extra: 1 })
    );
}

#[test]
fn integers_longer_than_need_be() {
    let kind = MessageType::PING;
    for body in [
        &[0xfb, 7, 0][..],
        &[0xfb, 250, 0],
        &[0xfc, 0xff, 0xff, 0, 0],
        &[0xfd, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ] {
        assert_eq!(
            HostMessage::decode(frame(kind, body)),
            Err(DecodeError::NotCanonical { kind }),
            "{body:02x?}"
        );
    }
}

#[test]
fn unknown_types() {
    for number in 0..=u16::MAX {
        let kind = MessageType(number);
        if kind.name().is_some() {
            continue;
        }
        let by_worker = HostMessage::decode(frame(kind, b"anything"));
        let by_host = WorkerMessage::decode(frame(kind, b"anything"));
        if number & 0x8000 == 0 {
            assert_eq!(by_worker, Err(DecodeError::UnknownType(kind)));
            assert_eq!(by_host, Err(DecodeError::UnknownType(kind)));
        } else {
            assert_eq!(by_worker, Ok(None));
            assert_eq!(by_host, Ok(None));
        }
    }
}

#[test]
fn an_absurd_length_inside_a_body_is_an_error_and_takes_no_memory() {
    // Where a text, a byte string or a list begins, with what comes before it.
    let from_host: [(MessageType, &[u8]); 5] = [
        (MessageType::INITIALIZE_REQUEST, &[1, 1, 0, 0, 0]),
        (MessageType::START_JOB, &[1]),
        (MessageType::START_JOB, &[1, 0]),
        (MessageType::START_JOB, &[1, 0, 0]),
        (MessageType::CALL_RESPONSE, &[1, 1]),
    ];
    let from_worker: [(MessageType, &[u8]); 7] = [
        (MessageType::INITIALIZE_RESPONSE, &[1, 1]),
        (MessageType::INITIALIZE_RESPONSE, &[0; 12]),
        (
            MessageType::INITIALIZE_RESPONSE,
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
        ),
        (MessageType::EXITING, &[]),
        (MessageType::JOB_FINISHED, &[1, 0, 1, 1]),
        (MessageType::CALL_REQUEST, &[1]),
        (MessageType::STACK_DUMP, &[]),
    ];
    for length in [1u64 << 33, 1 << 46, u64::MAX] {
        let body = |before: &[u8]| [before, &[0xfd], &length.to_le_bytes(), b"abc"].concat();
        for (kind, before) in from_host {
            let refused = HostMessage::decode(frame(kind, &body(before)));
            assert!(
                matches!(refused, Err(DecodeError::Malformed { .. })),
                "{kind} with {length}: {refused:?}"
            );
        }
        for (kind, before) in from_worker {
            let refused = WorkerMessage::decode(frame(kind, &body(before)));
            assert!(
                matches!(refused, Err(DecodeError::Malformed { .. })),
                "{kind} with {length}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_job_that_is_both_cancelled_and_failed() {
    let kind = MessageType::JOB_FINISHED;
    let refused = WorkerMessage::decode(frame(kind, &[1, 1, 1, 1, 0, 0]));
    assert!(matches!(refused, Err(DecodeError::Malformed { .. })));
}

#[test]
fn fields_of_the_greatest_size_are_read_and_longer_ones_neither_sent_nor_read() {
    let max = MAX_FIELDS;
    let dump = |length| {
        let text = "x".repeat(length);
        WorkerMessage::StackDump(StackDump { text })
    };
    // The text's own length takes five bytes.
    let longest = dump(max as usize - 5);
    let sent = longest.encode().unwrap();
    assert_eq!(
        WorkerMessage::decode(frame(MessageType::STACK_DUMP, &sent.head[6..])),
        Ok(Some(longest))
    );

    let kind = MessageType::STACK_DUMP;
    let length = max as usize + 1;
    assert_eq!(
        dump(max as usize - 4).encode(),
        Err(EncodeError::FieldsTooLarge { kind, length, max })
    );
    let count = max - 4;
    let too_long = [
        &[0xfc][..],
        &count.to_le_bytes(),
        "x".repeat(count as usize).as_bytes(),
    ]
    .concat();
    let refused = WorkerMessage::decode(frame(kind, &too_long));
    assert!(matches!(refused, Err(DecodeError::Malformed { .. })));
}

#[test]
fn fields_that_take_the_most_memory_for_their_size_are_read() {
    let empty = Pair {
        key: String::new(),
        value: String::new(),
    };
    let job = StartJob {
        job: 1,
        id: String::new(),
        name: String::new(),
        metadata: vec![empty; 65_531],
        traceparent: String::new(),
        deadline_ms: 0,
        attempt: 1,
        last: true,
    };
    let message = HostMessage::StartJob(job, Bytes::new());
    let sent = message.encode().unwrap();
    assert_eq!(sent.length(), 2 + MAX_FIELDS as usize);
    let received = HostMessage::decode(frame(MessageType::START_JOB, &sent.head[6..]));
    assert_eq!(received, Ok(Some(message)));
}

#[test]
fn data_that_no_frame_can_hold_is_not_sent() {
    let max = MAX_FRAME_CEILING;
    // The type takes two bytes and the job's number one.
    let output = |bytes: usize| {
        let data = Bytes::from(vec![0; bytes]);
        WorkerMessage::JobOutput(JobOutput { job: 1 }, data).encode()
    };
    assert_eq!(output(max as usize - 3).unwrap().length(), max as usize);
    let kind = MessageType::JOB_OUTPUT;
    let length = max as usize + 1;
    let refused = output(max as usize - 2);
    assert_eq!(refused, Err(EncodeError::TooLarge { kind, length, max }));
}

#[test]
fn data_is_a_slice_of_what_arrived() {
    let fields = JobFinished {
        job: 1,
        cancelled: false,
        failure: None,
    };
    let sent = WorkerMessage::JobFinished(fields, Bytes::from(vec![9; 1000]));
    let mut buffer = BytesMut::new();
    sent.encode().unwrap().write_to(&mut buffer);
    let arrived = buffer.as_ptr_range();

    let frame = FrameCodec::default().decode(&mut buffer).unwrap().unwrap();
    let Ok(Some(WorkerMessage::JobFinished(_, data))) = WorkerMessage::decode(frame) else {
        panic!("a JobFinished was sent");
    };
    assert_eq!(data.len(), 1000);
    assert!(arrived.contains(&data.as_ptr()), "the data was copied");
}

fn body_of(sent: &EncodedFrame) -> Vec<u8> {
    [&sent.head[6..], &sent.data].concat()
}

/// Whatever decodes has exactly one encoding: the bytes that it came from.
fn assert_only_form(kind: MessageType, body: &[u8]) {
    if let Ok(Some(message)) = HostMessage::decode(frame(kind, body)) {
        assert_eq!(message.kind(), kind);
        assert_eq!(body_of(&message.encode().unwrap()), body, "{message:?}");
    }
    if let Ok(Some(message)) = WorkerMessage::decode(frame(kind, body)) {
        assert_eq!(message.kind(), kind);
        assert_eq!(body_of(&message.encode().unwrap()), body, "{message:?}");
    }
}

fn any_kind() -> impl Strategy<Value = MessageType> {
    prop_oneof![1..50u16, any::<u16>()].prop_map(MessageType)
}

/// Few different bytes, so that lengths, tags and markers are met often.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => 0..4u8, 1 => 0xf8..=0xffu8, 1 => any::<u8>()];
    vec(byte, 0..80)
}

/// A good message, spoilt at one place.
fn spoilt(sent: &EncodedFrame, place: usize, byte: u8, how: u8) -> Vec<u8> {
    let mut body = body_of(sent);
    let place = place % (body.len() + 1);
    match how {
        0 => body.insert(place, byte),
        1 if place < body.len() => body[place] = byte,
        2 if place < body.len() => drop(body.remove(place)),
        _ => body.truncate(place),
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_stream_is_frames_or_an_error(stream in vec(any::<u8>(), 0..200), limit in 0..200u32) {
        let mut codec = FrameCodec::new(limit);
        let mut buffer = BytesMut::from(&stream[..]);
        let mut again = BytesMut::new();
        while let Ok(Some(frame)) = codec.decode_eof(&mut buffer) {
            let length = u32::try_from(2 + frame.body.len()).unwrap();
            prop_assert!(length <= limit);
            again.extend_from_slice(&length.to_le_bytes());
            again.extend_from_slice(&frame.kind.0.to_le_bytes());
            again.extend_from_slice(&frame.body);
        }
        again.extend_from_slice(&buffer);
        prop_assert_eq!(again, stream);
    }

    #[test]
    fn any_body_is_a_message_in_its_only_form_or_an_error(kind in any_kind(), body in body()) {
        assert_only_form(kind, &body);
    }

    #[test]
    fn a_spoilt_message_of_a_host(
        message in host_message(), place in any::<usize>(), byte in any::<u8>(), how in 0..4u8,
    ) {
        assert_only_form(message.kind(), &spoilt(&message.encode().unwrap(), place, byte, how));
    }

    #[test]
    fn a_spoilt_message_of_a_worker(
        message in worker_message(), place in any::<usize>(), byte in any::<u8>(), how in 0..4u8,
    ) {
        assert_only_form(message.kind(), &spoilt(&message.encode().unwrap(), place, byte, how));
    }

    #[test]
    fn from_the_wrong_side(to_worker in worker_message(), to_host in host_message()) {
        let kind = to_worker.kind();
        let refused = HostMessage::decode(frame(kind, &body_of(&to_worker.encode().unwrap())));
        prop_assert_eq!(refused, Err(DecodeError::WrongDirection(kind)));

        let kind = to_host.kind();
        let refused = WorkerMessage::decode(frame(kind, &body_of(&to_host.encode().unwrap())));
        prop_assert_eq!(refused, Err(DecodeError::WrongDirection(kind)));
    }
}
