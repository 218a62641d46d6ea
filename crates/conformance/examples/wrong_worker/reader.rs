//! What comes in, frame by frame.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use greenroom_protocol::{
    DecodeError, Frame, FrameCodec, FrameError, HostMessage, MAX_FIELDS, MAX_FRAME_CEILING,
    MessageType, Pong, StackDump, WorkerMessage,
};

use crate::checks::demand;
use crate::fault::Fault;
use crate::writer::Outbox;
use crate::{LIFETIME, Planted};

/// Its own descriptor, which nothing that is started later inherits.
pub(crate) fn take_stdin(planted: Planted) -> io::Result<UnixStream> {
    if planted.is(Fault::LeavesTheSocketAtStandardInput) {
        let socket = rustix::io::dup(rustix::stdio::stdin())?;
        return Ok(socket.into());
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(socket.into())
}

/// Cuts the stream into messages.
pub(crate) struct Reader {
    socket: UnixStream,
    codec: FrameCodec,
    buffer: BytesMut,
    planted: Planted,
}

/// What the stream has, beside messages.
enum Broken {
    Frame(FrameError),
    Message(DecodeError),
}

impl Reader {
    pub(crate) fn new(socket: UnixStream, planted: Planted) -> Self {
        let codec = if planted.is(Fault::AcceptsOverlongFrames) {
            FrameCodec::new(u32::MAX)
        } else if planted.is(Fault::ForgetsTheHandshakeLimit) {
            FrameCodec::new(MAX_FRAME_CEILING)
        } else {
            FrameCodec::default()
        };
        Self {
            socket,
            codec,
            buffer: BytesMut::new(),
            planted,
        }
    }

    pub(crate) fn set_max_frame(&mut self, max_frame: u32) {
        let keeps = [Fault::KeepsTheHandshakeLimit, Fault::AcceptsOverlongFrames];
        if !keeps.iter().any(|fault| self.planted.is(*fault)) {
            self.codec.set_max_frame(max_frame);
        }
    }

    /// The next message, or `None` at the end of the stream. Whatever is wrong ends the process.
    pub(crate) fn next(&mut self) -> Option<HostMessage> {
        loop {
            match self.take() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {
                    if !self.read() {
                        return None;
                    }
                }
                Err(broken) => self.refuse(&broken),
            }
        }
    }

    /// A message that is there already.
    fn take(&mut self) -> Result<Option<HostMessage>, Broken> {
        while let Some(frame) = self.codec.decode(&mut self.buffer).map_err(Broken::Frame)? {
            if self.planted.is(Fault::LosesCoalescedFrames) {
                self.buffer.clear();
            }
            self.look_into_ignorable(&frame).map_err(Broken::Message)?;
            if let Some(message) = HostMessage::decode(frame).map_err(Broken::Message)? {
                return Ok(Some(message));
            }
        }
        let in_two = !self.buffer.is_empty() && self.planted.is(Fault::NeedsWholeFrames);
        if in_two { exit(1) } else { Ok(None) }
    }

    fn look_into_ignorable(&self, frame: &Frame) -> Result<(), DecodeError> {
        let kind = frame.kind;
        if kind.is_ignorable() && self.planted.is(Fault::RefusesIgnorables) {
            return Err(DecodeError::UnknownType(kind));
        }
        if kind.is_ignorable() && self.planted.is(Fault::LooksIntoIgnorables) {
            let body = frame.body.clone();
            HostMessage::decode(Frame {
                kind: MessageType::PING,
                body,
            })?;
        }
        Ok(())
    }

    /// False at the end.
    fn read(&mut self) -> bool {
        let mut piece = [0; 64 << 10];
        match self.socket.read(&mut piece) {
            Ok(count) => {
                self.buffer.put_slice(&piece[..count]);
                count > 0
            }
            Err(_) if self.planted.is(Fault::StaysAfterAReset) => stay(),
            Err(_) => false,
        }
    }

    /// Ends the process, unless the fault is not to mind.
    fn refuse(&mut self, broken: &Broken) {
        let planted = self.planted;
        let passes = planted.is(Fault::GoesOnAfterAViolation)
            || match broken {
                Broken::Frame(FrameError::TooShort { .. }) => planted.is(Fault::AcceptsLengthZero),
                Broken::Frame(_) => false,
                Broken::Message(DecodeError::UnknownType(_)) => {
                    planted.is(Fault::SkipsCriticalUnknowns)
                }
                Broken::Message(DecodeError::WrongDirection(_)) => {
                    planted.is(Fault::SkipsAWorkersMessages)
                }
                Broken::Message(DecodeError::Malformed { detail, .. }) => {
                    if detail.to_lowercase().replace('-', "").contains("utf8") {
                        planted.is(Fault::AcceptsBadText)
                    } else {
                        planted.is(Fault::AcceptsCutBodies)
                    }
                }
                Broken::Message(DecodeError::Trailing { .. }) => {
                    planted.is(Fault::AcceptsTrailingBytes)
                }
                Broken::Message(DecodeError::NotCanonical { .. }) => {
                    planted.is(Fault::AcceptsLongIntegers)
                }
            };
        if !passes {
            exit(1);
        }
        match broken {
            Broken::Frame(FrameError::TooShort { .. }) => self.buffer.advance(4),
            Broken::Frame(_) => self.buffer.clear(),
            Broken::Message(_) => {}
        }
    }

    /// Hands messages on to where the handlers run.
    pub(crate) fn read_on(
        mut self,
        dumps: bool,
        messages: &SyncSender<HostMessage>,
        outbox: &Outbox,
    ) {
        while let Some(message) = self.next() {
            match &message {
                HostMessage::Ping(ping) if self.planted.is(Fault::PongsFromAHelper) => {
                    outbox.send(&WorkerMessage::Pong(Pong {
                        seq: ping.seq,
                        jobs: 0,
                        lag_us: 0,
                    }));
                    continue;
                }
                HostMessage::DumpStacks if !self.planted.is(Fault::DumpsWhenFree) => {
                    self.dump(dumps, outbox);
                    continue;
                }
                HostMessage::Shutdown(shutdown) => self.be_gone_after(shutdown.grace_ms),
                _ => {}
            }
            if messages.send(message).is_err() {
                return;
            }
        }
        if self.planted.is(Fault::StaysAfterTheEnd) {
            stay();
        }
        // Otherwise `messages` ends, and so does the process as soon as somebody looks.
        if !self.planted.is(Fault::StaysAfterTheEndWhileBlocked) {
            exit(0);
        }
    }

    fn dump(&self, announced: bool, outbox: &Outbox) {
        if !announced {
            if self.planted.is(Fault::SkipsUninvitedDumps) {
                return;
            }
            demand(false, self.planted, Fault::DumpsUninvited);
        }
        let text = String::from("main: somewhere\nreader: here\n");
        let dump = WorkerMessage::StackDump(StackDump { text });
        if self.planted.is(Fault::DumpsWithoutBounds) {
            let text = vec![b's'; MAX_FIELDS as usize + 100];
            let mut body = vec![0xfc];
            body.extend((MAX_FIELDS + 100).to_le_bytes());
            body.extend(text);
            return outbox.frame(MessageType::STACK_DUMP.0, &body);
        }
        if !self.planted.is(Fault::DumpsNothing) {
            outbox.send(&dump);
        }
        if self.planted.is(Fault::DumpsTwice) {
            outbox.send(&dump);
        }
    }

    /// Whatever the handlers are doing then.
    fn be_gone_after(&self, grace_ms: u64) {
        let stays = [Fault::IgnoresShutdown, Fault::OutstaysItsGrace];
        if !stays.iter().any(|fault| self.planted.is(*fault)) {
            let grace = Duration::from_millis(grace_ms).min(LIFETIME).mul_f64(0.9);
            std::thread::spawn(move || {
                // It is most of the grace, and of no grace enough for the last words on any machine.
                std::thread::sleep(grace.max(Duration::from_millis(800)));
                exit(1);
            });
        }
    }
}

/// Until the end of its life.
pub(crate) fn stay() -> ! {
    loop {
        std::thread::sleep(LIFETIME);
    }
}
