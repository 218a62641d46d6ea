//! The control socket: frames in, frames out, and what can go wrong with them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use greenroom_protocol::{DecodeError, FrameCodec, FrameError, HostMessage, Limits, WorkerMessage};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// How much one read takes. More than most frames, so that one read finds the socket empty.
const READ: usize = 64 << 10;
/// The read buffer is renewed when less than this is left of it.
const MIN_READ: usize = 8 << 10;
/// Above so many unsent bytes no commands of jobs are taken.
const HIGH_WATER: usize = 256 << 10;
/// Pieces that one write takes.
const PIECES: usize = 16;

/// Owned by one task. Reading goes on whatever is waiting to be written.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: UnixStream,
    codec: FrameCodec,
    inbox: BytesMut,
    outbox: VecDeque<Bytes>,
    /// The bytes in `outbox`.
    unsent: usize,
    open: bool,
}

/// Why there is nothing more to hear from the host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It closed its side, reset the connection, or stopped in the middle of a frame.
    #[error("the host is gone")]
    HostGone,
    /// It broke the protocol: this requirement of `proto-spec/`.
    #[error("the host broke the protocol ({requirement}): {detail}")]
    Protocol {
        requirement: &'static str,
        detail: String,
    },
}

impl Fault {
    /// A message that is well formed and out of place.
    pub(crate) fn out_of_place(requirement: &'static str, detail: impl Into<String>) -> Self {
        Self::Protocol {
            requirement,
            detail: detail.into(),
        }
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        Self::Protocol {
            requirement: error.requirement(),
            detail: error.to_string(),
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Protocol {
            requirement: error.requirement(),
            detail: error.to_string(),
        }
    }
}

impl Connection {
    /// With the handshake's limit. Must be called on the runtime.
    pub(crate) fn new(socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixStream::from_std(socket)?,
            codec: FrameCodec::default(),
            inbox: BytesMut::with_capacity(READ),
            outbox: VecDeque::new(),
            unsent: 0,
            open: true,
        })
    }

    /// From here on frames may be as large as was agreed on.
    pub(crate) fn handshake_done(&mut self, limits: Limits) {
        self.codec.set_max_frame(limits.max_frame);
    }

    /// The host is gone: from here on nothing is sent, and there is nothing to receive.
    pub(crate) fn hang_up(&mut self) {
        self.open = false;
        self.outbox.clear();
        self.unsent = 0;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether so little is unsent that more may be taken from jobs.
    pub(crate) fn is_flowing(&self) -> bool {
        self.unsent < HIGH_WATER
    }

    /// The bytes that wait to be written.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent
    }

    /// The next message, or `None` when something that waited has been written. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Result<Option<HostMessage>, Fault> {
        loop {
            while let Some(frame) = self.codec.decode(&mut self.inbox)? {
                if let Some(message) = HostMessage::decode(frame)? {
                    return Ok(Some(message));
                }
            }
            if self.inbox.capacity() - self.inbox.len() < MIN_READ {
                self.inbox.reserve(READ);
            }
            let (mut reader, writer) = self.socket.split();
            tokio::select! {
                read = reader.read_buf(&mut self.inbox) => {
                    if !read.is_ok_and(|count| count > 0) {
                        return Err(Fault::HostGone);
                    }
                }
                writable = writer.writable(), if !self.outbox.is_empty() => {
                    writable.map_err(|_| Fault::HostGone)?;
                    self.write()?;
                    return Ok(None);
                }
            }
        }
    }

    /// Writes the message now, as much of it as the socket takes; the rest when it takes more.
    pub(crate) fn send(&mut self, message: &WorkerMessage) -> Result<(), Fault> {
        if !self.open {
            return Ok(());
        }
        let frame = message
            .encode()
            .expect("whoever makes a message keeps it within a frame");
        self.unsent += frame.wire_len();
        self.outbox.push_back(frame.head);
        if !frame.data.is_empty() {
            self.outbox.push_back(frame.data);
        }
        self.write()
    }

    /// Waits until all is written. Reads nothing meanwhile.
    pub(crate) async fn flush(&mut self) -> Result<(), Fault> {
        while !self.outbox.is_empty() {
            let writable = self.socket.writable().await;
            writable.map_err(|_| Fault::HostGone)?;
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Fault> {
        while !self.outbox.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            for (piece, bytes) in pieces.iter_mut().zip(&self.outbox) {
                *piece = IoSlice::new(bytes);
            }
            let count = self.outbox.len().min(PIECES);
            match self.socket.try_write_vectored(&pieces[..count]) {
                Ok(written) => self.written(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Fault::HostGone),
            }
        }
        Ok(())
    }

    fn written(&mut self, mut count: usize) {
        self.unsent -= count;
        while let Some(first) = self.outbox.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.outbox.pop_front();
        }
    }
}
