//! What goes out to a worker, in order.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::{BufMut, BytesMut};
use greenroom_protocol::HostMessage;

use crate::Planted;
use crate::fault::Fault;

/// How many messages may wait to be written; the inputs of jobs are cut into at most so many.
const UNDER_WAY: usize = 1 << 16;

/// The way to the thread that writes.
pub(crate) struct Outbox {
    queue: SyncSender<BytesMut>,
    socket: UnixStream,
}

pub(crate) fn start(socket: UnixStream, planted: Planted) -> std::io::Result<Outbox> {
    // With the fault each message waits for the one before: whoever sends does nothing else.
    let room = if planted.is(Fault::StopsReadingWhileWriting) {
        0
    } else {
        UNDER_WAY
    };
    let (queue, inbox) = sync_channel::<BytesMut>(room);
    let mut to = socket.try_clone()?;
    std::thread::spawn(move || {
        while let Ok(bytes) = inbox.recv() {
            // A worker that is gone has an end that the reader meets.
            let _ = to.write_all(&bytes);
        }
    });
    Ok(Outbox { queue, socket })
}

impl Outbox {
    pub(crate) fn send(&self, message: &HostMessage) {
        let mut bytes = BytesMut::new();
        let frame = message.encode().expect("it is no larger than a frame");
        frame.write_to(&mut bytes);
        self.raw(bytes);
    }

    pub(crate) fn frame(&self, kind: u16, body: &[u8]) {
        let mut bytes = BytesMut::new();
        let length = u32::try_from(body.len() + 2).expect("it is small");
        bytes.put_u32_le(length);
        bytes.put_u16_le(kind);
        bytes.put_slice(body);
        self.raw(bytes);
    }

    fn raw(&self, bytes: BytesMut) {
        let _ = self.queue.send(bytes);
    }

    /// Ends the connection, in both directions.
    pub(crate) fn close(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
