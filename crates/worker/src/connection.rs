//! The control socket: frames in, frames out, and what can go wrong with them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::unix::net::UnixStream;

use bytes::{Buf, Bytes, BytesMut};
use greenroom_protocol::{DecodeError, FrameCodec, FrameError, HostMessage, Limits, WorkerMessage};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// How much one read takes of what is small: more than most frames, so that one read finds the socket
/// empty. And how much of a large frame, or of many that are there.
const READ: usize = 4 << 10;
const READ_LARGE: usize = 256 << 10;
/// Above so many unsent bytes no commands of jobs are taken.
const HIGH_WATER: usize = 256 << 10;
/// Pieces that one write takes.
const PIECES: usize = 16;

/// Owned by one task. Reading goes on whatever is waiting to be written.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Watched for what comes only: each time the host reads, a socket watched for room too would
    /// wake this process for nothing.
    socket: AsyncFd<UnixStream>,
    /// The same socket watched for room, while it has none.
    full: Option<AsyncFd<UnixStream>>,
    codec: FrameCodec,
    inbox: BytesMut,
    /// Whether the last read left something in the socket.
    more: bool,
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

impl From<io::Error> for Fault {
    /// A socket fails in many ways when its peer has died (reset, broken pipe), and a worker whose
    /// socket fails otherwise is as lost to its host.
    fn from(_: io::Error) -> Self {
        Self::HostGone
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
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: watch(socket, Interest::READABLE)?,
            full: None,
            codec: FrameCodec::default(),
            inbox: BytesMut::new(),
            more: false,
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
        self.full = None;
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

    /// The pieces that these bytes are in, each with a cost of its own.
    pub(crate) fn unsent_pieces(&self) -> usize {
        self.outbox.len()
    }

    /// The next message, or `None` when something that waited has been written. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Result<Option<HostMessage>, Fault> {
        loop {
            while let Some(frame) = self.codec.decode(&mut self.inbox)? {
                if let Some(message) = HostMessage::decode(frame)? {
                    return Ok(Some(message));
                }
            }
            if self.inbox.is_empty() && self.inbox.capacity() > READ * 4 {
                // An idle worker keeps little.
                self.inbox = BytesMut::new();
            }
            tokio::select! {
                readable = self.socket.readable() => {
                    let missing = self.codec.missing(&self.inbox).unwrap_or(0);
                    self.more = read(readable?, &mut self.inbox, missing, self.more)?;
                }
                room = room(self.full.as_ref()) => {
                    room?;
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
        if self.full.is_some() {
            return Ok(());
        }
        self.write()
    }

    /// Waits until all is written. What comes meanwhile is too late and is dropped, but it is read: a
    /// host that waits to write it might not read either.
    pub(crate) async fn flush(&mut self) -> Result<(), Fault> {
        while self.full.is_some() {
            drop(self.receive().await?);
        }
        Ok(())
    }

    /// Writes what the socket takes, and begins or ends to watch for room in it.
    fn write(&mut self) -> Result<(), Fault> {
        while !self.outbox.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            for (piece, bytes) in pieces.iter_mut().zip(&self.outbox) {
                *piece = IoSlice::new(bytes);
            }
            let count = self.outbox.len().min(PIECES);
            match self.socket.get_ref().write_vectored(&pieces[..count]) {
                Ok(written) => self.written(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.watch_for_room();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.full = None;
        Ok(())
    }

    /// A second registration of the socket: the kernel reports at once if there is room by now.
    fn watch_for_room(&mut self) -> Result<(), Fault> {
        if self.full.is_none() {
            let socket = self.socket.get_ref().try_clone()?;
            self.full = Some(watch(socket, Interest::WRITABLE)?);
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

/// One read, of what there is: a little, or as much as there is if there was `more` or if so much is
/// `missing` of a frame. Whether it has left anything.
fn read(
    mut ready: AsyncFdReadyGuard<'_, UnixStream>,
    inbox: &mut BytesMut,
    missing: usize,
    more: bool,
) -> Result<bool, Fault> {
    let mut room = READ;
    if more || missing > READ {
        // Memory is set before it is read into, so that it should be no more than will be.
        let there = rustix::io::ioctl_fionread(ready.get_inner()).unwrap_or(0);
        room = usize::try_from(there)
            .unwrap_or(READ)
            .clamp(READ, READ_LARGE);
    }
    let end = inbox.len();
    // What is missing is made room for at once, so that it is not moved when it has come.
    inbox.reserve(room.max(missing.min(READ_LARGE)));
    inbox.resize(end + room, 0);
    let read = ready.try_io(|socket| socket.get_ref().read(&mut inbox[end..]));
    inbox.truncate(
        end + *read
            .as_ref()
            .ok()
            .and_then(|read| read.as_ref().ok())
            .unwrap_or(&0),
    );
    match read {
        Ok(Ok(0)) => Err(Fault::HostGone),
        Ok(Ok(count)) => {
            if count < room {
                // The socket is empty: saves the read that would find it so.
                ready.clear_ready();
            }
            Ok(count == room)
        }
        Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => Ok(more),
        Ok(Err(error)) => Err(error.into()),
        // The readiness was old.
        Err(_) => Ok(false),
    }
}

/// Ready when a socket that was full has room; never for one that is not full.
async fn room(full: Option<&AsyncFd<UnixStream>>) -> Result<(), Fault> {
    match full {
        Some(full) => {
            full.writable().await?.clear_ready();
            Ok(())
        }
        None => std::future::pending().await,
    }
}

/// tokio's own `UnixStream` is always watched for room too.
#[expect(
    deprecated,
    reason = "its successor is unsafe, for types whose descriptor may change; this one's cannot"
)]
fn watch(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(socket, interest)
}
