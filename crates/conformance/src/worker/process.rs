//! The process of the worker under test.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Program;

/// So many bytes of a line are kept.
const LINE: usize = 4 << 10;
/// So many lines wait to be taken; what comes meanwhile is dropped.
const LINES: usize = 512;

/// So long a killed process may take to go.
const MOMENT: Duration = Duration::from_secs(1);

/// A line that the worker wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it wrote it.
    pub(crate) stream: Output,
    /// At most its first 4 KiB, without the line's end.
    pub(crate) text: String,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// As a host does it.
    ByHost,
    /// Without the host's environment, and with nothing at standard input.
    ByHand,
}

/// A process that leads a group of its own. The group does not outlive this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
    exit: Option<ExitStatus>,
    lines: mpsc::Receiver<Line>,
    /// Aborted when dropped.
    readers: JoinSet<()>,
}

impl Process {
    /// Starts the program, and returns the kit's end of its standard input.
    pub(crate) fn start(program: &Program, start: Start) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        match start {
            Start::ByHost => command
                .env("GREENROOM_WORKER", "1")
                .env("GREENROOM_HOST_PID", std::process::id().to_string())
                .stdin(OwnedFd::from(theirs)),
            Start::ByHand => command
                .env_remove("GREENROOM_WORKER")
                .env_remove("GREENROOM_HOST_PID")
                .stdin(Stdio::null()),
        };
        let mut child = command.spawn()?;
        // It holds the worker's end: the end of the stream would never come.
        drop(command);
        let pid = child.id().expect("it has not been waited for");
        let (sender, lines) = mpsc::channel(LINES);
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(read_lines(stdout, Output::Stdout, sender.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(read_lines(stderr, Output::Stderr, sender));
        }
        let process = Self {
            child,
            pid,
            exit: None,
            lines,
            readers,
        };
        Ok((process, ours))
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The next line, or `None` when there will be none. Cancel-safe.
    pub(crate) async fn line(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    /// A line that is there already.
    pub(crate) fn line_now(&mut self) -> Option<Line> {
        self.lines.try_recv().ok()
    }

    /// Waits for its end. What it has left behind in its group is killed. Cancel-safe.
    pub(crate) async fn exit(&mut self) -> io::Result<ExitStatus> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let exit = self.child.wait().await?;
        self.exit = Some(exit);
        self.kill_group();
        Ok(exit)
    }

    /// Kills the process, and nothing that it has started.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.start_kill()
    }

    /// Kills its group and waits for its end, and for a moment for that of what it has started: each of
    /// them holds the pipes of its output, unless it has closed them.
    pub(crate) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        let exit = self.exit().await?;
        let all = async { while self.readers.join_next().await.is_some() {} };
        // One that has left the group may live on.
        let _ = timeout(MOMENT, all).await;
        Ok(exit)
    }

    fn kill_group(&self) {
        let group = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // Fails if nothing of it is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill_group();
        }
    }
}

/// Reads on whatever comes, so that the worker never waits for somebody to read its lines.
async fn read_lines(mut pipe: impl AsyncRead + Unpin, stream: Output, lines: mpsc::Sender<Line>) {
    let mut piece = vec![0; 8 << 10];
    let mut line = Vec::new();
    // A pipe that cannot be read has ended.
    while let Ok(count @ 1..) = pipe.read(&mut piece).await {
        for &byte in &piece[..count] {
            if byte == b'\n' {
                tell(&mut line, stream, &lines);
            } else if line.len() < LINE {
                line.push(byte);
            }
        }
    }
    if !line.is_empty() {
        tell(&mut line, stream, &lines);
    }
}

fn tell(line: &mut Vec<u8>, stream: Output, lines: &mpsc::Sender<Line>) {
    let text = String::from_utf8_lossy(line).into_owned();
    line.clear();
    // Full if nobody takes them: a flood is dropped.
    let _ = lines.try_send(Line { stream, text });
}
