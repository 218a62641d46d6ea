//! What can be wrong with bytes, split by whose fault it is.

use crate::MessageType;

/// The peer's stream is not a sequence of frames. Nothing after it can be trusted: close it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length field exceeds the limit that was agreed on. Nothing was allocated for it.
    #[error("a frame of {length} bytes, the limit is {max}")]
    TooLarge {
        /// What the length field says, in bytes.
        length: u32,
        /// The limit in force, in bytes.
        max: u32,
    },
    /// The length field leaves no room for the type number.
    #[error("a frame of {length} bytes, the least is 2")]
    TooShort {
        /// What the length field says, in bytes.
        length: u32,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame: {have} bytes of {need}")]
    Truncated {
        /// Bytes that came, the header's included.
        have: usize,
        /// Bytes that the frame has; the header's size while its length is not known.
        need: usize,
    },
}

/// A frame arrived whole, but what it holds is not a message that the peer may send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A type that this side does not know and may not skip.
    #[error("{0} is unknown, and its number says that it may not be skipped")]
    UnknownType(MessageType),
    /// A type that only the other side may send.
    #[error("{0} was sent by the wrong side")]
    WrongDirection(MessageType),
    /// The body does not hold the message's fields.
    #[error("{kind}: the body is malformed: {detail}")]
    Malformed {
        /// Which message.
        kind: MessageType,
        /// What the deserializer met.
        detail: String,
    },
    /// The fields end before the body does, in a message that carries no data.
    #[error("{kind}: {extra} bytes follow the last field")]
    Trailing {
        /// Which message.
        kind: MessageType,
        /// How many bytes are left over.
        extra: usize,
    },
    /// The fields are there, but written in another way than the one canonical way.
    #[error("{kind}: the fields are not in their shortest form")]
    NotCanonical {
        /// Which message.
        kind: MessageType,
    },
}

/// This side tried to send something that the wire cannot carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The message does not fit in the largest frame that any peer accepts.
    #[error("{kind} takes {length} bytes, a frame holds at most {max}")]
    TooLarge {
        /// Which message.
        kind: MessageType,
        /// Its size after the length field, in bytes.
        length: usize,
        /// The limit, in bytes.
        max: u32,
    },
    /// The fields are longer than any peer decodes: shorten a text, or send it as data.
    #[error("the fields of {kind} take {length} bytes, they may take at most {max}")]
    FieldsTooLarge {
        /// Which message.
        kind: MessageType,
        /// The size of its fields, in bytes.
        length: usize,
        /// The limit, in bytes.
        max: u32,
    },
}

impl FrameError {
    /// The requirement of `proto-spec/` that the peer broke.
    pub const fn requirement(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "GR-2.2-1",
            Self::TooShort { .. } => "GR-2.1-3",
            Self::Truncated { .. } => "GR-2.3-2",
        }
    }
}

impl DecodeError {
    /// The requirement of `proto-spec/` that the peer broke.
    pub const fn requirement(&self) -> &'static str {
        match self {
            Self::UnknownType(_) => "GR-2.4-2",
            Self::WrongDirection(_) => "GR-2.4-1",
            Self::Malformed { .. } => "GR-3.1-1",
            Self::Trailing { .. } => "GR-3.1-2",
            Self::NotCanonical { .. } => "GR-3.1-3",
        }
    }
}
