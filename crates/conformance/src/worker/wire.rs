//! The kit's end of the socket: bytes out, frames in.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream as StdStream;

use bytes::BytesMut;
use greenroom_protocol::{Frame, FrameCodec, FrameError};
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// What came from the worker.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A whole frame.
    Frame(Frame),
    /// What is no frame, and the bytes that it began with.
    Broken(FrameError, BytesMut),
    /// The end of the stream, between two frames.
    End,
}

/// What became of bytes that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All of them are on their way.
    All,
    /// The worker has closed the connection.
    NobodyReads,
}

/// Owned by the session.
#[derive(Debug)]
pub(crate) struct Wire {
    /// `None` when the kit has closed it.
    socket: Option<UnixStream>,
    codec: FrameCodec,
    inbox: BytesMut,
    heard: bool,
    ended: bool,
}

impl Wire {
    /// Must be called on a runtime.
    pub(crate) fn new(socket: StdStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Some(UnixStream::from_std(socket)?),
            codec: FrameCodec::default(),
            inbox: BytesMut::new(),
            heard: false,
            ended: false,
        })
    }

    /// From the next frame on.
    pub(crate) fn set_max_frame(&mut self, max_frame: u32) {
        self.codec.set_max_frame(max_frame);
    }

    /// Whether the worker has sent anything, even if it is no frame.
    pub(crate) fn has_heard(&self) -> bool {
        self.heard
    }

    /// Whether the end of the stream has been seen.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Writes all of it, and reads nothing meanwhile.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<Sent> {
        let Some(socket) = &self.socket else {
            return Ok(Sent::NobodyReads);
        };
        while !bytes.is_empty() {
            socket.writable().await?;
            match socket.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if retry(&error) => {}
                Err(error) if is_end(&error) => return Ok(Sent::NobodyReads),
                Err(error) => return Err(error),
            }
        }
        Ok(Sent::All)
    }

    /// The next thing that comes. Cancel-safe. After the end it is the end again.
    pub(crate) async fn read(&mut self) -> io::Result<Arrival> {
        loop {
            let next = if self.ended {
                self.codec.decode_eof(&mut self.inbox)
            } else {
                self.codec.decode(&mut self.inbox)
            };
            match next {
                Ok(Some(frame)) => return Ok(Arrival::Frame(frame)),
                Ok(None) if self.ended => return Ok(Arrival::End),
                Ok(None) => {}
                Err(error) => {
                    // Nothing behind it can be trusted.
                    return Ok(Arrival::Broken(error, self.inbox.split()));
                }
            }
            let Some(socket) = &self.socket else {
                self.ended = true;
                continue;
            };
            socket.readable().await?;
            match socket.try_read_buf(&mut self.inbox) {
                Ok(0) => self.ended = true,
                Ok(_) => self.heard = true,
                Err(error) if retry(&error) => {}
                Err(error) if is_end(&error) => self.ended = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// The worker reads the end of the stream, and can still be heard.
    pub(crate) fn half_close(&self) -> io::Result<()> {
        match &self.socket {
            // Safe for a socket that is watched by the runtime: it stays open.
            Some(socket) => {
                rustix::net::shutdown(socket, rustix::net::Shutdown::Write).map_err(io::Error::from)
            }
            None => Ok(()),
        }
    }

    /// Closes it. What the worker has sent and nobody has read makes it a reset.
    pub(crate) fn close(&mut self) {
        self.socket = None;
    }

    /// Waits until the worker has sent something, and does not read it. Cancel-safe.
    pub(crate) async fn something_unread(&self) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        // What the runtime knows may be old: a look that finds nothing makes it new.
        let look = || {
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            let (count, _) = rustix::net::recv(socket, &mut [0; 1], flags)?;
            Ok(count)
        };
        loop {
            socket.readable().await?;
            match socket.try_io(Interest::READABLE, look) {
                Err(error) if retry(&error) => {}
                result => return result.map(drop),
            }
        }
    }
}

fn retry(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A peer that is gone shows in several ways.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    )
}
