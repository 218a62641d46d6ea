//! The frame codec against a naive reader that has the whole stream before it.

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{Frame, FrameCodec, FrameError, HANDSHAKE_FRAME, MessageType};

/// The first byte chooses the limit, the second how the rest is cut into pieces; the rest is the
/// stream.
pub fn frames(bytes: &[u8]) {
    let [limit, cut, stream @ ..] = bytes else {
        return;
    };
    // Small limits, so that a small stream can exceed them.
    let max = match limit {
        0 => HANDSHAKE_FRAME,
        small => u32::from(*small),
    };
    let piece = usize::from(*cut).max(1);
    let expected = naive(stream, max);
    assert_eq!(read(stream, max, piece), expected, "in pieces of {piece}");
    assert_eq!(read(stream, max, stream.len().max(1)), expected, "at once");
}

/// What a stream holds: frames, and what is wrong behind them.
type Found = (Vec<Frame>, Option<FrameError>);

fn read(stream: &[u8], max: u32, piece: usize) -> Found {
    let mut codec = FrameCodec::new(max);
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    let again = codec.decode(&mut buffer);
                    assert_eq!(again, Err(error.clone()), "an error stays");
                    return (frames, Some(error));
                }
            }
        }
    }
    match codec.decode_eof(&mut buffer) {
        Ok(None) => (frames, None),
        Ok(Some(frame)) => panic!("{frame:?} was there before the end"),
        Err(error) => (frames, Some(error)),
    }
}

fn naive(mut stream: &[u8], max: u32) -> Found {
    let mut frames = Vec::new();
    loop {
        let have = stream.len();
        let Some((length, rest)) = stream.split_first_chunk::<4>() else {
            let cut = (have > 0).then_some(FrameError::Truncated { have, need: 6 });
            return (frames, cut);
        };
        let length = u32::from_le_bytes(*length);
        if length > max {
            return (frames, Some(FrameError::TooLarge { length, max }));
        }
        let Some((kind, _)) = rest.split_first_chunk::<2>().filter(|_| length >= 2) else {
            let error = if length < 2 {
                FrameError::TooShort { length }
            } else {
                let need = 4 + length as usize;
                FrameError::Truncated { have, need }
            };
            return (frames, Some(error));
        };
        let need = 4 + length as usize;
        if have < need {
            return (frames, Some(FrameError::Truncated { have, need }));
        }
        frames.push(Frame {
            kind: MessageType(u16::from_le_bytes(*kind)),
            body: Bytes::copy_from_slice(&stream[6..need]),
        });
        stream = &stream[need..];
    }
}
