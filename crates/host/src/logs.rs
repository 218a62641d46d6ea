//! What a worker prints: cut into lines, bounded, remembered a little, handed on as `tracing`
//! events.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use greenroom_supervision::{Time, WorkerId};
use serde::Deserialize;
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

#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
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

    /// Waits until one of the streams has something; for ever once both have ended.
    ///
    /// Cancel-safe.
    pub(crate) async fn readable(&self) -> Source {
        let ready = async |pipe: &Option<Pipe>| match pipe {
            // An error shows when it is read.
            Some(pipe) => drop(pipe.receiver.readable().await),
            None => std::future::pending().await,
        };
        tokio::select! {
            () = ready(&self.stderr) => Source::Stderr,
            () = ready(&self.stdout) => Source::Stdout,
        }
    }

    /// Whether both streams have ended.
    pub(crate) fn ended(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Reads once from a stream and hands on the lines that are complete. `jobs` are those that run
    /// meanwhile.
    pub(crate) fn read(&mut self, source: Source, now: Time, jobs: &[String]) {
        let pipe = match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr => &mut self.stderr,
        };
        let Some(open) = pipe else {
            return;
        };
        let mut buffer = [0; READ];
        let ended = match open.receiver.try_read(&mut buffer) {
            Ok(0) => true,
            Ok(count) => {
                let lines = open.lines(&buffer[..count]);
                self.hand_on(&lines, source, now, jobs);
                return;
            }
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        if ended {
            let rest = std::mem::take(&mut open.partial);
            *pipe = None;
            if !rest.is_empty() {
                let rest = String::from_utf8_lossy(&rest).into_owned();
                self.hand_on(&[rest], source, now, jobs);
            }
        }
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
        let end = line.floor_char_boundary(TAIL_LINE);
        self.tail.push_back(line[..end].to_owned());
    }
}

impl Pipe {
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
