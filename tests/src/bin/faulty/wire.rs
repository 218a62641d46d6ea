//! A worker's end of the stream, by hand.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use bytes::{BufMut, BytesMut};
use greenroom_protocol::{FrameCodec, HostMessage, MAX_FRAME_CEILING, WorkerMessage};

pub(crate) struct Wire {
    /// `None` once it was closed.
    socket: Option<UnixStream>,
    codec: FrameCodec,
    inbox: BytesMut,
    last: Vec<u8>,
}

impl Wire {
    /// The socket that is the standard input, which becomes `/dev/null`.
    pub(crate) fn take_stdin() -> io::Result<Self> {
        let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        rustix::stdio::dup2_stdin(&File::open("/dev/null")?)?;
        Ok(Self {
            socket: Some(socket.into()),
            codec: FrameCodec::new(MAX_FRAME_CEILING),
            inbox: BytesMut::new(),
            last: Vec::new(),
        })
    }

    /// The next message; the end of the stream is an error.
    pub(crate) fn next(&mut self) -> io::Result<HostMessage> {
        loop {
            let frame = self.codec.decode(&mut self.inbox);
            if let Some(frame) = frame.map_err(io::Error::other)? {
                if let Some(message) = HostMessage::decode(frame).map_err(io::Error::other)? {
                    return Ok(message);
                }
                continue;
            }
            let mut piece = [0; 64 << 10];
            let count = self.socket()?.read(&mut piece)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.inbox.put_slice(&piece[..count]);
        }
    }

    pub(crate) fn send(&mut self, message: &WorkerMessage) -> io::Result<()> {
        self.write(&frame_of(message))
    }

    /// Writes bytes, whether they are a frame or not.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.last = bytes.to_vec();
        self.socket()?.write_all(bytes)
    }

    /// What was written last.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }

    pub(crate) fn hang_up(&mut self) {
        self.socket = None;
    }

    fn socket(&mut self) -> io::Result<&mut UnixStream> {
        self.socket
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// A message as it goes over the wire.
pub(crate) fn frame_of(message: &WorkerMessage) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let frame = message.encode().expect("all messages here are small");
    frame.write_to(&mut bytes);
    bytes.to_vec()
}
