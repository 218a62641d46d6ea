//! The connection to one worker: bytes in, frames out, nothing decided.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use greenroom_protocol::{EncodedFrame, Frame, FrameCodec, FrameError, HostMessage};
use rustix::net::RecvFlags;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// While more than this waits to be written, nothing more is read: a worker that only talks and
/// never listens fills its own end, not the host's memory.
const UNREAD_BOUND: usize = 1 << 20;
/// What one system call writes at most. A ping waits behind no more than this.
const WRITE_AT_ONCE: usize = 256 << 10;
const SLICES: usize = 16;
/// What an idle connection keeps to read into, and what a busy one grows it to.
const READ_SMALL: usize = 4 << 10;
const READ_LARGE: usize = 256 << 10;

pub(crate) struct Channel {
    stream: UnixStream,
    codec: FrameCodec,
    inbox: BytesMut,
    /// What may overtake: pings, shutdown, windows, answers.
    urgent: VecDeque<EncodedFrame>,
    /// Jobs and what belongs to them, in order.
    bulk: VecDeque<EncodedFrame>,
    /// What has been begun, in the order of the wire.
    writing: VecDeque<Bytes>,
    waiting: usize,
    /// How much to read at once.
    room: usize,
}

/// What [`Channel::next`] waited for.
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
    pub(crate) fn new(socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        Ok(Self {
            stream: UnixStream::from_std(socket)?,
            codec: FrameCodec::default(),
            inbox: BytesMut::new(),
            urgent: VecDeque::new(),
            bulk: VecDeque::new(),
            writing: VecDeque::new(),
            waiting: 0,
            room: READ_SMALL,
        })
    }

    pub(crate) fn set_max_frame(&mut self, max_frame: u32) {
        self.codec.set_max_frame(max_frame);
    }

    /// Waits for bytes and reads them, or until more can be written if something waits.
    ///
    /// Cancel-safe.
    pub(crate) async fn next(&mut self) -> Ready {
        let may_read = self.waiting < UNREAD_BOUND;
        self.inbox.reserve(self.room);
        let room = self.inbox.capacity() - self.inbox.len();
        let (mut reader, writer) = self.stream.split();
        tokio::select! {
            biased;
            read = reader.read_buf(&mut self.inbox), if may_read => {
                self.room = match read {
                    Ok(taken) if taken == room => (room * 4).min(READ_LARGE),
                    _ => READ_SMALL,
                };
                Ready::Read(judge(read))
            }
            _ = writer.writable(), if self.waiting > 0 => Ready::Write,
        }
    }

    // ---- in

    /// Reads what is there even if the runtime has not noticed it yet, as after a host was frozen.
    pub(crate) fn read_now(&mut self) -> Read {
        self.inbox.reserve(READ_LARGE);
        let room = self.inbox.capacity() - self.inbox.len();
        let end = self.inbox.len();
        self.inbox.resize(end + room, 0);
        let read = rustix::net::recv(&self.stream, &mut self.inbox[end..], RecvFlags::DONTWAIT);
        let (taken, read) = match read {
            Ok((_, taken)) => (taken, Ok(taken)),
            Err(error) => (0, Err(io::Error::from(error))),
        };
        self.inbox.truncate(end + taken);
        judge(read)
    }

    /// The next whole frame that has been read.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let frame = self.codec.decode(&mut self.inbox)?;
        if frame.is_none() && self.inbox.is_empty() && self.inbox.capacity() > READ_SMALL * 4 {
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
            _ => self.urgent.push_back(frame),
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
            match self.stream.try_write_vectored(&slices[..count]) {
                Ok(written) => self.written(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.forget();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Nothing more will be written.
    pub(crate) fn forget(&mut self) {
        self.urgent.clear();
        self.bulk.clear();
        self.writing.clear();
        self.waiting = 0;
    }

    fn begin_frames(&mut self) {
        let mut begun: usize = self.writing.iter().map(Bytes::len).sum();
        while begun < WRITE_AT_ONCE && self.writing.len() + 2 <= SLICES {
            let Some(frame) = self.urgent.pop_front().or_else(|| self.bulk.pop_front()) else {
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

/// A dead peer shows as an end or as a reset, if it left bytes of ours unread.
fn judge(read: io::Result<usize>) -> Read {
    match read {
        Ok(0) => Read::Gone,
        Ok(_) => Read::Some,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Read::Nothing
        }
        Err(_) => Read::Gone,
    }
}
