//! What goes out, in order.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::{BufMut, BytesMut};
use greenroom_protocol::{Ping, WorkerMessage};

use crate::Planted;
use crate::fault::Fault;
use crate::reader::stay;

/// What the writer's thread is to do.
enum Out {
    Frame(BytesMut),
    /// End the process with this code.
    Leave(i32),
}

/// The way to the writer's thread.
#[derive(Clone)]
pub(crate) struct Outbox {
    queue: SyncSender<Out>,
}

/// Starts the thread that writes.
pub(crate) fn start(socket: UnixStream, planted: Planted) -> Outbox {
    let (queue, inbox) = sync_channel(planted.under_way());
    std::thread::spawn(move || {
        let written = if planted.is(Fault::SpeaksOnStandardOutput) {
            write(io::stdout(), &inbox)
        } else {
            write(socket, &inbox)
        };
        let stays = [Fault::StaysAfterTheEnd, Fault::StaysAfterAReset];
        if written.is_err() && !stays.iter().any(|fault| planted.is(*fault)) {
            exit(0);
        }
    });
    Outbox { queue }
}

fn write(mut to: impl Write, inbox: &Receiver<Out>) -> io::Result<()> {
    while let Ok(out) = inbox.recv() {
        match out {
            Out::Frame(bytes) => {
                to.write_all(&bytes)?;
                to.flush()?;
            }
            Out::Leave(code) => exit(code),
        }
    }
    Ok(())
}

impl Outbox {
    pub(crate) fn send(&self, message: &WorkerMessage) {
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

    /// A message that only a host may send.
    pub(crate) fn hosts_message(&self) {
        let ping = greenroom_protocol::HostMessage::Ping(Ping { seq: 1 });
        let mut bytes = BytesMut::new();
        ping.encode().expect("it is small").write_to(&mut bytes);
        self.raw(bytes);
    }

    /// After the end nobody reads it.
    fn raw(&self, bytes: BytesMut) {
        let _ = self.queue.send(Out::Frame(bytes));
    }

    /// Ends the process once everything is written.
    pub(crate) fn leave(&self, code: i32) -> ! {
        let _ = self.queue.send(Out::Leave(code));
        stay()
    }
}

/// A text that fits in any frame.
pub(crate) fn shortened(text: &str) -> &str {
    const LONGEST: usize = 32 << 10;
    &text[..text.floor_char_boundary(LONGEST)]
}
