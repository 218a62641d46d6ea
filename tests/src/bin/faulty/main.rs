//! A worker that does everything right, but for one fault at one point of its life.
//!
//! # Theory of operation
//!
//! `faulty TOKEN` speaks the protocol without the worker library: `wire.rs` has the stream. The file
//! TOKEN names a cell of the matrix, as `cell.rs` has it. Of all processes that are started so, only
//! the one that takes the file away is faulty, so that what a pool starts in its place is good. It
//! writes which worker it is, as its host calls it, to TOKEN with `.taken` behind it. The others live
//! the same life without a fault: each of their jobs sends two pieces of output and ends well.

mod cell;
mod wire;

use std::io;
use std::process::exit;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    Capabilities, DeadlineKind, Exiting, ExtendDeadline, HostMessage, InitializeResponse,
    JobAccepted, JobFinished, JobOutput, Limits, Pong, ShuttingDown, WorkerMessage,
};
use rustix::process::{Resource, Rlimit, Signal};

use cell::{Cell, Fault, Point};
use wire::{Wire, frame_of};

/// Nothing here lives longer, whatever becomes of the host.
const LIFETIME: Duration = Duration::from_secs(120);
/// By how much each asks to extend its preparation. The test expects it.
const EXTRA_MS: u64 = 100;
const NAME: &str = "faulty";
/// A version that no host offers.
const NO_VERSION: u16 = 7;
/// Text: as a length it is over every limit, and its first byte is one too large for what is left of
/// an `InitializeResponse` behind the length of the name.
const GARBAGE: &[u8] = b"Traceback (most recent call last):\n";
/// 2^64-1 as the length of a text, and as many bytes as end the frame around it. As the length of a
/// frame, or the last byte of one, it is over every limit.
const HUGE_LENGTH: [u8; 64] = {
    let mut bytes = [0xff; 64];
    bytes[0] = 0xfd;
    bytes
};
const UNKNOWN_TYPE: u16 = 0x7ff0;
const SKIPPED_TYPE: u16 = 0xfff0;

fn main() {
    // Not even a stopped one survives the host.
    let dies_with_host = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let no_core = rustix::process::setrlimit(Resource::Core, no_core);
    let token = std::env::args().nth(1).expect("usage: faulty TOKEN");
    let lived = dies_with_host
        .and(no_core)
        .map_err(io::Error::from)
        .and_then(|()| Wire::take_stdin())
        .and_then(|wire| Worker { wire, fault: None }.live(&token));
    // A host that has had enough closes the socket.
    exit(if lived.is_ok() { 0 } else { 97 });
}

/// Takes the token, if it is still there, and leaves a name for it.
fn take(token: &str, name: &str) -> io::Result<Option<Cell>> {
    let taken = format!("{token}.taken");
    match std::fs::rename(token, &taken) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let wanted = std::fs::read_to_string(&taken)?;
    std::fs::write(&taken, name)?;
    let cell = Cell::all().find(|cell| cell.to_string() == wanted);
    Ok(Some(cell.expect("the token names a cell")))
}

struct Worker {
    wire: Wire,
    /// What it has to do wrong yet.
    fault: Option<Cell>,
}

impl Worker {
    // ---- a good life

    fn live(&mut self, token: &str) -> io::Result<()> {
        let first = self.wire.next()?;
        let HostMessage::InitializeRequest(request, _) = first else {
            panic!("a host says InitializeRequest first, not {first:?}");
        };
        let name = format!("{}.{}", request.slot, request.generation);
        self.fault = take(token, &name)?;
        self.reach(Point::BeforeHello)?;
        self.wire
            .send(&WorkerMessage::ExtendDeadline(ExtendDeadline {
                which: DeadlineKind::INITIALIZE,
                job: 0,
                extra_ms: EXTRA_MS,
            }))?;
        self.reach(Point::BeforeReady)?;
        self.greet()?;
        self.reach(Point::AfterHello)?;
        loop {
            match self.wire.next()? {
                HostMessage::Ping(ping) => self.wire.send(&WorkerMessage::Pong(Pong {
                    seq: ping.seq,
                    jobs: 0,
                    lag_us: 0,
                }))?,
                // The input is nothing to it, however much comes.
                HostMessage::StartJob(start, _) => self.run(start.job)?,
                HostMessage::Shutdown(_) => return self.leave(),
                _ => {}
            }
        }
    }

    fn greet(&mut self) -> io::Result<()> {
        let hello = hello(1);
        if let Some(fault) = self.take_fault(Point::HalfHeader) {
            return self.greet_in_halves(&hello, 3, fault);
        }
        if let Some(fault) = self.take_fault(Point::HalfBody) {
            let name = [&[NAME.len() as u8], NAME.as_bytes()].concat();
            let name = hello.windows(name.len()).position(|part| part == name);
            return self.greet_in_halves(&hello, name.expect("it says its name"), fault);
        }
        self.wire.write(&hello)
    }

