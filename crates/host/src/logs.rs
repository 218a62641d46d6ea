//! What a worker prints: cut into lines, bounded, remembered a little, handed on as `tracing`
//! events.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use greenroom_supervision::{Time, WorkerId, harmless};
use serde::Deserialize;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe::Receiver;

/// Longer lines are cut.
const LINE: usize = 64 << 10;
/// What a crash report remembers of the last lines, and of each.
const TAIL_LINES: usize = 50;
const TAIL_LINE: usize = 1 << 10;
/// Lines handed on a second, after a burst of as many. More are counted and dropped: a flood costs
/// the worker, not the host.
const LINES_A_SECOND: f64 = 1_000.0;
const READ: usize = 16 << 10;

/// Both output streams of one worker.
pub(crate) struct Logs {
    worker: WorkerId,
    pid: u32,
    stdout: Option<Pipe>,
    stderr: Option<Pipe>,
    tail: VecDeque<String>,
    budget: Budget,
}

struct Pipe {
    receiver: Receiver,
    partial: Vec<u8>,
    /// The rest of an over-long line is skipped.
    skipping: bool,
}

/// A piece of output.
pub(crate) struct Printed {
    source: Source,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Stdout,
    Stderr,
}

impl Logs {
    pub(crate) fn new(
        worker: WorkerId,
        pid: u32,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<Self> {
        let pipe = |fd| {
            Ok::<_, io::Error>(Pipe {
                receiver: Receiver::from_owned_fd(fd)?,
                partial: Vec::new(),
                skipping: false,
            })
        };
        Ok(Self {
            worker,
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
            (Source::Stderr, &mut self.stderr),
            (Source::Stdout, &mut self.stdout),
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

    /// Hands on the lines that are complete now. `jobs` are those that run meanwhile.
    pub(crate) fn take(&mut self, printed: &Printed, now: Time, jobs: &[String]) {
        let Printed { source, bytes } = printed;
        let pipe = match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr => &mut self.stderr,
        };
        let Some(open) = pipe else {
            return;
        };
        let lines = if bytes.is_empty() {
            let rest = open.rest();
            *pipe = None;
            rest
        } else {
            open.lines(bytes)
        };
        self.hand_on(&lines, *source, now, jobs);
    }

    /// The last lines, oldest first, and how many lines were dropped.
    pub(crate) fn finish(mut self) -> (Vec<String>, u64) {
        (std::mem::take(&mut self.tail).into(), self.budget.dropped)
    }

    fn hand_on(&mut self, lines: &[String], source: Source, now: Time, jobs: &[String]) {
        for line in lines {
            let record = Record::parse(line, source);
            self.remember(
                record
                    .as_ref()
                    .map_or(line.as_str(), |record| &record.message),
            );
            if self.budget.take(now) {
                emit(self.worker, self.pid, jobs, source, record.as_ref(), line);
            }
        }
    }

    fn remember(&mut self, line: &str) {
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(harmless(line, TAIL_LINE));
    }
}

impl Pipe {
    /// A last line that nothing ends.
    fn rest(&mut self) -> Vec<String> {
        let rest = std::mem::take(&mut self.partial);
        let rest = (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned());
        rest.into_iter().collect()
    }

    fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, complete) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if !self.skipping {
                let room = LINE - self.partial.len();
                self.partial
                    .extend_from_slice(&text[..text.len().min(room)]);
            }
            if complete || (self.partial.len() == LINE && !self.skipping) {
                if !self.skipping {
                    lines.push(String::from_utf8_lossy(&self.partial).into_owned());
                }
                self.partial = Vec::new();
                self.skipping = !complete;
            }
        }
        lines
    }
}

/// A token bucket over lines.
struct Budget {
    tokens: f64,
    at: Option<Time>,
    dropped: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            tokens: LINES_A_SECOND,
            at: None,
            dropped: 0,
        }
    }
}

impl Budget {
    fn take(&mut self, now: Time) -> bool {
        let elapsed = self.at.map_or(0.0, |at| (now - at).as_secs_f64());
        self.at = Some(now);
        self.tokens = (self.tokens + elapsed * LINES_A_SECOND).min(LINES_A_SECOND);
        if self.tokens < 1.0 {
            self.dropped += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// A log record as a worker's library writes it, one JSON object on a line of stderr.
#[derive(Deserialize)]
struct Record {
    level: String,
    target: String,
    message: String,
    #[serde(default)]
    fields: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    span: String,
}

impl Record {
    fn parse(line: &str, source: Source) -> Option<Self> {
        match source {
            Source::Stderr if line.starts_with('{') => serde_json::from_str(line).ok(),
            _ => None,
        }
    }
}

fn emit(
    worker: WorkerId,
    pid: u32,
    jobs: &[String],
    source: Source,
    record: Option<&Record>,
    line: &str,
) {
    // The level of an event must be a constant.
    macro_rules! emit_at {
        ($level:ident, $record:expr) => {{
            let record: &Record = $record;
            let fields = serde_json::Value::Object(record.fields.clone());
            tracing::$level!(
                target: "greenroom::worker", %worker, pid, ?jobs,
                from = record.target, span = record.span, %fields, "{}", record.message
            )
        }};
    }
    match record {
        None => tracing::info!(
            target: "greenroom::worker", %worker, pid, ?jobs, from = ?source, "{line}"
        ),
        Some(record) => match record.level.as_str() {
            "ERROR" => emit_at!(error, record),
            "WARN" => emit_at!(warn, record),
            "DEBUG" => emit_at!(debug, record),
            "TRACE" => emit_at!(trace, record),
            _ => emit_at!(info, record),
        },
    }
}
