//! What a Greenroom host and its workers say to each other, and how it looks on the wire.
//!
//! # Theory of operation
//!
//! Control travels on one byte stream between two processes. The stream is cut into [`Frame`]s: a
//! length, a type number and a body. [`FrameCodec`] finds them in whatever pieces the stream
//! delivers, and refuses a length over the limit before anything is allocated for it.
//!
//! A frame's type number says which message its body is. [`HostMessage`] holds what a host may say,
//! [`WorkerMessage`] what a worker may say; a number of the other direction is an error. A body is
//! one plain struct in bincode's `standard()` layout, followed, in messages that carry data, by raw
//! bytes up to the end of the frame. The data never passes through the serializer: it is a slice of
//! the buffer that the frame arrived in.
//!
//! Both sides begin with [`InitializeRequest`] and [`InitializeResponse`], whose layouts never
//! change: they agree on a [version], on [`Capabilities`] and on [`Limits`]. After that a
//! layout never changes either; a new one gets a new number behind a capability bit.
//!
//! Nothing here reads a clock, touches a file or needs a runtime, and nothing trusts its input:
//! each decoded value was bounded, complete and canonical, or it is a typed error that names the
//! requirement of `proto-spec/` it broke.
//!
//! ```
//! use bytes::BytesMut;
//! use greenroom_protocol::{FrameCodec, HostMessage, Ping};
//!
//! let mut stream = BytesMut::new();
//! HostMessage::Ping(Ping { seq: 7 }).encode()?.write_to(&mut stream);
//! assert_eq!(stream[..], [3, 0, 0, 0, 3, 0, 7]);
//!
//! let mut codec = FrameCodec::default();
//! let frame = codec.decode(&mut stream)?.expect("a whole frame is there");
//! assert_eq!(HostMessage::decode(frame)?, Some(HostMessage::Ping(Ping { seq: 7 })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod body;
mod error;
mod frame;
mod message;
mod number;
pub mod version;

pub use body::MAX_FIELDS;
pub use error::{DecodeError, EncodeError, FrameError};
#[cfg(feature = "codec")]
pub use frame::FramedError;
pub use frame::{EncodedFrame, Frame, FrameCodec, HANDSHAKE_FRAME, HEADER, MAX_FRAME_CEILING};
pub use message::*;
pub use number::{
    CancelReason, DeadlineKind, FailureKind, InitializeCode, MessageType, ShutdownReason,
};
pub use version::{Capabilities, Limits};
