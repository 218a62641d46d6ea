//! A daemon's standard input.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use bytes::{Buf, Bytes};
use tokio::net::unix::pipe::Sender;
use tokio::sync::{mpsc, oneshot};

/// Something to write, and whom to tell how it went.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) bytes: Bytes,
    pub(crate) done: Option<oneshot::Sender<io::Result<()>>>,
}

/// What waits for room in the pipe: what a stop step writes, and one write of a caller's; the others
/// wait in their channel, which is bounded.
pub(super) struct Stdin {
    pipe: Option<Sender>,
    queue: VecDeque<Write>,
    /// The first of the queue is in the pipe in part: it cannot be taken back.
    begun: bool,
    incoming: mpsc::Receiver<Write>,
}

impl Stdin {
    /// `None` for a daemon that reads nothing.
    pub(super) fn new(pipe: Option<OwnedFd>, incoming: mpsc::Receiver<Write>) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe.map(Sender::from_owned_fd).transpose()?,
            queue: VecDeque::new(),
            begun: false,
            incoming,
        })
    }

    /// Writes at once if there is room, before what callers still have to say.
    pub(super) fn write(&mut self, bytes: Bytes) {
        let place = usize::from(self.begun);
        self.queue.insert(place, Write { bytes, done: None });
        self.push();
    }

    /// Nothing more comes. What still waits for room never will be written.
    pub(super) fn close(&mut self) {
        self.fail(&io::ErrorKind::BrokenPipe.into());
    }

    /// Takes the next write, or goes on with the first. Cancel-safe; one step for each call, never an
    /// end.
    pub(super) async fn step(&mut self) {
        if self.queue.is_empty() {
            match self.incoming.recv().await {
                Some(write) => self.queue.push_back(write),
                None => std::future::pending().await,
            }
        } else if let Some(pipe) = &self.pipe
            && let Err(error) = pipe.writable().await
        {
            return self.fail(&error);
        }
        self.push();
    }

    fn push(&mut self) {
        while let Some(write) = self.queue.front_mut() {
            let abandoned = write.done.as_ref().is_some_and(oneshot::Sender::is_closed);
            if write.bytes.is_empty() || (abandoned && !self.begun) {
                self.finished(Ok(()));
                continue;
            }
            let Some(pipe) = &self.pipe else {
                self.finished(Err(io::ErrorKind::BrokenPipe.into()));
                continue;
            };
            match pipe.try_write(&write.bytes) {
                Ok(written) => {
                    self.begun = true;
                    write.bytes.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.fail(&error),
            }
        }
    }

    fn finished(&mut self, result: io::Result<()>) {
        self.begun = false;
        if let Some(done) = self.queue.pop_front().and_then(|write| write.done) {
            // Who has waited may have gone.
            let _ = done.send(result);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.pipe = None;
        while !self.queue.is_empty() {
            self.finished(Err(error.kind().into()));
        }
    }
}
