//! Writes results, on a thread of its own: a reader that does not read blocks nothing else.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc as ends;
use std::thread;

use tokio::sync::{mpsc, watch};

use super::journal::Journal;
use super::outcome::Outcome;

/// Results that may wait to be written; then no job's end is looked at any more.
const QUEUE: usize = 64;
/// What is written and synchronised at once: as much as has come meanwhile, up to this.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

/// Results cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the journal {path} cannot be written: {error}")]
    Journal { path: String, error: io::Error },
    #[error("the results cannot be written: {0}")]
    Output(io::Error),
    /// Nobody reads them any more, and that is all right.
    #[error("the output was closed")]
    Closed,
}

/// The end of a job, with its place in the order in which jobs were begun, from 0 without gaps.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) place: u64,
    pub(super) outcome: Outcome,
}

/// The thread, as seen from the run.
pub(super) struct Writer {
    queue: mpsc::Sender<Ended>,
    /// Each problem once; its end is the thread's.
    problems: mpsc::Receiver<WriteError>,
    unwritten: Arc<watch::Sender<usize>>,
}

impl Writer {
    /// Starts the thread. The second value never brings anything; it ends with the thread.
    pub(super) fn start(
        journal: Option<Journal>,
        keep_order: bool,
    ) -> io::Result<(Self, ends::Receiver<()>)> {
        let (queue, ended) = mpsc::channel(QUEUE);
        let (report, problems) = mpsc::channel(2);
        let (end, written) = ends::channel();
        let unwritten = Arc::new(watch::Sender::new(0));
        let thread = Thread {
            ended,
            report,
            unwritten: Arc::clone(&unwritten),
            journal,
            output: Some(io::stdout()),
            order: keep_order.then(Order::default),
        };
        thread::Builder::new()
            .name("results".into())
            .spawn(move || {
                thread.run();
                drop(end);
            })?;
        let writer = Self {
            queue,
            problems,
            unwritten,
        };
        Ok((writer, written))
    }

    /// Bytes of results that were handed over and are not written yet.
    pub(super) fn unwritten(&self) -> watch::Receiver<usize> {
        self.unwritten.subscribe()
    }

    /// Hands an end over. It is lost if nothing can be written any more: [`problem`](Self::problem)
    /// says why.
    pub(super) async fn write(&self, ended: Ended) {
        let bytes = ended.outcome.line.len();
        self.unwritten.send_modify(|unwritten| *unwritten += bytes);
        let _ = self.queue.send(ended).await;
    }

    /// Waits for a problem; for ever if the thread has ended.
    ///
    /// Cancel-safe.
    pub(super) async fn problem(&mut self) -> WriteError {
        match self.problems.recv().await {
            Some(problem) => problem,
            None => std::future::pending().await,
        }
    }

    /// Waits until everything is written; a problem if there was one.
    pub(super) async fn finish(mut self) -> Option<WriteError> {
        drop(self.queue);
        let mut first = None;
        while let Some(problem) = self.problems.recv().await {
            first.get_or_insert(problem);
        }
        first
    }
}

struct Thread {
    ended: mpsc::Receiver<Ended>,
    report: mpsc::Sender<WriteError>,
    unwritten: Arc<watch::Sender<usize>>,
    journal: Option<Journal>,
    /// `None` once it cannot be written: the journal goes on.
    output: Option<io::Stdout>,
    order: Option<Order>,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.ended.blocking_recv() {
            let batch = self.batch(first);
            if let Err(problem) = self.record(&batch) {
                // What is not in the journal must not be seen.
                self.tell(problem);
                return;
            }
            let lines = match &mut self.order {
                None => batch.into_iter().map(|ended| ended.outcome.line).collect(),
                Some(order) => order.add(batch),
            };
            if !self.print(lines) {
                return;
            }
        }
        let rest = self.order.take().map(Order::rest);
        self.print(rest.unwrap_or_default());
    }

    fn batch(&mut self, first: Ended) -> Vec<Ended> {
        let mut bytes = first.outcome.line.len();
        let mut batch = vec![first];
        while batch.len() < BATCH
            && bytes < BATCH_BYTES
            && let Ok(next) = self.ended.try_recv()
        {
            bytes += next.outcome.line.len();
            batch.push(next);
        }
        batch
    }

    fn record(&mut self, batch: &[Ended]) -> Result<(), WriteError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let outcomes = batch.iter().map(|ended| &ended.outcome);
        journal
            .append(outcomes)
            .map_err(|error| WriteError::Journal {
                path: journal.path().display().to_string(),
                error,
            })
    }

    /// False if there is nothing more to do.
    fn print(&mut self, lines: Vec<Vec<u8>>) -> bool {
        let Some(output) = &mut self.output else {
            return true;
        };
        let bytes: usize = lines.iter().map(Vec::len).sum();
        let mut all = Vec::with_capacity(bytes + lines.len());
        for line in lines {
            all.extend_from_slice(&line);
            all.push(b'\n');
        }
        let written = output.write_all(&all).and_then(|()| output.flush());
        self.unwritten.send_modify(|unwritten| *unwritten -= bytes);
        let Err(error) = written else {
            return true;
        };
        self.output = None;
        self.order = None;
        self.tell(match error.kind() {
            io::ErrorKind::BrokenPipe => WriteError::Closed,
            _ => WriteError::Output(error),
        });
        self.journal.is_some()
    }

    /// There is room for one of each, and a run that has gone does not want to know.
    fn tell(&self, problem: WriteError) {
        let _ = self.report.try_send(problem);
    }
}

/// Brings lines into the order in which their jobs were begun.
#[derive(Default)]
struct Order {
    next: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
}

impl Order {
    /// The lines whose turn it is now.
    fn add(&mut self, batch: Vec<Ended>) -> Vec<Vec<u8>> {
        for ended in batch {
            self.waiting.insert(ended.place, ended.outcome.line);
        }
        let mut turn = Vec::new();
        while let Some(line) = self.waiting.remove(&self.next) {
            turn.push(line);
            self.next += 1;
        }
        turn
    }

    /// The others, when those before them will not come any more.
    fn rest(self) -> Vec<Vec<u8>> {
        self.waiting.into_values().collect()
    }
}
