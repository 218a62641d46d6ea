//! Reads steps from bytes. Any bytes are a script: what is missing at the end is zero.
//!
//! Raw bytes alone would seldom pass the handshake, so there are also steps that send a whole
//! message, with small numbers in it that are often right.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    CallRequest, Capabilities, DeadlineKind, Exiting, ExtendDeadline, FailureKind, InitializeCode,
    InitializeError, InitializeResponse, JobAccepted, JobFailure, JobFinished, JobOutput, Limits,
    Pong, Retire, ShuttingDown, StackDump, WorkerMessage,
};

/// One thing that happens.
pub(super) enum Step {
    /// The worker sends bytes.
    Bytes(Vec<u8>),
    EndOfStream,
    Wait(Duration),
    /// The next deadline passes.
    WakeUp,
    Launch {
        input: usize,
        deadline: Option<Duration>,
    },
    Cancel(u64),
    Taken {
        job: u64,
        bytes: u64,
    },
    Answer {
        call: u64,
        result: Result<Bytes, String>,
    },
    Memory(u64),
    Close,
    Kill,
    Exit(i32),
}

pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte, or 0.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from(self.byte())
    }

    fn wide(&mut self) -> u64 {
        self.number() << 8 | self.number()
    }

    fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) fn next_step(&mut self) -> Option<Step> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.byte() {
            0 => {
                let length = self.byte().into();
                Step::Bytes(self.bytes(length).to_vec())
            }
            1 => Step::EndOfStream,
            2 => Step::Wait(Duration::from_millis(self.wide())),
            3 => Step::WakeUp,
            4 => Step::Launch {
                input: self.wide() as usize * 16,
                deadline: match self.wide() {
                    0 => None,
                    millis => Some(Duration::from_millis(millis)),
                },
            },
            5 => Step::Cancel(self.number()),
            6 => Step::Taken {
                job: self.number(),
                bytes: self.wide() * 64,
            },
            7 => {
                let call = self.number();
                let result = match self.byte() {
                    0 => Err("no".into()),
                    length => Ok(vec![0; length.into()].into()),
                };
                Step::Answer { call, result }
            }
            8 => Step::Memory(self.wide() * 65_536),
            9 => Step::Close,
            10 => Step::Kill,
            11 => Step::Exit(self.byte().into()),
            kind => Step::Bytes(self.message(kind)),
        })
    }

    /// A whole message, as it stands on the wire.
    fn message(&mut self, kind: u8) -> Vec<u8> {
        let message = match kind % 12 {
            0 => WorkerMessage::InitializeResponse(self.response()),
            1 => WorkerMessage::Pong(Pong {
                seq: self.number(),
                jobs: 0,
                lag_us: self.number(),
            }),
            2 => WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }),
            3 => WorkerMessage::Exiting(Exiting {
                reason: self.text(),
            }),
            4 => WorkerMessage::ExtendDeadline(ExtendDeadline {
                which: DeadlineKind(self.byte() as u16),
                job: self.number(),
                extra_ms: match self.byte() {
                    255 => u64::MAX,
                    small => u64::from(small) * 100,
                },
            }),
            5 => WorkerMessage::Retire(Retire {
                reason: self.text(),
            }),
            6 => WorkerMessage::JobAccepted(JobAccepted { job: self.number() }),
            7 => {
                let job = self.number();
                WorkerMessage::JobOutput(JobOutput { job }, self.data())
            }
            8 => WorkerMessage::JobFinished(self.finished(), self.data()),
            9 => WorkerMessage::CallRequest(
                CallRequest {
                    call: self.number(),
                    method: self.text(),
                },
                Bytes::new(),
            ),
            10 => WorkerMessage::StackDump(StackDump { text: self.text() }),
            // So that a worker without an error is more likely than one with.
            _ => WorkerMessage::InitializeResponse(InitializeResponse {
                error: None,
                ..self.response()
            }),
        };
        let frame = message.encode().expect("small messages fit");
        let mut wire = BytesMut::new();
        frame.write_to(&mut wire);
        wire.to_vec()
    }

    fn response(&mut self) -> InitializeResponse {
        let flags = self.byte();
        InitializeResponse {
            error: (flags & 1 != 0).then(|| InitializeError {
                code: InitializeCode(1),
                message: self.text(),
            }),
            protocol: if flags & 2 == 0 {
                1
            } else {
                self.byte().into()
            },
            capabilities: Capabilities(u64::from(flags & 4)),
            limits: Limits {
                max_frame: if flags & 8 == 0 {
                    65_536
                } else {
                    self.wide() as u32
                },
                ..Limits::default()
            },
            slots: if flags & 16 == 0 {
                1
            } else {
                self.byte().into()
            },
            name: self.text(),
            version: String::new(),
            build_id: String::new(),
            sdk: String::new(),
            pid: 4711,
            extensions: Vec::new(),
        }
    }

    fn finished(&mut self) -> JobFinished {
        let job = self.number();
        let flags = self.byte();
        JobFinished {
            job,
            cancelled: flags & 1 != 0,
            failure: (flags & 2 != 0).then(|| JobFailure {
                kind: FailureKind((flags >> 4).into()),
                message: self.text(),
                retryable: flags & 4 != 0,
            }),
        }
    }

    fn text(&mut self) -> String {
        let length = self.byte() % 16;
        String::from_utf8_lossy(self.bytes(length.into())).into_owned()
    }

    /// Its length matters to the window, not what it says.
    fn data(&mut self) -> Bytes {
        vec![0; self.wide() as usize].into()
    }
}
