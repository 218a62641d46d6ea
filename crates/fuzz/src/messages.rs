//! Bodies, read as both sides read them.

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    DecodeError, EncodeError, EncodedFrame, Frame, HostMessage, MessageType, WorkerMessage,
};

/// The first two bytes are the type number, the rest is the body.
pub fn messages(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let kind = MessageType(u16::from_le_bytes(*kind));
    let frame = Frame {
        kind,
        body: Bytes::copy_from_slice(body),
    };
    let by_worker = check(
        &frame,
        HostMessage::decode(frame.clone()),
        HostMessage::encode,
    );
    let by_host = check(
        &frame,
        WorkerMessage::decode(frame.clone()),
        WorkerMessage::encode,
    );
    let known = kind.name().is_some();
    assert!(
        !(by_worker && by_host && known),
        "{kind} is a message of both sides"
    );
}

/// Whether this side takes the frame, be it to skip it.
fn check<M: std::fmt::Debug>(
    frame: &Frame,
    decoded: Result<Option<M>, DecodeError>,
    encode: impl FnOnce(&M) -> Result<EncodedFrame, EncodeError>,
) -> bool {
    let known = frame.kind.name().is_some();
    match decoded {
        Ok(None) => {
            assert!(!known && frame.kind.is_ignorable(), "{frame:?} was skipped");
            true
        }
        Ok(Some(message)) => {
            let again = encode(&message).expect("what was decoded fits in a frame");
            let mut wire = BytesMut::new();
            again.write_to(&mut wire);
            let length = (2 + frame.body.len()) as u32;
            assert_eq!(wire[..4], length.to_le_bytes(), "{message:?}");
            assert_eq!(wire[4..6], frame.kind.0.to_le_bytes(), "{message:?}");
            assert_eq!(wire[6..], frame.body, "{message:?}");
            true
        }
        Err(error) => {
            assert!(error.requirement().starts_with("GR-"), "{error}");
            assert!(error.to_string().len() < 1_000, "{error}");
            match error {
                DecodeError::UnknownType(_) => assert!(!known && !frame.kind.is_ignorable()),
                _ => assert!(known, "{error}"),
            }
            false
        }
    }
}
