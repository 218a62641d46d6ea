//! Whether a command exits with code 0.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::{ExitStatus, SpawnFailure};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::error::{ProbeFailure, one_line};
use crate::command::ResolvedCommand;
use crate::os::{self, Child, Order, Spawned, Stdin};

/// What is kept of the end of each stream, to find the last line in.
pub(super) const TAIL: usize = 4 << 10;
const LINE: usize = 500;
/// How long output may still come once the process has ended. Who holds the pipes longer is
/// somebody else.
const DRAIN: Duration = Duration::from_millis(200);

/// A command that nobody waits for any more is killed; it keeps its `turn` until it is reaped.
pub(super) async fn run(
    command: Arc<ResolvedCommand>,
    turn: OwnedSemaphorePermit,
) -> Result<(), ProbeFailure> {
    let stdin = Stdin::Null;
    let environment = Vec::new();
    let order = Order {
        command,
        stdin,
        environment,
    };
    let spawned = os::spawn(order).await.map_err(ProbeFailure::Spawn)?;
    let mut attendant = Attendant::new(spawned).map_err(|error| {
        ProbeFailure::Spawn(SpawnFailure {
            step: "watch the process".into(),
            errno: error.raw_os_error(),
            message: error.to_string(),
            permanent: false,
        })
    })?;

    let stop = CancellationToken::new();
    let _stop_if_dropped = stop.clone().drop_guard();
    let attended = tokio::spawn(async move {
        // A stopped one is killed like one that is done.
        let _ = stop.run_until_cancelled(attendant.wait()).await;
        let result = attendant.reap().await;
        drop(turn);
        result
    });
    attended.await.unwrap_or(Err(ProbeFailure::Interrupted))
}

/// Who stays with the process until it is gone. Dropping it kills the process.
struct Attendant {
    child: Child,
    stdout: Tail,
    stderr: Tail,
}

impl Attendant {
    fn new(spawned: Spawned) -> io::Result<Self> {
        let mut child = spawned.child;
        child.watch()?;
        for shortcoming in spawned.shortcomings {
            tracing::warn!(pid = child.id(), %shortcoming, "a check runs without a limit");
        }
        Ok(Self {
            child,
            stdout: Tail::new(spawned.stdout)?,
            stderr: Tail::new(spawned.stderr)?,
        })
    }

    /// Until the process has ended and its output has been read.
    async fn wait(&mut self) {
        let Self {
            child,
            stdout,
            stderr,
        } = self;
        let mut output = pin!(async { tokio::join!(stdout.read(), stderr.read()) });
        let mut reading = true;
        loop {
            tokio::select! {
                _ = &mut output, if reading => reading = false,
                () = exited(child) => break,
            }
        }
        // What it has left behind in its group would hold the pipes open.
        child.kill();
        if reading && tokio::time::timeout(DRAIN, output).await.is_err() {
            tracing::debug!(
                pid = child.id(),
                "somebody else holds the output of a check"
            );
        }
    }

    /// Ends the process if it has not ended, and says how it went.
    async fn reap(self) -> Result<(), ProbeFailure> {
        let Self {
            child,
            stdout,
            stderr,
        } = self;
        child.kill();
        exited(&child).await;
        match child.reap().unwrap_or(ExitStatus::Code(-1)) {
            ExitStatus::Code(0) => Ok(()),
            status => Err(ProbeFailure::Exit {
                status,
                last_line: stderr
                    .last_line()
                    .or(stdout.last_line())
                    .unwrap_or_default(),
            }),
        }
    }
}

async fn exited(child: &Child) {
    std::future::poll_fn(|context| child.poll_exited(context)).await;
}

/// The end of what a stream brings.
pub(super) struct Tail {
    stream: Receiver,
    pub(super) bytes: Vec<u8>,
}

impl Tail {
    pub(super) fn new(stream: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            stream: Receiver::from_owned_fd(stream)?,
            bytes: Vec::new(),
        })
    }

    /// Reads to the end of the stream. Cancel-safe.
    pub(super) async fn read(&mut self) {
        loop {
            self.bytes.reserve(TAIL);
            // A pipe that cannot be read has ended.
            let Ok(1..) = self.stream.read_buf(&mut self.bytes).await else {
                return;
            };
            let over = self.bytes.len().saturating_sub(TAIL);
            self.bytes.drain(..over);
        }
    }

    fn last_line(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        line.map(|line| one_line(line, LINE))
    }
}
