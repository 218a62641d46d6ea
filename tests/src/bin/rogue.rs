//! A worker that speaks the protocol without the worker library, and breaks it on demand.
//!
//! `rogue <greeting>` says how it answers the handshake; `rogue serve` answers it well. After that
//! the **name** of each job says what to do while it runs; a job named `echo` is done well. See
//! [`greet`] and [`Rogue::misbehave`] for the lists.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio, exit};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use greenroom_protocol::{
    CallRequest, Capabilities, DeadlineKind, EncodedFrame, Exiting, ExtendDeadline, FrameCodec,
    HostMessage, InitializeCode, InitializeError, InitializeResponse, JobAccepted, JobFailure,
    JobFinished, JobOutput, Limits, MAX_FRAME_CEILING, Pong, Retire, ShuttingDown, WorkerMessage,
};

/// Nothing here lives longer, whatever becomes of the host.
const LIFETIME: Duration = Duration::from_secs(120);
/// Never given to a job by a host that counts from 1.
const NO_JOB: u64 = 1 << 40;

fn main() {
    std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        exit(98);
    });
    let mut arguments = std::env::args().skip(1);
    let greeting = arguments.next().unwrap_or_else(|| "serve".into());
    match greeting.as_str() {
        "exit" => exit(3),
        "print" => {
            println!("usage: rogue FILE...");
            exit(2);
        }
        "print-escapes" => {
            println!("\x1b[2J\x07\0Accept me\r");
            exit(2);
        }
        "sleep" => idle(),
        "hold-output" => hold_output(),
        _ => {}
    }
    let result = Rogue::take_stdin().and_then(|mut rogue| {
        greet(&mut rogue, &greeting)?;
        rogue.serve(&greeting)
    });
    // A host that has had enough closes the socket.
    exit(if result.is_ok() { 0 } else { 97 });
}

/// A process outside its parent's group that keeps the parent's output open.
fn hold_output() -> ! {
    let _ = rustix::process::setsid();
    // Its parent reads this.
    let _ = io::stderr().write_all(b".");
    idle()
}

fn idle() -> ! {
    loop {
        std::thread::sleep(LIFETIME);
    }
}

/// How it answers `InitializeRequest`.
fn greet(rogue: &mut Rogue, greeting: &str) -> io::Result<()> {
    let request = rogue.next()?;
    let HostMessage::InitializeRequest(..) = request else {
        panic!("a host says InitializeRequest first, not {request:?}");
    };
    let good = response();
    let respond = |response| WorkerMessage::InitializeResponse(response);
    match greeting {
        "mute" => idle(),
        "pong-first" => {
            let pong = Pong {
                seq: 0,
                jobs: 0,
                lag_us: 0,
            };
            rogue.send(&WorkerMessage::Pong(pong))
        }
        "garbage" => rogue.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "huge-length" => rogue.raw(&u32::MAX.to_le_bytes()),
        "over-handshake-limit" => rogue.raw(&65_537u32.to_le_bytes()),
        "zero-length" => rogue.raw(&0u32.to_le_bytes()),
        "half-a-frame" => {
            rogue.raw(&[200, 0, 0, 0, 2, 0, 1])?;
            rogue.hang_up();
            idle()
        }
        "hang-up" => {
            rogue.hang_up();
            idle()
        }
        "echo-back" => rogue.frame(1, b""),
        "unknown-critical" => rogue.frame(0x7ff0, b"?"),
        "unknown-ignorable" => {
            rogue.frame(0xfff0, b"a message of the future")?;
            rogue.send(&respond(good))
        }
        "cut-body" => rogue.frame(2, &[0, 1]),
        "trailing" => {
            let mut body = body_of(&respond(good));
            body.push(0);
            rogue.frame(2, &body)
        }
        // bincode's marker for a u16, before a number that fits in one byte.
        "long-integer" => {
            let mut body = body_of(&respond(good));
            body.splice(1..2, [251, 1, 0]);
            rogue.frame(2, &body)
        }
        "protocol-7" => rogue.send(&respond(InitializeResponse {
            protocol: 7,
            ..good
        })),
        "version-error" => {
            rogue.send(&respond(InitializeResponse {
                error: Some(InitializeError {
                    code: InitializeCode::VERSION,
                    message: String::new(),
                }),
                protocol: 7,
                slots: 0,
                ..good
            }))?;
            exit(1)
        }
        "refuse-and-stay" => {
            rogue.send(&respond(InitializeResponse {
                error: Some(InitializeError {
                    code: InitializeCode::FAILED,
                    message: "the model file is missing".into(),
                }),
                slots: 0,
                ..good
            }))?;
            idle()
        }
        "no-slots" => rogue.send(&respond(InitializeResponse { slots: 0, ..good })),
        "many-slots" => rogue.send(&respond(InitializeResponse {
            slots: u32::MAX,
            ..good
        })),
        "tiny-frames" => rogue.send(&respond(InitializeResponse {
            limits: Limits {
                max_frame: 16,
                ..Limits::default()
            },
            ..good
        })),
        "twice" => {
            rogue.send(&respond(good.clone()))?;
            rogue.send(&respond(good))
        }
        "extend-forever" => loop {
            rogue.send(&WorkerMessage::ExtendDeadline(ExtendDeadline {
                which: DeadlineKind::INITIALIZE,
                job: 0,
                extra_ms: u64::MAX,
            }))?;
        },
        "small-payload" => rogue.send(&respond(InitializeResponse {
            limits: Limits {
                max_payload: 1_000,
                ..Limits::default()
            },
            ..good
        })),
        _ => rogue.send(&respond(good)),
    }
}

