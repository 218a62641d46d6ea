//! Where the workers that a host starts come to the kit: a directory with a program and a socket.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::body::Introduction;
use super::event::{Arrival, Event};

/// How long a body may take to introduce itself once it has connected.
const INTRODUCTION: Duration = Duration::from_secs(5);
/// The longest introduction, in bytes.
const LONGEST: u64 = 4 << 20;

/// A private directory with the program that every host is given as its worker.
///
/// It is written once, before any host is started: a program that a forked child still holds open for
/// writing cannot be run.
#[derive(Debug)]
pub(super) struct Wardrobe {
    directory: TempDir,
}

impl Wardrobe {
    /// `body` is the command that becomes a body.
    pub(super) fn new(body: &[impl AsRef<OsStr>]) -> io::Result<Self> {
        let directory = TempDir::with_prefix("greenroom-")?;
        let mut script = b"#!/bin/sh\nexec".to_vec();
        for word in body {
            script.push(b' ');
            script.extend(quoted(word.as_ref()));
        }
        // Each host is given a link of its own, beside a socket of its own.
        script.extend(b" \"${0%/*}/socket\"\n");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(directory.path().join("worker"))?;
        file.write_all(&script)?;
        Ok(Self { directory })
    }

    /// A place for the workers of one host.
    pub(super) fn place(&self) -> io::Result<Place> {
        let directory = TempDir::with_prefix_in("", self.directory.path())?;
        let program = directory.path().join("worker");
        fs::hard_link(self.directory.path().join("worker"), &program)?;
        let listener = UnixListener::bind(directory.path().join("socket"))?;
        Ok(Place {
            program,
            listener,
            directory,
        })
    }
}

/// For a shell: between single quotes nothing but these is special.
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut quoted = b"'".to_vec();
    for &byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            byte => quoted.push(byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// Where the workers of one host come to.
#[derive(Debug)]
pub(super) struct Place {
    program: PathBuf,
    listener: UnixListener,
    directory: TempDir,
}

impl Place {
    /// What the host is told to start as its worker.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Tells of each worker that the host starts, for as long as somebody listens.
    pub(super) async fn receive(self, events: mpsc::Sender<Event>) {
        // Removed when nobody listens any more.
        let _directory = self.directory;
        while let Ok((body, _)) = self.listener.accept().await {
            let introduced = tokio::time::timeout(INTRODUCTION, introduced(body)).await;
            // One that cannot introduce itself has ended: its host will say so.
            if let Ok(Ok(arrival)) = introduced
                && events
                    .send(Event::Arrived(Box::new(arrival)))
                    .await
                    .is_err()
            {
                return;
            }
        }
    }
}

async fn introduced(mut body: UnixStream) -> io::Result<Arrival> {
    let (first, stdin) = body
        .async_io(Interest::READABLE, || first_byte(&body))
        .await?;
    let mut line = vec![first];
    BufReader::with_capacity(1, &mut body)
        .take(LONGEST)
        .read_until(b'\n', &mut line)
        .await?;
    let introduction: Introduction = serde_json::from_slice(&line)?;
    let socket = std::os::unix::net::UnixStream::from(stdin);
    socket.set_nonblocking(true)?;
    Ok(Arrival {
        introduction,
        pid: body.peer_cred()?.pid(),
        socket: UnixStream::from_std(socket)?,
        body,
    })
}

/// With the descriptor that came with it.
fn first_byte(body: &UnixStream) -> io::Result<(u8, OwnedFd)> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(
        body,
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut messages = ancillary.drain();
    let descriptor = messages.find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let descriptor = descriptor.ok_or_else(|| io::Error::other("no descriptor came"))?;
    Ok((byte[0], descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_word_as_it_is() {
        let word = "it's \"$HOME\" `x` \\ * ;\n&";
        let output = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(OsStr::from_bytes(
                &[b"printf %s ".as_slice(), &quoted(word.as_ref())].concat(),
            ))
            .output()
            .expect("there is a shell");
        assert_eq!(output.stdout, word.as_bytes());
    }
}
