//! What a process prints: cut into lines, bounded, remembered a little, handed on as `tracing`
//! events.

mod lines;
mod record;

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use greenroom_supervision::{Time, WorkerId, harmless};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe::Receiver;

use lines::{Budget, Cutter};
use record::Record;

/// What a report remembers of the last lines, and of each.
const TAIL_LINES: usize = 50;
const TAIL_LINE: usize = 1 << 10;
const READ: usize = 16 << 10;

/// Both output streams of one process.
pub(crate) struct Logs {
    speaker: Speaker,
    pid: u32,
    stdout: Option<Pipe>,
    stderr: Option<Pipe>,
    tail: VecDeque<String>,
    budget: Budget,
}

/// Who prints.
pub(crate) enum Speaker {
    Worker(WorkerId),
    Unit { name: Arc<str>, generation: u64 },
}

impl From<WorkerId> for Speaker {
    fn from(worker: WorkerId) -> Self {
        Self::Worker(worker)
    }
}

struct Pipe {
    receiver: Receiver,
    cutter: Cutter,
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output.
pub(crate) struct Printed {
    source: OutputSource,
    bytes: Vec<u8>,
}

/// A line that is complete.
pub(crate) struct Line {
    pub(crate) source: OutputSource,
    pub(crate) text: String,
    /// Too many came in a short time: it is remembered, and handed on to nobody.
    pub(crate) dropped: bool,
}

impl Printed {
    /// Whether anything was printed; if not, a stream has ended.
    pub(crate) fn is_something(&self) -> bool {
        !self.bytes.is_empty()
    }
}

impl Logs {
    pub(crate) fn new(
        speaker: impl Into<Speaker>,
        pid: u32,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<Self> {
        let pipe = |fd| {
            Ok::<_, io::Error>(Pipe {
                receiver: Receiver::from_owned_fd(fd)?,
                cutter: Cutter::default(),
            })
        };
        Ok(Self {
            speaker: speaker.into(),
            pid,
            stdout: Some(pipe(stdout)?),
            stderr: Some(pipe(stderr)?),
            tail: VecDeque::new(),
            budget: Budget::default(),
        })
    }

    /// What one of the streams has; nothing more if that is empty.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Printed> {
        for (source, pipe) in [
            (OutputSource::Stderr, &mut self.stderr),
            (OutputSource::Stdout, &mut self.stdout),
        ] {
            if let Some(open) = pipe {
                let mut buffer = [MaybeUninit::uninit(); READ];
                let mut buffer = ReadBuf::uninit(&mut buffer);
                let receiver = Pin::new(&mut open.receiver);
                if let Poll::Ready(read) = receiver.poll_read(context, &mut buffer) {
                    // A pipe that cannot be read has ended.
                    let bytes = read.map_or(Vec::new(), |()| buffer.filled().to_vec());
                    return Poll::Ready(Printed { source, bytes });
                }
            }
        }
        Poll::Pending
    }

    /// Whether both streams have ended.
    pub(crate) fn ended(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Hands on the lines that are complete now, and returns them. `jobs` are those that run
    /// meanwhile.
    pub(crate) fn take(&mut self, printed: &Printed, now: Time, jobs: &[String]) -> Vec<Line> {
        let Printed { source, bytes } = printed;
        let pipe = match source {
            OutputSource::Stdout => &mut self.stdout,
            OutputSource::Stderr => &mut self.stderr,
        };
        let Some(open) = pipe else {
            return Vec::new();
        };
        let lines = if bytes.is_empty() {
            let rest = open.cutter.rest();
            *pipe = None;
            rest
        } else {
            open.cutter.lines(bytes)
        };
        lines
            .into_iter()
            .map(|text| self.hand_on(text, *source, now, jobs))
            .collect()
    }

    /// The last lines, oldest first, and how many lines were dropped.
    pub(crate) fn finish(mut self) -> (Vec<String>, u64) {
        (std::mem::take(&mut self.tail).into(), self.budget.dropped())
    }

    fn hand_on(&mut self, text: String, source: OutputSource, now: Time, jobs: &[String]) -> Line {
        let record = Record::parse(&text, source);
        self.remember(record.as_ref().map_or(text.as_str(), Record::message));
        let dropped = !self.budget.take(now);
        if !dropped {
            match &self.speaker {
                Speaker::Worker(worker) => {
                    record::emit_of_worker(*worker, self.pid, jobs, source, record.as_ref(), &text);
                }
                Speaker::Unit { name, generation } => {
                    record::emit_of_unit(
                        name,
                        *generation,
                        self.pid,
                        source,
                        record.as_ref(),
                        &text,
                    );
                }
            }
        }
        Line {
            source,
            text,
            dropped,
        }
    }

    fn remember(&mut self, line: &str) {
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(harmless(line, TAIL_LINE));
    }
}
