//! The other side of the raw baselines: a process that does one thing with its standard input, which
//! is a socket, and nothing else.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Outcome;

/// The first argument of a partner.
pub(crate) const OPTION: &str = "--partner";

/// What a partner does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Partner {
    /// Sends back messages of so many bytes, each when it has all of it.
    Echo(usize),
    /// The same, waiting with tokio.
    TokioEcho(usize),
    /// Sends back whatever comes, as it comes.
    EchoAnything,
    /// Writes pieces of so many bytes, so many bytes in all.
    Write { piece: usize, total: usize },
    /// Writes one byte when it runs, and waits until its standard input ends.
    Wait,
}

impl Partner {
    /// Starts one, with a socket for its standard input.
    pub(crate) fn start(self) -> Outcome<(UnixStream, Child)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = self.command()?;
        let child = command.stdin(OwnedFd::from(theirs)).spawn()?;
        Ok((ours, child))
    }

    /// The bytes that it writes when it runs are read: a process that is ready.
    pub(crate) fn start_and_wait() -> Outcome<(UnixStream, Child)> {
        let (mut ours, child) = Self::Wait.start()?;
        ours.read_exact(&mut [0])?;
        Ok((ours, child))
    }

    /// As the pool starts its workers: a process group and pipes.
    pub(crate) fn command(self) -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([OPTION, &serde_json::to_string(&self)?])
            .process_group(0)
            .stdout(Stdio::null());
        Ok(command)
    }
}

pub(crate) fn run(part: &str) -> Outcome {
    let mut socket = UnixStream::from(rustix::io::dup(rustix::stdio::stdin())?);
    match serde_json::from_str(part)? {
        Partner::Echo(size) => {
            let mut message = vec![0; size];
            while socket.read_exact(&mut message).is_ok() {
                socket.write_all(&message)?;
            }
            Ok(())
        }
        Partner::TokioEcho(size) => tokio_echo(socket, size),
        Partner::EchoAnything => {
            let mut some = vec![0; 64 << 10];
            loop {
                match socket.read(&mut some)? {
                    0 => return Ok(()),
                    read => socket.write_all(&some[..read])?,
                }
            }
        }
        Partner::Write { piece, total } => {
            let piece = vec![7; piece];
            for _ in 0..total.div_ceil(piece.len().max(1)) {
                socket.write_all(&piece)?;
            }
            Ok(())
        }
        Partner::Wait => {
            socket.write_all(b"!")?;
            io::copy(&mut socket, &mut io::sink())?;
            Ok(())
        }
    }
}

fn tokio_echo(socket: UnixStream, size: usize) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    socket.set_nonblocking(true)?;
    runtime.block_on(async {
        let mut socket = tokio::net::UnixStream::from_std(socket)?;
        let mut message = vec![0; size];
        while socket.read_exact(&mut message).await.is_ok() {
            socket.write_all(&message).await?;
        }
        Ok(())
    })
}
