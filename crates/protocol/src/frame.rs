//! Frames: where one message ends and the next begins.
//!
//! ```text
//!   0               4        6                      4 + length
//!   +---------------+--------+----------------------+
//!   | length u32 LE | type   | body                 |
//!   |               | u16 LE |                      |
//!   +---------------+--------+----------------------+
//!                   |<------- length bytes -------->|
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{FrameError, MessageType};

/// Bytes before the body: the length and the type number.
pub const HEADER: usize = LENGTH + TYPE;
/// The limit for frames of the handshake, in bytes after the length field. Both sides accept it
/// before anything is agreed on, and no agreement goes below it.
pub const HANDSHAKE_FRAME: u32 = 64 << 10;
/// The largest frame that two sides can agree on, in bytes after the length field.
pub const MAX_FRAME_CEILING: u32 = 16 << 20;

const LENGTH: usize = 4;
const TYPE: usize = 2;

/// One message as it arrived: a number and a body that nobody has looked into yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which message the body is.
    pub kind: MessageType,
    /// The rest of the frame.
    pub body: Bytes,
}

/// One message ready to be written: a small head, and the data that follows it untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Length, type number and the message's fields.
    pub head: Bytes,
    /// The raw bytes at the end of the frame; empty for most messages.
    pub data: Bytes,
}

impl EncodedFrame {
    /// `head` begins with room for the header. It and `data` must fit in [`MAX_FRAME_CEILING`].
    pub(crate) fn new(kind: MessageType, mut head: Vec<u8>, data: Bytes) -> Self {
        let length = u32::try_from(head.len() - LENGTH + data.len())
            .expect("the caller has checked it against the ceiling");
        head[..LENGTH].copy_from_slice(&length.to_le_bytes());
        head[LENGTH..HEADER].copy_from_slice(&kind.0.to_le_bytes());
        Self {
            head: head.into(),
            data,
        }
    }

    /// What the length field says: the bytes of this frame after it.
    pub fn length(&self) -> usize {
        self.wire_len() - LENGTH
    }

    /// All bytes of this frame on the wire.
    pub fn wire_len(&self) -> usize {
        self.head.len() + self.data.len()
    }

    /// Appends the whole frame to `out`.
    pub fn write_to(&self, out: &mut BytesMut) {
        out.reserve(self.wire_len());
        out.put_slice(&self.head);
        out.put_slice(&self.data);
    }
}

/// Finds frames in a stream that arrives in pieces of any size.
///
/// After an error the stream is out of step and must be closed: every later call returns an error
/// again as long as the same bytes are in front.
#[derive(Clone, Debug)]
pub struct FrameCodec {
    max_frame: u32,
}

impl Default for FrameCodec {
    /// With the handshake's limit, [`HANDSHAKE_FRAME`].
    fn default() -> Self {
        Self::new(HANDSHAKE_FRAME)
    }
}

impl FrameCodec {
    /// With a limit in bytes after the length field.
    pub const fn new(max_frame: u32) -> Self {
        Self { max_frame }
    }

    /// Raises or lowers the limit: once, when the handshake is over.
    pub const fn set_max_frame(&mut self, max_frame: u32) {
        self.max_frame = max_frame;
    }

    /// Takes the next whole frame from the front of `buffer`, or `None` while more bytes are
    /// needed. Never reserves memory: `buffer` grows by what its owner reads into it.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(length) = self.length(buffer)? else {
            return Ok(None);
        };
        if buffer.len() < LENGTH + length {
            return Ok(None);
        }
        buffer.advance(LENGTH);
        let mut frame = buffer.split_to(length).freeze();
        let kind = MessageType(frame.get_u16_le());
        Ok(Some(Frame { kind, body: frame }))
    }

    /// As [`decode`](Self::decode), once the stream has ended: what is left over and no whole frame
    /// is [`FrameError::Truncated`].
    pub fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if let Some(frame) = self.decode(buffer)? {
            return Ok(Some(frame));
        }
        if buffer.is_empty() {
            return Ok(None);
        }
        let need = match self.length(buffer)? {
            Some(length) => LENGTH + length,
            None => HEADER,
        };
        Err(FrameError::Truncated {
            have: buffer.len(),
            need,
        })
    }

    /// How many bytes the frame at the front of `buffer` still lacks; `None` while that cannot be
    /// told or is nothing. A peer may claim any length up to the limit, so reserve no more than is
    /// affordable before the bytes are there.
    pub fn missing(&self, buffer: &[u8]) -> Option<usize> {
        let length = self.length(buffer).ok()??;
        (LENGTH + length)
            .checked_sub(buffer.len())
            .filter(|&missing| missing > 0)
    }

    /// The length field, once it is there and in range.
    fn length(&self, buffer: &[u8]) -> Result<Option<usize>, FrameError> {
        let Some(field) = buffer.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*field);
        if length > self.max_frame {
            return Err(FrameError::TooLarge {
                length,
                max: self.max_frame,
            });
        }
        if (length as usize) < TYPE {
            return Err(FrameError::TooShort { length });
        }
        Ok(Some(length as usize))
    }
}

/// For [`Framed`](tokio_util::codec::Framed) and its halves.
#[cfg(feature = "codec")]
mod framed {
    use tokio_util::codec::{Decoder, Encoder};

    use super::{BytesMut, EncodedFrame, Frame, FrameCodec, FrameError};

    /// A frame or the stream failed.
    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    pub enum FramedError {
        /// The peer's bytes are no frame.
        Frame(#[from] FrameError),
        /// The stream could not be read or written.
        Io(#[from] std::io::Error),
    }

    impl Decoder for FrameCodec {
        type Item = Frame;
        type Error = FramedError;

        fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FramedError> {
            Ok(Self::decode(self, buffer)?)
        }

        fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FramedError> {
            Ok(Self::decode_eof(self, buffer)?)
        }
    }

    impl Encoder<EncodedFrame> for FrameCodec {
        type Error = FramedError;

        fn encode(&mut self, frame: EncodedFrame, out: &mut BytesMut) -> Result<(), FramedError> {
            frame.write_to(out);
            Ok(())
        }
    }
}
#[cfg(feature = "codec")]
pub use framed::FramedError;
