//! The pool's own story of jobs and workers, to be compared with what its users were told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use greenroom::{EventKind, Events, ExitReason, Stats};
use tokio::sync::{mpsc, oneshot};

use crate::ledger::Tally;

/// Faults that are kept word for word.
const KEPT: usize = 10;

/// What the events of a pool have told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    next: Option<u64>,
    /// Events that were not seen because the reader was behind.
    missed: u64,
    /// Jobs that a worker has.
    running: BTreeSet<String>,
    /// Jobs that wait to be run again.
    again: BTreeSet<String>,
    finished: u64,
    workers: BTreeMap<&'static str, u64>,
    /// Workers that were killed because they did not answer.
    pub(super) silent: Vec<u32>,
    faults: Vec<String>,
}

/// Follows the events in a task of its own.
pub(super) struct Deaths {
    asks: mpsc::Sender<oneshot::Sender<Told>>,
}

impl Deaths {
    pub(super) fn watch(mut events: Events) -> Self {
        let (asks, mut asked) = mpsc::channel::<oneshot::Sender<Told>>(1);
        tokio::spawn(async move {
            let mut told = Told::default();
            loop {
                tokio::select! {
                    biased;
                    Some(event) = events.next() => told.hear(event.sequence, &event.kind),
                    Some(reply) = asked.recv() => {
                        let _ = reply.send(told.clone());
                        told.silent.clear();
                        told.faults.clear();
                    }
                    else => return,
                }
            }
        });
        Self { asks }
    }

    /// Everything up to now.
    pub(super) async fn tell(&self) -> Told {
        let (reply, told) = oneshot::channel();
        let _ = self.asks.send(reply).await;
        told.await.unwrap_or_default()
    }
}

impl Told {
    fn hear(&mut self, sequence: u64, kind: &EventKind) {
        let next = self.next.unwrap_or(sequence);
        if sequence != next {
            self.missed += sequence - next;
            // Nobody knows any more which.
            self.running.clear();
            self.again.clear();
        }
        self.next = Some(sequence + 1);
        match kind {
            EventKind::JobLaunched { job, .. } => self.begins(job),
            EventKind::JobFinished { job, .. } => {
                self.finished += 1;
                if !self.again.remove(job) {
                    self.ends(job);
                }
            }
            EventKind::JobRequeued { job, .. } => {
                self.ends(job);
                self.again.insert(job.to_owned());
            }
            EventKind::JobRefused { job, .. } => self.ends(job),
            EventKind::Closed { report } => {
                *self.workers.entry(label(&report.reason)).or_default() += 1;
                if let (ExitReason::PingTimeout { .. }, Some(pid)) = (&report.reason, report.pid) {
                    self.silent.push(pid);
                }
            }
            _ => {}
        }
    }

    fn begins(&mut self, job: &str) {
        self.again.remove(job);
        if !self.running.insert(job.to_owned()) {
            self.fault(format!("job {job} was launched while it ran"));
        }
    }

    fn ends(&mut self, job: &str) {
        if !self.running.remove(job) && self.missed == 0 {
            self.fault(format!("job {job} has ended twice"));
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < KEPT {
            self.faults.push(fault);
        }
    }

    /// What does not fit together when nothing runs.
    pub(super) fn against(&self, tally: &Tally, stats: &Stats) -> Vec<String> {
        let mut faults = self.faults.clone();
        let mut open = self.running.union(&self.again).peekable();
        if open.peek().is_some() {
            let open: Vec<&String> = open.collect();
            faults.push(format!("no event tells of the end of {open:?}"));
        }
        let ended = stats.succeeded + stats.failed;
        if self.missed == 0 && self.finished != ended {
            let finished = self.finished;
            faults.push(format!(
                "{finished} ends in events, {ended} in the pool's numbers"
            ));
        }
        // Of those withdrawn some had a worker.
        let accepted = tally.accepted();
        if !(accepted..=accepted + tally.withdrawn).contains(&ended) {
            faults.push(format!(
                "the pool has ended {ended} jobs, of these: {tally}"
            ));
        }
        faults
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.workers.values().sum();
        write!(f, "{all} workers:")?;
        for (reason, count) in &self.workers {
            write!(f, " {reason} {count}")?;
        }
        write!(f, " ({} events missed)", self.missed)
    }
}

fn label(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::Clean => "clean",
        ExitReason::Code { .. } => "code",
        ExitReason::Signal { .. } => "signal",
        ExitReason::OutOfMemory => "out-of-memory",
        ExitReason::SpawnFailed(_) => "spawn-failed",
        ExitReason::InitializeTimeout { .. } => "initialize-timeout",
        ExitReason::InitializeFailed { .. } => "initialize-failed",
        ExitReason::PingTimeout { .. } => "ping-timeout",
        ExitReason::CloseTimeout { .. } => "close-timeout",
        ExitReason::ProtocolViolation { .. } => "protocol-violation",
        ExitReason::JobDeadline { .. } => "job-deadline",
        ExitReason::CancelIgnored { .. } => "cancel-ignored",
        ExitReason::Disconnected => "disconnected",
        ExitReason::Requested { .. } => "requested",
        _ => "other",
    }
}
