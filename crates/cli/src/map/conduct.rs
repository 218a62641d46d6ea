//! The run: takes input while it may, launches jobs, hands on what became of them.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use greenroom::{ConfigError, Pool, PoolBuilder, Refusal, StartError};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::args::{JobKind, Limits};
use super::input::{Content, Input, Inputs};
use super::journal::{Before, Done};
use super::outcome::Outcome;
use super::perform::{Performed, perform};
use super::progress::Progress;
use super::signals::{Signal, first_signal};
use super::start::start;
use super::summary::{Summary, Tally};
use super::writer::{Ended, WriteError, Writer};
use crate::exit::Exit;

/// Bytes of results that may wait to be written; then no job is begun any more.
const UNWRITTEN_BYTES: usize = 64 << 20;

/// What a run needs.
pub(super) struct Conductor<'a> {
    pub(super) pool: PoolBuilder,
    pub(super) job: JobKind,
    pub(super) limits: Limits,
    pub(super) inputs: Inputs,
    pub(super) done: Done,
    pub(super) writer: Writer,
    pub(super) progress: &'a Progress,
    pub(super) stopped: watch::Receiver<Option<Signal>>,
}

/// Why no more input is taken.
#[derive(Debug)]
pub(super) enum End {
    /// There is none.
    Done,
    Stopped(Signal),
    NoPool(StartError),
    NoWorkers(Refusal),
    Unreadable(io::Error),
    /// The journal has another input for the job of this number.
    OtherInput(u64),
    Output(WriteError),
}

impl End {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Done => Exit::Success,
            Self::Stopped(signal) => signal.exit(),
            Self::NoPool(StartError::Config(ConfigError::Policy(_))) => Exit::Usage,
            Self::NoPool(_) | Self::NoWorkers(_) => Exit::Unavailable,
            Self::Unreadable(_) => Exit::Input,
            Self::OtherInput(_) | Self::Output(WriteError::Journal { .. }) => Exit::Journal,
            Self::Output(WriteError::Output(_)) => Exit::Output,
            Self::Output(WriteError::Closed) => Exit::OutputClosed,
        }
    }

    /// What a person must know, if there is anything.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Done | Self::Stopped(_) | Self::Output(WriteError::Closed) => None,
            Self::NoPool(error) => Some(error.to_string()),
            Self::NoWorkers(refusal) => Some(refusal.to_string()),
            Self::Unreadable(error) => Some(format!("standard input cannot be read: {error}")),
            Self::OtherInput(index) => Some(format!(
                "the journal belongs to other input: job {index} had another one. Give the input that it was \
                 begun with, or another --resume FILE"
            )),
            Self::Output(error) => Some(error.to_string()),
        }
    }
}

/// Works until there is no more to do or a reason to end, and all workers are gone.
pub(super) async fn conduct(mut conductor: Conductor<'_>) -> Summary {
    let begin = Instant::now();
    let pool = match start(conductor.pool, &mut conductor.stopped).await {
        Ok(pool) => pool,
        Err(end) => {
            return Summary {
                tally: Tally::default(),
                took: begin.elapsed(),
                end,
            };
        }
    };
    let run = Run {
        pool: pool.clone(),
        job: conductor.job,
        limits: conductor.limits,
        inputs: Some(conductor.inputs),
        done: conductor.done,
        writer: conductor.writer,
        progress: conductor.progress,
        jobs: JoinSet::new(),
        places: BTreeSet::new(),
        next_place: 0,
        halt: watch::Sender::new(false),
        tally: Tally::default(),
        end: None,
    };
    let (tally, end) = run.through(conductor.stopped).await;
    pool.close().await;
    Summary {
        tally,
        took: begin.elapsed(),
        end,
    }
}

struct Run<'a> {
    pool: Pool,
    job: JobKind,
    limits: Limits,
    /// `None` once they are exhausted.
    inputs: Option<Inputs>,
    done: Done,
    writer: Writer,
    progress: &'a Progress,
    jobs: JoinSet<(u64, Input, Performed)>,
    /// Those of `jobs`.
    places: BTreeSet<u64>,
    next_place: u64,
    /// Tells jobs that have no worker yet to give up.
    halt: watch::Sender<bool>,
    tally: Tally,
    end: Option<End>,
}

