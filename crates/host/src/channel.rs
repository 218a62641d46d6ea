//! The connection to one worker: bytes in, frames out, nothing decided.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use greenroom_protocol::{EncodedFrame, Frame, FrameCodec, FrameError, HostMessage};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::os::watch;

/// While more than this in answers and the like waits to be written, nothing more is read: a worker
/// that only asks and never listens fills its own end, not the host's memory. Job inputs do not
/// count: their size is no worker's choice.
const UNREAD_BOUND: usize = 1 << 20;
/// What one system call writes at most. A ping waits behind no more than this.
const WRITE_AT_ONCE: usize = 256 << 10;
const SLICES: usize = 16;
/// How much is read at once at first; and of a large frame, or while there is more.
const READ_SMALL: usize = 4 << 10;
const READ_LARGE: usize = 256 << 10;

pub(crate) struct Channel {
    /// Watched for what comes only: watched for room too, it would wake the host each time a worker
    /// reads.
    socket: AsyncFd<OwnedFd>,
    /// The same socket watched for room, while it has none.
    full: Option<AsyncFd<OwnedFd>>,
    codec: FrameCodec,
    inbox: BytesMut,
    /// How much to read at once.
    room: usize,
    /// What may overtake: pings, shutdown, windows, answers.
    urgent: VecDeque<EncodedFrame>,
    /// Bytes in `urgent`.
    owed: usize,
    /// Jobs and what belongs to them, in order.
    bulk: VecDeque<EncodedFrame>,
    /// What has been begun, in the order of the wire.
    writing: VecDeque<Bytes>,
    /// Bytes in the three queues.
    waiting: usize,
}

/// What [`Channel::poll_ready`] has found.
pub(crate) enum Ready {
    Read(Read),
    Write,
}

/// What a look at the stream brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Bytes came; there may be frames.
    Some,
    /// Nothing there yet.
    Nothing,
    /// The worker is gone: the stream has ended or was reset.
    Gone,
}

