//! What comes in from a worker, frame by frame.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::mpsc::SyncSender;

use bytes::{Buf, BufMut, BytesMut};
use greenroom_protocol::{DecodeError, Frame, FrameCodec, FrameError, MessageType, WorkerMessage};

use crate::fault::Fault;
use crate::{Event, Heard, Planted, Violation};

/// Cuts the stream into messages.
pub(crate) struct Reader {
    socket: UnixStream,
    codec: FrameCodec,
    buffer: BytesMut,
    /// The limit that the host has announced: with the worker's it is the one after the handshake.
    max_frame: u32,
    planted: Planted,
}

enum Broken {
    Frame(FrameError),
    Message(DecodeError),
}

impl Broken {
    fn violation(&self) -> Violation {
        let (requirement, detail) = match self {
            Self::Frame(error) => (error.requirement(), error.to_string()),
            Self::Message(error) => (error.requirement(), error.to_string()),
        };
        Violation {
            requirement,
            detail,
        }
    }
}

impl Reader {
    pub(crate) fn new(socket: UnixStream, max_frame: u32, planted: Planted) -> Self {
        Self {
            socket,
            codec: match planted.is(Fault::AcceptsOverlongFrames) {
                true => FrameCodec::new(u32::MAX),
                false => FrameCodec::default(),
            },
            buffer: BytesMut::new(),
            max_frame,
            planted,
        }
    }

    /// Tells everything, up to the end.
    pub(crate) fn read_on(mut self, generation: u64, events: &SyncSender<Event>) {
        loop {
            let heard = self.next();
            let over = !matches!(heard, Heard::Message(_));
            if events.send(Event::Heard(generation, heard)).is_err() || over {
                return;
            }
        }
    }

    fn next(&mut self) -> Heard {
        loop {
            let broken = match self.take() {
                Ok(Some(message)) => {
                    self.agree(&message);
                    return Heard::Message(message);
                }
                Ok(None) => match self.read() {
                    Ok(1..) => continue,
                    Ok(0) if self.completes() => continue,
                    Ok(0) => return self.end(),
                    Err(error) => return self.reset(&error),
                },
                Err(broken) => broken,
            };
            if !self.passes(&broken) {
                return Heard::Violation(broken.violation());
            }
        }
    }

    /// From the response on the agreed limit is in force.
    fn agree(&mut self, message: &WorkerMessage) {
        let keeps = [Fault::AcceptsOverlongFrames, Fault::KeepsTheHandshakeLimit];
        if let WorkerMessage::InitializeResponse(response) = message
            && response.error.is_none()
            && !keeps.iter().any(|fault| self.planted.is(*fault))
        {
            let agreed = response.limits.max_frame.min(self.max_frame);
            self.codec.set_max_frame(agreed);
        }
    }

    /// A message that is there already.
    fn take(&mut self) -> Result<Option<WorkerMessage>, Broken> {
        while let Some(frame) = self.codec.decode(&mut self.buffer).map_err(Broken::Frame)? {
            if self.planted.is(Fault::LosesCoalescedFrames) {
                self.buffer.clear();
            }
            self.look_into_ignorable(&frame).map_err(Broken::Message)?;
            if let Some(message) = WorkerMessage::decode(frame).map_err(Broken::Message)? {
                return Ok(Some(message));
            }
        }
        if !self.buffer.is_empty() && self.planted.is(Fault::NeedsWholeFrames) {
            let (have, need) = (self.buffer.len(), self.buffer.len() + 1);
            return Err(Broken::Frame(FrameError::Truncated { have, need }));
        }
        Ok(None)
    }

    fn look_into_ignorable(&self, frame: &Frame) -> Result<(), DecodeError> {
        let kind = frame.kind;
        if kind.is_ignorable() && self.planted.is(Fault::RefusesIgnorables) {
            return Err(DecodeError::UnknownType(kind));
        }
        if kind.is_ignorable() && self.planted.is(Fault::LooksIntoIgnorables) {
            let body = frame.body.clone();
            WorkerMessage::decode(Frame {
                kind: MessageType::PONG,
                body,
            })?;
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 << 10];
        let count = self.socket.read(&mut piece)?;
        self.buffer.put_slice(&piece[..count]);
        Ok(count)
    }

    /// With the fault, the end of the stream makes a frame whole: nothing but zeros is missing.
    fn completes(&mut self) -> bool {
        let Some(length) = self.buffer.first_chunk::<4>() else {
            return false;
        };
        let whole = u32::from_le_bytes(*length) as usize + 4;
        let is_cut = self.buffer.len() < whole;
        if is_cut && self.planted.is(Fault::UsesACutFrame) {
            self.buffer.resize(whole, 0);
            return true;
        }
        false
    }

    fn end(&mut self) -> Heard {
        match self.codec.decode_eof(&mut self.buffer) {
            Err(_) if self.planted.is(Fault::TakesACutFrameForAClose) => Heard::End,
            Err(error) => Heard::Violation(Broken::Frame(error).violation()),
            Ok(_) => Heard::End,
        }
    }

    fn reset(&self, error: &io::Error) -> Heard {
        if self.planted.is(Fault::IgnoresAReset) && error.kind() == io::ErrorKind::ConnectionReset {
            exit(1);
        }
        Heard::End
    }

    /// Whether the fault is not to mind; then what is broken is passed over.
    fn passes(&mut self, broken: &Broken) -> bool {
        let planted = self.planted;
        let passes = planted.is(Fault::ReadsOnAfterAViolation)
            || match broken {
                Broken::Frame(FrameError::TooShort { .. }) => planted.is(Fault::AcceptsLengthZero),
                Broken::Frame(_) => false,
                Broken::Message(DecodeError::UnknownType(_)) => {
                    planted.is(Fault::SkipsCriticalUnknowns)
                }
                Broken::Message(DecodeError::WrongDirection(_)) => {
                    planted.is(Fault::SkipsAHostsMessages)
                }
                Broken::Message(DecodeError::Malformed { detail, .. }) => {
                    let text = detail.to_lowercase().replace('-', "").contains("utf8");
                    let both = detail.contains("both");
                    (text && planted.is(Fault::AcceptsBadText))
                        || (both && planted.is(Fault::AcceptsBothEnds))
                }
                Broken::Message(DecodeError::Trailing { .. }) => {
                    planted.is(Fault::AcceptsTrailingBytes)
                }
                Broken::Message(DecodeError::NotCanonical { .. }) => {
                    planted.is(Fault::AcceptsLongIntegers)
                }
            };
        if passes {
            match broken {
                Broken::Frame(FrameError::TooShort { .. }) => self.buffer.advance(4),
                Broken::Frame(_) => self.buffer.clear(),
                Broken::Message(_) => {}
            }
        }
        passes
    }
}