impl Run<'_> {
    async fn through(mut self, mut stopped: watch::Receiver<Option<Signal>>) -> (Tally, End) {
        let mut unwritten = self.writer.unwritten();
        while self.goes_on() {
            let may_end = self.end.is_none();
            let has_room = may_end && self.has_room();
            tokio::select! {
                // Ends first: they make room, and say when to stop.
                biased;
                problem = self.writer.problem(), if may_end => self.give_up(problem),
                signal = first_signal(&mut stopped), if may_end => {
                    self.progress.stopping();
                    self.end_with(End::Stopped(signal));
                }
                Some(ended) = self.jobs.join_next() => self.ended(unpanic(ended)).await,
                input = next(&mut self.inputs, &mut unwritten), if has_room => {
                    self.begin(input).await;
                }
            }
        }
        self.warn_of_rest();
        let problem = self.writer.finish().await;
        let end = match (self.end, problem) {
            (None | Some(End::Stopped(_)), Some(problem)) => End::Output(problem),
            (end, _) => end.unwrap_or(End::Done),
        };
        (self.tally, end)
    }

    fn goes_on(&self) -> bool {
        !self.jobs.is_empty() || (self.end.is_none() && self.inputs.is_some())
    }

    fn has_room(&self) -> bool {
        let oldest = self.places.first().unwrap_or(&self.next_place);
        self.inputs.is_some()
            && self.jobs.len() < self.limits.jobs
            && self.next_place - oldest < self.limits.window
    }

    async fn begin(&mut self, input: Option<io::Result<Input>>) {
        let input = match input {
            Some(Ok(input)) => input,
            Some(Err(error)) => return self.end_with(End::Unreadable(error)),
            None => {
                self.inputs = None;
                // Nobody needs a replacement any more.
                self.pool.set_target_idle(0);
                return;
            }
        };
        match self.done.before(input.index, input.fingerprint) {
            Before::ToDo => self.launch(input).await,
            Before::Succeeded => {
                self.tally.skipped += 1;
                self.progress.job(self.tally.failed);
            }
            Before::OtherInput => self.end_with(End::OtherInput(input.index)),
        }
    }

    async fn launch(&mut self, input: Input) {
        let place = self.next_place;
        self.next_place += 1;
        let bytes = match &input.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::TooLong(length) => {
                let outcome = Outcome::too_long(&input, *length);
                return self.hand_on(place, outcome).await;
            }
        };
        let job = self.job.job(input.index, bytes);
        let (pool, halted) = (self.pool.clone(), self.halt.subscribe());
        self.places.insert(place);
        self.jobs
            .spawn(async move { (place, input, perform(pool, job, halted).await) });
    }

    async fn ended(&mut self, (place, input, performed): (u64, Input, Performed)) {
        self.places.remove(&place);
        match performed {
            Performed::Ran(ran) => self.hand_on(place, Outcome::of(&input, &ran)).await,
            Performed::NotRun => {}
            Performed::NoWorkers(refusal) => self.end_with(End::NoWorkers(refusal)),
        }
    }

    async fn hand_on(&mut self, place: u64, outcome: Outcome) {
        if outcome.ok {
            self.tally.succeeded += 1;
        } else {
            self.tally.failed += 1;
        }
        self.progress.job(self.tally.failed);
        self.writer.write(Ended { place, outcome }).await;
    }

    /// Takes no more input; jobs that run may finish. The first reason counts.
    fn end_with(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.halt.send_replace(true);
    }

    /// Results go nowhere: jobs that run are told, and have the close timeout.
    fn give_up(&mut self, problem: WriteError) {
        self.end_with(End::Output(problem));
        let pool = self.pool.clone();
        tokio::spawn(async move { pool.close().await });
    }

    fn warn_of_rest(&self) {
        let rest = self.done.rest();
        if self.inputs.is_none() && rest > 0 {
            self.progress.line(&format!(
                "note: the journal has more jobs than this input ({rest} more): is it the right one?"
            ));
        }
    }
}

/// The next input, once there is room for its result; `None` at the end.
async fn next(
    inputs: &mut Option<Inputs>,
    unwritten: &mut watch::Receiver<usize>,
) -> Option<io::Result<Input>> {
    // If it can no longer be seen, a problem has been told.
    let _ = unwritten.wait_for(|bytes| *bytes < UNWRITTEN_BYTES).await;
    inputs.as_mut()?.next().await
}

/// A panic in a task is a panic here.
fn unpanic<T>(joined: Result<T, JoinError>) -> T {
    match joined {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
