//! Frames come out whole, whatever pieces the stream delivers them in.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    Frame, FrameCodec, FrameError, HANDSHAKE_FRAME, HEADER, HostMessage, JobInput, MessageType,
    Ping, Shutdown, ShutdownReason,
};

/// Frames of every size that matters: no body, a small one, one whose length takes two bytes.
fn stream() -> (BytesMut, Vec<Frame>) {
    let input = JobInput {
        job: u64::MAX,
        last: true,
    };
    let shutdown = Shutdown {
        reason: ShutdownReason::REQUESTED,
        grace_ms: 10_000,
    };
    let messages = [
        HostMessage::Ping(Ping { seq: 7 }),
        HostMessage::DumpStacks,
        HostMessage::JobInput(input, Bytes::from(vec![0x5a; 300])),
        HostMessage::DumpStacks,
        HostMessage::Shutdown(shutdown),
    ];
    let mut bytes = BytesMut::new();
    for message in &messages {
        message.encode().unwrap().write_to(&mut bytes);
    }
    let frame = |kind, body: &[u8]| Frame {
        kind,
        body: Bytes::copy_from_slice(body),
    };
    let mut piece = vec![0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    piece.extend([0x5a; 300]);
    let frames = vec![
        frame(MessageType::PING, &[7]),
        frame(MessageType::DUMP_STACKS, &[]),
        frame(MessageType::JOB_INPUT, &piece),
        frame(MessageType::DUMP_STACKS, &[]),
        frame(MessageType::SHUTDOWN, &[1, 0xfb, 0x10, 0x27]),
    ];
    (bytes, frames)
}

fn drain(codec: &mut FrameCodec, buffer: &mut BytesMut, frames: &mut Vec<Frame>) {
    while let Some(frame) = codec.decode(buffer).unwrap() {
        frames.push(frame);
    }
}

fn read(pieces: &[&[u8]]) -> Vec<Frame> {
    let mut codec = FrameCodec::default();
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        drain(&mut codec, &mut buffer, &mut frames);
    }
    assert_eq!(codec.decode_eof(&mut buffer), Ok(None));
    frames
}

#[test]
fn all_in_one_piece() {
    let (bytes, expected) = stream();
    assert_eq!(read(&[&bytes]), expected);
}

#[test]
fn torn_at_every_byte() {
    let (bytes, expected) = stream();
    for cut in 0..=bytes.len() {
        let (first, second) = bytes.split_at(cut);
        assert_eq!(read(&[first, second]), expected, "torn at byte {cut}");
    }
}

#[test]
fn in_pieces_of_every_size() {
    let (bytes, expected) = stream();
    for size in 1..=bytes.len() {
        let pieces: Vec<_> = bytes.chunks(size).collect();
        assert_eq!(read(&pieces), expected, "in pieces of {size}");
    }
}

#[test]
fn an_end_between_frames_is_a_close_and_an_end_inside_one_is_not() {
    let (bytes, expected) = stream();
    let mut starts = vec![0];
    for frame in &expected {
        starts.push(starts[starts.len() - 1] + HEADER + frame.body.len());
    }
    for cut in 0..=bytes.len() {
        let mut codec = FrameCodec::default();
        let mut buffer = BytesMut::from(&bytes[..cut]);
        let whole = starts.iter().rposition(|start| *start <= cut).unwrap();
        for frame in &expected[..whole] {
            assert_eq!(
                codec.decode_eof(&mut buffer).as_ref(),
                Ok(&Some(frame.clone()))
            );
        }
        let have = cut - starts[whole];
        let end = match have {
            0 => Ok(None),
            1..4 => Err(FrameError::Truncated { have, need: HEADER }),
            _ => Err(FrameError::Truncated {
                have,
                need: HEADER + expected[whole].body.len(),
            }),
        };
        assert_eq!(codec.decode_eof(&mut buffer), end, "ended at byte {cut}");
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_reserved() {
    for length in [HANDSHAKE_FRAME + 1, 16 << 20, u32::MAX] {
        let mut buffer = BytesMut::with_capacity(64);
        buffer.extend_from_slice(&length.to_le_bytes());
        let (capacity, start) = (buffer.capacity(), buffer.as_ptr());

        let mut codec = FrameCodec::default();
        let max = HANDSHAKE_FRAME;
        for _ in 0..3 {
            // The stream is out of step: asking again cannot help.
            let refused = codec.decode(&mut buffer);
            assert_eq!(refused, Err(FrameError::TooLarge { length, max }));
            let refused = codec.decode_eof(&mut buffer);
            assert_eq!(refused, Err(FrameError::TooLarge { length, max }));
        }
        assert_eq!((buffer.capacity(), buffer.as_ptr()), (capacity, start));
    }
}

#[test]
fn waiting_for_the_largest_frame_reserves_nothing() {
    let mut buffer = BytesMut::with_capacity(64);
    buffer.extend_from_slice(&HANDSHAKE_FRAME.to_le_bytes());
    let capacity = buffer.capacity();

    let mut codec = FrameCodec::default();
    assert_eq!(codec.decode(&mut buffer), Ok(None));
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn the_limit_is_the_last_length_allowed() {
    let frame_of = |length: u32| {
        let mut buffer = BytesMut::from(&length.to_le_bytes()[..]);
        buffer.resize(4 + length as usize, 0);
        buffer
    };
    let mut codec = FrameCodec::default();
    let frame = codec.decode(&mut frame_of(HANDSHAKE_FRAME)).unwrap();
    assert_eq!(frame.unwrap().body.len(), HANDSHAKE_FRAME as usize - 2);
    assert!(codec.decode(&mut frame_of(HANDSHAKE_FRAME + 1)).is_err());

    codec.set_max_frame(HANDSHAKE_FRAME + 1);
    assert!(codec.decode(&mut frame_of(HANDSHAKE_FRAME + 1)).is_ok());
}

#[test]
fn a_length_without_room_for_a_type_is_refused() {
    for length in [0, 1] {
        let mut buffer = BytesMut::from(&[length, 0, 0, 0, 0, 0][..]);
        let refused = FrameCodec::default().decode(&mut buffer);
        let length = u32::from(length);
        assert_eq!(refused, Err(FrameError::TooShort { length }));
    }
}
