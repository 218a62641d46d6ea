//! The process that a host starts as its worker: it hands its standard input to the kit, which plays
//! the worker over it, and then only obeys. Its death is the worker's death.
//!
//! It keeps a copy of its standard input. The kit ends the connection by shutting it down, which ends
//! it for every holder of a copy.

use std::io::{self, BufRead, BufReader, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType};
use rustix::process::{Signal, getpid, getppid, kill_process};
use serde::{Deserialize, Serialize};

/// What a body could not do: its exit code.
const FAILED: u8 = 70;

/// How a body introduces itself: one line of JSON, whose first byte carries its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Introduction {
    /// The process that has started it.
    pub(super) parent: Option<i32>,
    /// The names in its environment.
    pub(super) names: Vec<String>,
    /// Those that begin with `GREENROOM_`, with their values.
    pub(super) greenroom: Vec<(String, String)>,
    /// Whether its standard input is a stream socket.
    pub(super) stream: bool,
}

/// What the kit may order: one line of JSON, answered with one byte when it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub(super) enum Order {
    /// End with this code.
    Exit { code: u8 },
    /// End by SIGKILL.
    Kill,
    /// End by SIGABRT, as a program that has crashed.
    Abort,
    /// Stop by SIGSTOP: from here on only a signal reaches it.
    Stop,
    /// Write these bytes so many times.
    Print {
        to: Output,
        bytes: Vec<u8>,
        times: usize,
    },
}

/// Where a body writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Output {
    Stdout,
    Stderr,
}

/// Becomes the body of a worker that the kit plays, over the kit's socket at this path. Returns when
/// the kit says so, or is gone.
pub fn run(socket: &Path) -> ExitCode {
    match obey(socket) {
        Ok(code) => code,
        Err(error) => {
            // Where a host looks for its worker's last words.
            let _ = writeln!(io::stderr(), "the conformance kit's worker: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn obey(socket: &Path) -> io::Result<ExitCode> {
    let mut kit = UnixStream::connect(socket)?;
    introduce(&mut kit)?;
    for line in BufReader::new(kit.try_clone()?).lines() {
        match serde_json::from_str(&line?)? {
            Order::Exit { code } => return Ok(ExitCode::from(code)),
            Order::Kill => kill_process(getpid(), Signal::KILL)?,
            Order::Abort => std::process::abort(),
            Order::Stop => kill_process(getpid(), Signal::STOP)?,
            Order::Print { to, bytes, times } => print(to, &bytes, times)?,
        }
        kit.write_all(b".")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn introduce(kit: &mut UnixStream) -> io::Result<()> {
    let stdin = io::stdin();
    let environment = std::env::vars_os().map(|(name, value)| {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    let (greenroom, others): (Vec<_>, Vec<_>) =
        environment.partition(|(name, _)| name.starts_with("GREENROOM_"));
    let introduction = Introduction {
        parent: getppid().map(|pid| pid.as_raw_nonzero().get()),
        names: others.into_iter().map(|(name, _)| name).collect(),
        greenroom,
        stream: rustix::net::sockopt::socket_type(&stdin) == Ok(SocketType::STREAM),
    };
    let mut line = serde_json::to_vec(&introduction)?;
    line.push(b'\n');

    let descriptors = [stdin.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let first = [IoSlice::new(&line[..1])];
    rustix::net::sendmsg(&*kit, &first, &mut ancillary, SendFlags::NOSIGNAL)?;
    kit.write_all(&line[1..])
}

fn print(to: Output, bytes: &[u8], times: usize) -> io::Result<()> {
    let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
    let output: &mut dyn Write = match to {
        Output::Stdout => &mut stdout,
        Output::Stderr => &mut stderr,
    };
    for _ in 0..times {
        output.write_all(bytes)?;
    }
    output.flush()
}