    fn run(&mut self, job: u64) -> io::Result<()> {
        self.wire
            .send(&WorkerMessage::JobAccepted(JobAccepted { job }))?;
        self.reach(Point::AfterAccept)?;
        let output = |piece: &'static str| {
            WorkerMessage::JobOutput(JobOutput { job }, Bytes::from_static(piece.as_bytes()))
        };
        self.wire.send(&output("one "))?;
        self.reach(Point::MidStream)?;
        self.wire.send(&output("two "))?;
        let finished = JobFinished {
            job,
            cancelled: false,
            failure: None,
        };
        self.wire
            .send(&WorkerMessage::JobFinished(finished, Bytes::new()))?;
        self.reach(Point::AfterResult)
    }

    fn leave(&mut self) -> io::Result<()> {
        self.wire
            .send(&WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }))?;
        self.reach(Point::DuringClose)?;
        self.wire.send(&WorkerMessage::Exiting(Exiting {
            reason: "told to".into(),
        }))
    }

    // ---- the fault in it

    fn reach(&mut self, point: Point) -> io::Result<()> {
        match self.take_fault(point) {
            Some(fault) => self.commit(fault),
            None => Ok(()),
        }
    }

    fn take_fault(&mut self, point: Point) -> Option<Fault> {
        let here = self.fault.take_if(|cell| cell.point == point);
        here.map(|cell| cell.fault)
    }

    fn commit(&mut self, fault: Fault) -> io::Result<()> {
        match fault {
            Fault::Exit0 => exit(0),
            Fault::Exit1 => exit(1),
            Fault::Segv => signal_itself(Signal::SEGV),
            Fault::Kill => signal_itself(Signal::KILL),
            Fault::Stop => signal_itself(Signal::STOP),
            Fault::HangUp => {
                self.wire.hang_up();
                idle()
            }
            Fault::Garbage => self.wire.write(GARBAGE),
            Fault::HugeLength => self.wire.write(&HUGE_LENGTH),
            Fault::WrongVersion => self.wire.write(&hello(NO_VERSION)),
            Fault::Duplicate if self.wire.last().is_empty() => self.wire.write(&hello(1)),
            Fault::Duplicate => {
                let last = self.wire.last().to_vec();
                self.wire.write(&last)
            }
            Fault::UnknownType => self.wire.write(&retyped(&hello(1), UNKNOWN_TYPE)),
            Fault::StopReading => idle(),
            Fault::SkippedType => self.wire.write(&retyped(&hello(1), SKIPPED_TYPE)),
        }
    }

    /// A fault of a whole message is then in the message that comes in halves; any other one comes
    /// between them.
    fn greet_in_halves(&mut self, hello: &[u8], half: usize, fault: Fault) -> io::Result<()> {
        let of_a_whole = match fault {
            Fault::WrongVersion => Some(self::hello(NO_VERSION)),
            Fault::UnknownType => Some(retyped(hello, UNKNOWN_TYPE)),
            Fault::SkippedType => Some(retyped(hello, SKIPPED_TYPE)),
            _ => None,
        };
        if let Some(wrong) = of_a_whole {
            self.wire.write(&wrong[..half])?;
            self.wire.write(&wrong[half..])?;
            return self.wire.write(hello);
        }
        self.wire.write(&hello[..half])?;
        self.commit(fault)?;
        self.wire.write(&hello[half..])
    }
}

/// The frame of an `InitializeResponse`.
fn hello(protocol: u16) -> Vec<u8> {
    frame_of(&WorkerMessage::InitializeResponse(InitializeResponse {
        error: None,
        protocol,
        capabilities: Capabilities::default(),
        limits: Limits::default(),
        slots: 1,
        name: NAME.into(),
        version: String::new(),
        build_id: String::new(),
        sdk: String::new(),
        pid: std::process::id(),
        extensions: Vec::new(),
    }))
}

/// The same frame as one of another type.
fn retyped(frame: &[u8], kind: u16) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[4..6].copy_from_slice(&kind.to_le_bytes());
    frame
}

/// Again and again: the first SIGSEGV is taken by Rust's own look for an overflow of the stack.
fn signal_itself(signal: Signal) -> ! {
    loop {
        let sent = rustix::process::kill_process(rustix::process::getpid(), signal);
        sent.expect("a process may signal itself");
    }
}

fn idle() -> ! {
    std::thread::sleep(LIFETIME);
    exit(98)
}