fn response() -> InitializeResponse {
    InitializeResponse {
        error: None,
        protocol: 1,
        capabilities: Capabilities::default(),
        limits: Limits {
            max_frame: MAX_FRAME_CEILING,
            max_payload: u64::MAX,
            output_window: u32::MAX,
        },
        slots: 1,
        name: "rogue".into(),
        version: String::new(),
        build_id: String::new(),
        sdk: String::new(),
        pid: std::process::id(),
        extensions: Vec::new(),
    }
}

fn body_of(message: &WorkerMessage) -> Vec<u8> {
    let EncodedFrame { head, .. } = message.encode().expect("it is small");
    head[6..].to_vec()
}

struct Rogue {
    socket: Option<UnixStream>,
    codec: FrameCodec,
    inbox: BytesMut,
}

impl Rogue {
    fn take_stdin() -> io::Result<Self> {
        let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let null = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        Ok(Self {
            socket: Some(socket.into()),
            codec: FrameCodec::new(MAX_FRAME_CEILING),
            inbox: BytesMut::new(),
        })
    }

    // ---- the good part

    fn serve(&mut self, greeting: &str) -> io::Result<()> {
        loop {
            match self.next()? {
                HostMessage::Ping(ping) => {
                    self.pong(ping.seq)?;
                    if greeting == "pong-twice" {
                        self.pong(ping.seq)?;
                    }
                }
                HostMessage::StartJob(start, data) => {
                    let mut input = BytesMut::from(data.as_ref());
                    if start.name != "stop-reading" {
                        let mut last = start.last;
                        while !last {
                            last = self.more_input(&mut input)?;
                        }
                    }
                    self.run(start.job, &start.name, input.freeze())?;
                }
                HostMessage::Shutdown(_) => match greeting {
                    "deaf" => {}
                    "hesitant" => {
                        std::thread::sleep(Duration::from_millis(300));
                        return self.leave();
                    }
                    _ => return self.leave(),
                },
                _ => {}
            }
        }
    }

    /// True if it was the last.
    fn more_input(&mut self, input: &mut BytesMut) -> io::Result<bool> {
        match self.next()? {
            HostMessage::JobInput(piece, data) => {
                input.put_slice(&data);
                Ok(piece.last)
            }
            HostMessage::Ping(ping) => self.pong(ping.seq).map(|()| false),
            _ => Ok(false),
        }
    }