impl Channel {
    /// Must be called within a runtime.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            socket: watch(socket, Interest::READABLE)?,
            full: None,
            codec: FrameCodec::default(),
            inbox: BytesMut::new(),
            room: READ_SMALL,
            urgent: VecDeque::new(),
            owed: 0,
            bulk: VecDeque::new(),
            writing: VecDeque::new(),
            waiting: 0,
        })
    }

    pub(crate) fn set_max_frame(&mut self, max_frame: u32) {
        self.codec.set_max_frame(max_frame);
    }

    /// Reads what has come, or says that more can be written if something waits.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Ready> {
        if self.may_read()
            && let Poll::Ready(ready) = self.socket.poll_read_ready(context)
        {
            let Ok(mut ready) = ready else {
                return Poll::Ready(Ready::Read(Read::Gone));
            };
            let missing = self.codec.missing(&self.inbox).unwrap_or(0).min(READ_LARGE);
            let mut room = self.room.max(missing);
            let mut is_all = false;
            if room > READ_SMALL {
                // Memory is set before it is read into, so that it should be no more than will be.
                let there = self.bytes_there().max(READ_SMALL);
                is_all = there <= room;
                room = room.min(there);
                // Made room for at once, what is missing is not moved when it has come.
                self.inbox.reserve(room.max(missing));
            }
            let (read, emptied) = receive(self.socket.get_ref(), &mut self.inbox, room);
            let emptied = emptied || is_all;
            if emptied {
                ready.clear_ready();
                self.room = READ_SMALL;
            } else {
                self.room = (self.room * 4).min(READ_LARGE);
            }
            return Poll::Ready(Ready::Read(read));
        }
        match &self.full {
            Some(full) => full.poll_write_ready(context).map(|ready| {
                // An error shows when it is written to.
                drop(ready.map(|mut ready| ready.clear_ready()));
                Ready::Write
            }),
            None => Poll::Pending,
        }
    }

    // ---- in

    fn bytes_there(&self) -> usize {
        let there = rustix::io::ioctl_fionread(self.socket.get_ref());
        there.map_or(READ_LARGE, |there| {
            usize::try_from(there).unwrap_or(usize::MAX)
        })
    }

    /// Reads what is there at this moment, even if the runtime has not noticed it yet, as after a
    /// host was frozen. What comes meanwhile is for later: a worker that never stops talking would
    /// keep the host here.
    pub(crate) fn read_now(&mut self) -> Read {
        if !self.may_read() {
            return Read::Nothing;
        }
        let (read, emptied) = receive(self.socket.get_ref(), &mut self.inbox, READ_SMALL);
        if emptied {
            return read;
        }
        let there = self.bytes_there();
        // The end of the stream shows only to one who asks for something.
        match receive(self.socket.get_ref(), &mut self.inbox, there.max(1)).0 {
            Read::Nothing => read,
            more => more,
        }
    }

    fn may_read(&self) -> bool {
        self.owed < UNREAD_BOUND
    }

    /// Whether the last read left something in the socket.
    pub(crate) fn has_more(&self) -> bool {
        self.room > READ_SMALL
    }

    /// The next whole frame that has been read.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let frame = self.codec.decode(&mut self.inbox)?;
        if frame.is_none() && self.inbox.is_empty() {
            // An idle connection keeps nothing.
            self.inbox = BytesMut::new();
        }
        Ok(frame)
    }

    /// After the end of the stream: whether it ended inside a frame.
    pub(crate) fn check_end(&mut self) -> Result<(), FrameError> {
        self.codec.decode_eof(&mut self.inbox).map(|_| ())
    }

    // ---- out

    pub(crate) fn push(&mut self, message: &HostMessage, frame: EncodedFrame) {
        self.waiting += frame.wire_len();
        match message {
            HostMessage::StartJob(..) | HostMessage::JobInput(..) | HostMessage::CancelJob(_) => {
                self.bulk.push_back(frame);
            }
            _ => {
                self.owed += frame.wire_len();
                self.urgent.push_back(frame);
            }
        }
    }

    /// Writes until everything is written or the stream takes no more.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.waiting > 0 {
            self.begin_frames();
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(&self.writing) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            match send(self.socket.get_ref(), &slices[..count]) {
                Ok(written) => self.written(written),
                Err(Errno::AGAIN) => {
                    self.wait_for_room();
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(error) => {
                    self.forget();
                    return Err(error.into());
                }
            }
        }
        self.full = None;
        Ok(())
    }

    /// A host that is out of descriptors must not blame its worker: the next ping tries again.
    fn wait_for_room(&mut self) {
        if self.full.is_none() {
            let same = self.socket.get_ref().try_clone();
            match same.and_then(|same| watch(same, Interest::WRITABLE)) {
                Ok(full) => self.full = Some(full),
                Err(error) => tracing::warn!(%error, "a full connection cannot be watched"),
            }
        }
    }

    /// Nothing more will be written.
    pub(crate) fn forget(&mut self) {
        self.urgent.clear();
        self.owed = 0;
        self.bulk.clear();
        self.writing.clear();
        self.waiting = 0;
        self.full = None;
    }

    fn begin_frames(&mut self) {
        let mut begun: usize = self.writing.iter().map(Bytes::len).sum();
        while begun < WRITE_AT_ONCE && self.writing.len() + 2 <= SLICES {
            let urgent = self.urgent.pop_front();
            self.owed -= urgent.as_ref().map_or(0, EncodedFrame::wire_len);
            let Some(frame) = urgent.or_else(|| self.bulk.pop_front()) else {
                return;
            };
            begun += frame.wire_len();
            self.writing.push_back(frame.head);
            if !frame.data.is_empty() {
                self.writing.push_back(frame.data);
            }
        }
    }

    fn written(&mut self, mut count: usize) {
        self.waiting -= count;
        while let Some(front) = self.writing.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.writing.pop_front();
        }
    }
}

/// Reads once, at most `room` bytes; also says whether that has emptied the socket.
///
/// A dead peer shows as an end or, if it left bytes of ours unread, as a reset.
fn receive(socket: &OwnedFd, inbox: &mut BytesMut, room: usize) -> (Read, bool) {
    let end = inbox.len();
    inbox.resize(end + room, 0);
    let received = rustix::net::recv(socket, &mut inbox[end..], RecvFlags::DONTWAIT);
    let taken = received.as_ref().map_or(0, |(_, taken)| *taken);
    inbox.truncate(end + taken);
    match received {
        Ok((_, 0)) => (Read::Gone, true),
        Ok((_, taken)) => (Read::Some, taken < room),
        Err(Errno::AGAIN) => (Read::Nothing, true),
        Err(Errno::INTR) => (Read::Nothing, false),
        Err(_) => (Read::Gone, true),
    }
}

/// A broken pipe is an error here, never a signal: the host's own handling of SIGPIPE is not ours
/// to change.
fn send(socket: &OwnedFd, pieces: &[IoSlice<'_>]) -> Result<usize, Errno> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let mut nothing = SendAncillaryBuffer::default();
    rustix::net::sendmsg(socket, pieces, &mut nothing, flags)
}
