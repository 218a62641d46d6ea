//! Every message arrives as it was sent, among others and in pieces.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod arbitrary;

use arbitrary::{host_message, worker_message};
use bytes::BytesMut;
use greenroom_protocol::{
    DecodeError, EncodeError, EncodedFrame, Frame, FrameCodec, HostMessage, MAX_FRAME_CEILING,
    WorkerMessage,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Sends `messages` through a stream that delivers `piece` bytes at a time.
fn over_the_wire<M>(
    messages: &[M],
    piece: usize,
    encode: fn(&M) -> Result<EncodedFrame, EncodeError>,
    decode: fn(Frame) -> Result<Option<M>, DecodeError>,
) -> Vec<M> {
    let mut wire = BytesMut::new();
    for message in messages {
        encode(message).unwrap().write_to(&mut wire);
    }
    let mut codec = FrameCodec::new(MAX_FRAME_CEILING);
    let (mut buffer, mut arrived) = (BytesMut::new(), Vec::new());
    for bytes in wire.chunks(piece) {
        buffer.extend_from_slice(bytes);
        while let Some(frame) = codec.decode(&mut buffer).unwrap() {
            arrived.push(decode(frame).unwrap().expect("no message is skipped"));
        }
    }
    assert_eq!(codec.decode_eof(&mut buffer), Ok(None));
    arrived
}

proptest! {
    #[test]
    fn from_host_to_worker(messages in vec(host_message(), 1..6), piece in 1..2000usize) {
        let arrived = over_the_wire(&messages, piece, HostMessage::encode, HostMessage::decode);
        prop_assert_eq!(arrived, messages);
    }

    #[test]
    fn from_worker_to_host(messages in vec(worker_message(), 1..6), piece in 1..2000usize) {
        let arrived = over_the_wire(&messages, piece, WorkerMessage::encode, WorkerMessage::decode);
        prop_assert_eq!(arrived, messages);
    }
}