    fn leave(&mut self) -> io::Result<()> {
        self.send(&WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }))?;
        self.send(&WorkerMessage::Exiting(Exiting {
            reason: "told to".into(),
        }))
    }

    fn run(&mut self, job: u64, name: &str, input: Bytes) -> io::Result<()> {
        if self.misbehave(job, name)? {
            return Ok(());
        }
        self.accept(job)?;
        match name {
            "echo" => self.finish(job, input),
            "size" => self.finish(job, input.len().to_string().into()),
            "pid" => self.finish(job, std::process::id().to_string().into()),
            _ => {
                self.misbehave_accepted(job, name)?;
                self.finish(job, Bytes::new())
            }
        }
    }

    // ---- what it does instead of accepting a job; true if that was all

    fn misbehave(&mut self, job: u64, name: &str) -> io::Result<bool> {
        match name {
            "die-before-accepting" => exit(5),
            "finish-unaccepted" => self.finish(job, b"the only output".as_slice().into())?,
            "output-first" => self.output(job, b"early".as_slice().into())?,
            "finish-unknown" => self.finish(NO_JOB, Bytes::new())?,
            "accept-unknown" => self.accept(NO_JOB)?,
            "output-unknown" => self.output(NO_JOB, b"x".as_slice().into())?,
            "cancelled-and-failed" => {
                let finished = WorkerMessage::JobFinished(
                    JobFinished {
                        job,
                        cancelled: true,
                        failure: Some(JobFailure {
                            kind: greenroom_protocol::FailureKind::ERROR,
                            message: "both".into(),
                            retryable: false,
                        }),
                    },
                    Bytes::new(),
                );
                self.send(&finished)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    // ---- what it does with an accepted job; returning lets it end well

    fn misbehave_accepted(&mut self, job: u64, name: &str) -> io::Result<()> {
        match name {
            "accept-twice" => self.accept(job),
            "reject-late" => {
                self.output(job, b"seen".as_slice().into())?;
                let finished = JobFinished {
                    job,
                    cancelled: false,
                    failure: Some(JobFailure {
                        kind: greenroom_protocol::FailureKind::REJECTED,
                        message: "after all".into(),
                        retryable: true,
                    }),
                };
                self.send(&WorkerMessage::JobFinished(finished, Bytes::new()))
            }
            "crumbs" => {
                for _ in 0..1 << 20 {
                    self.output(job, b"x".as_slice().into())?;
                }
                Ok(())
            }
            "finish-twice" => self.finish(job, Bytes::new()),
            "output-after-the-end" => {
                self.finish(job, Bytes::new())?;
                self.output(job, b"late".as_slice().into())
            }
            "overrun" => {
                let piece = Bytes::from(vec![b'x'; 200 << 10]);
                loop {
                    self.output(job, piece.clone())?;
                }
            }
            "oversized-frame" => self.output(job, vec![0; 300 << 10].into()),
            "wrong-pong" => self.pong(1 << 40),
            "call-again" => {
                self.call(7, "ask")?;
                self.call(7, "ask")
            }
            "shutting-down" => {
                self.send(&WorkerMessage::ShuttingDown(ShuttingDown { jobs: 1 }))?;
                idle()
            }
            "greet-again" => self.send(&WorkerMessage::InitializeResponse(response())),
            "garbage" => self.raw(b"Traceback (most recent call last):\n"),
            "huge-length" => self.raw(&u32::MAX.to_le_bytes()),
            "zero-length" => self.raw(&0u32.to_le_bytes()),
            "unknown-critical" => self.frame(0x7ff0, b"?"),
            "unknown-ignorable" => self.frame(0xfff0, b"a message of the future"),
            "host-message" => self.frame(3, &[0]),
            "die" => exit(6),
            "say-goodbye-and-stay" => {
                self.send(&WorkerMessage::Exiting(Exiting {
                    reason: "bored".into(),
                }))?;
                idle()
            }
            "finish-and-die" => {
                self.finish(job, b"the result".as_slice().into())?;
                exit(7)
            }
            "hang-up" => {
                self.hang_up();
                idle()
            }
            "hang" | "stop-reading" => idle(),
            "retire-and-finish" => self.retire(),
            "hold-output" => {
                let mut held = Command::new(std::env::current_exe()?)
                    .arg("hold-output")
                    .stdin(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()?;
                if let Some(stderr) = &mut held.stderr {
                    stderr.read_exact(&mut [0])?;
                }
                self.output(job, held.id().to_string().into())
            }
            "leave-child" => {
                drop(
                    Command::new(std::env::current_exe()?)
                        .arg("sleep")
                        .spawn()?,
                );
                Ok(())
            }
            _ => self.flood(job, name),
        }
    }

    // ---- without end

    fn flood(&mut self, job: u64, name: &str) -> io::Result<()> {
        let line = [b'x'; 99].iter().chain(b"\n").copied().cycle();
        let lines: Vec<u8> = line.take(64_000).collect();
        let mut number = 1u64;
        loop {
            number += 1;
            match name {
                "flood-stderr" => io::stderr().write_all(&lines)?,
                "flood-stdout" => io::stdout().write_all(&lines)?,
                "flood-newlines" => io::stderr().write_all(&[b'\n'; 64_000])?,
                "flood-one-line" => io::stderr().write_all(&[b'x'; 64_000])?,
                "flood-records" => {
                    let text = "x".repeat(60_000);
                    writeln!(
                        io::stderr(),
                        r#"{{"level":"INFO","target":"t","message":"m","fields":{{"k":"{text}"}}}}"#
                    )?;
                }
                "flood-empty-output" => {
                    self.many(&WorkerMessage::JobOutput(JobOutput { job }, Bytes::new()))?;
                }
                "flood-extensions" => {
                    self.many(&WorkerMessage::ExtendDeadline(ExtendDeadline {
                        which: DeadlineKind::JOB,
                        job,
                        extra_ms: 1,
                    }))?;
                }
                "flood-retire" => self.many(&WorkerMessage::Retire(Retire {
                    reason: "r".repeat(100),
                }))?,
                "flood-dumps" => {
                    self.many(&WorkerMessage::StackDump(greenroom_protocol::StackDump {
                        text: "s".repeat(1_000),
                    }))?;
                }
                "flood-ignorable" => self.frame(0xfff0, &lines[..60_000])?,
                "flood-calls" => {
                    let mut frames = BytesMut::new();
                    for _ in 0..4_000 {
                        number += 1;
                        let request = CallRequest {
                            call: number,
                            method: "m".into(),
                        };
                        WorkerMessage::CallRequest(request, Bytes::new())
                            .encode()
                            .expect("it is small")
                            .write_to(&mut frames);
                    }
                    self.raw(&frames)?;
                }
                other => panic!("no such misbehaviour: {other}"),
            }
        }
    }

    fn many(&mut self, message: &WorkerMessage) -> io::Result<()> {
        let mut frames = BytesMut::new();
        let frame = message.encode().expect("it is small");
        while frames.len() < 64_000 {
            frame.write_to(&mut frames);
        }
        self.raw(&frames)
    }

    // ---- messages

    fn accept(&mut self, job: u64) -> io::Result<()> {
        self.send(&WorkerMessage::JobAccepted(JobAccepted { job }))
    }

    fn output(&mut self, job: u64, data: Bytes) -> io::Result<()> {
        self.send(&WorkerMessage::JobOutput(JobOutput { job }, data))
    }

    fn finish(&mut self, job: u64, data: Bytes) -> io::Result<()> {
        let finished = JobFinished {
            job,
            cancelled: false,
            failure: None,
        };
        self.send(&WorkerMessage::JobFinished(finished, data))
    }

    fn pong(&mut self, seq: u64) -> io::Result<()> {
        self.send(&WorkerMessage::Pong(Pong {
            seq,
            jobs: 0,
            lag_us: 0,
        }))
    }

    fn call(&mut self, call: u64, method: &str) -> io::Result<()> {
        let method = method.into();
        let request = CallRequest { call, method };
        self.send(&WorkerMessage::CallRequest(request, Bytes::new()))
    }

    fn retire(&mut self) -> io::Result<()> {
        self.send(&WorkerMessage::Retire(Retire {
            reason: "tired".into(),
        }))
    }

    // ---- the wire

    fn next(&mut self) -> io::Result<HostMessage> {
        loop {
            let frame = self.codec.decode(&mut self.inbox);
            if let Some(frame) = frame.map_err(io::Error::other)? {
                if let Some(message) = HostMessage::decode(frame).map_err(io::Error::other)? {
                    return Ok(message);
                }
                continue;
            }
            let mut piece = [0; 64 << 10];
            let count = match &mut self.socket {
                Some(socket) => socket.read(&mut piece)?,
                None => 0,
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.inbox.put_slice(&piece[..count]);
        }
    }

    fn send(&mut self, message: &WorkerMessage) -> io::Result<()> {
        let frame = message.encode().map_err(io::Error::other)?;
        let mut bytes = BytesMut::new();
        frame.write_to(&mut bytes);
        self.raw(&bytes)
    }

    fn frame(&mut self, kind: u16, body: &[u8]) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        bytes.put_u32_le(u32::try_from(body.len() + 2).map_err(io::Error::other)?);
        bytes.put_u16_le(kind);
        bytes.put_slice(body);
        self.raw(&bytes)
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.write_all(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn hang_up(&mut self) {
        self.socket = None;
    }
}
