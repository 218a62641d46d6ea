//! The process of a host under test: in a group of its own, which never outlives its case.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Interest};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Program;
use super::body::Output;
use super::event::{Event, Line};

/// So much of a line is kept; the rest is counted.
const LINE: usize = 256 << 10;
/// How long a killed process may take to end.
const DEATH: Duration = Duration::from_secs(10);

/// A host program that runs. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    /// Readable once it has ended, reaped or not.
    pidfd: AsyncFd<OwnedFd>,
    reaped: bool,
    input: Option<mpsc::UnboundedSender<String>>,
}

impl Process {
    /// Starts the program with the path of a worker. Its lines are told as events by `tasks`.
    pub(super) fn start(
        program: &Program,
        worker: &Path,
        events: &mpsc::Sender<Event>,
        tasks: &mut JoinSet<()>,
    ) -> io::Result<Self> {
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .arg(worker)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (input, lines) = mpsc::unbounded_channel();
        if let Some(stdin) = child.stdin.take() {
            tasks.spawn(write_lines(stdin, lines));
        }
        if let Some(stdout) = child.stdout.take() {
            tasks.spawn(read_lines(stdout, Output::Stdout, events.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tasks.spawn(read_lines(stderr, Output::Stderr, events.clone()));
        }
        let group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let group = group.ok_or_else(|| io::Error::other("a process without a number"))?;
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe; this descriptor is owned, and stays the same one"
        )]
        let pidfd =
            AsyncFd::with_interest(pidfd_open(group, PidfdFlags::empty())?, Interest::READABLE)?;
        Ok(Self {
            child,
            group,
            pidfd,
            reaped: false,
            input: Some(input),
        })
    }

    /// Its process number.
    pub(super) fn pid(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Writes a line to its standard input.
    pub(super) fn write_line(&self, line: String) {
        if let Some(input) = &self.input {
            // It may have ended: its outcomes will be missing.
            let _ = input.send(line);
        }
    }

    /// Ends its standard input behind the lines that were written.
    pub(super) fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits until it has ended by itself. What it has left behind in its group is killed while nobody
    /// has reaped it: until then nobody else can be given its number. Cancel-safe.
    pub(super) async fn ended(&mut self) {
        // An error shows again when it is reaped.
        let _ = self.pidfd.readable().await;
        self.kill_group();
        let _ = self.child.wait().await;
        self.reaped = true;
    }

    /// Kills it with its group, unless it has ended. Returns how it has ended.
    pub(super) async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        let status = tokio::time::timeout(DEATH, self.child.wait()).await??;
        self.reaped = true;
        Ok(status)
    }

    fn kill_group(&self) {
        if !self.reaped {
            // It may be empty.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

async fn write_lines(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        if stdin.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_lines(output: impl AsyncRead + Unpin, from: Output, events: mpsc::Sender<Event>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let (taken, ended) = match output.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(piece) => {
                let end = piece.iter().position(|byte| *byte == b'\n');
                let text = &piece[..end.unwrap_or(piece.len())];
                length += text.len();
                line.extend(&text[..text.len().min(LINE - line.len())]);
                (text.len() + usize::from(end.is_some()), end.is_some())
            }
        };
        output.consume(taken);
        if ended {
            let text = String::from_utf8_lossy(&line).into_owned();
            let told = Event::Line(Line { from, text, length });
            if events.send(told).await.is_err() {
                return;
            }
            line.clear();
            length = 0;
        }
    }
    // The stage may have gone.
    let _ = events.send(Event::Silence(from)).await;
}
