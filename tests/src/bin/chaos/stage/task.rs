//! One job of the stage: what is asked for, what is done to it meanwhile, what may come of it.

use std::time::Duration;

use bytes::Bytes;
use greenroom::{Job, JobError};

use greenroom_tests::{job, job_with, pattern};

use crate::dice::Dice;
use crate::ledger::{self, End};

/// How often the handler of a job that is tried again may begin.
const RUNS: u32 = 3;
/// Attempts of such a job: those that a worker took and never began, up to three, count too.
const ATTEMPTS: u32 = RUNS + 3;

/// A job and what belongs to it.
pub(super) struct Task {
    pub(super) job: Job,
    pub(super) act: Act,
    pub(super) wanted: Wanted,
    pub(super) witness: Option<Witness>,
}

/// A file of this task alone, in which its handler notes each time that it has begun.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    pub(super) file: String,
    /// How often it may begin.
    pub(super) runs: u64,
}

/// What the stage does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Launches it and waits for its end.
    Wait,
    /// Reserves a worker first.
    Reserve,
    /// Cancels it when it has begun.
    Cancel,
    /// Kills its worker when it has begun.
    Kill,
    /// Launches it and lets go of it.
    LetGo,
    /// Gives the launch up at its first wait.
    Withdraw,
}

/// What comes of it if nobody disturbs it.
#[derive(Debug)]
pub(super) enum Wanted {
    /// These bytes.
    Output(Bytes),
    /// The number of the attempt that is to succeed, or a later one.
    Attempt(u32),
    /// A number.
    Number,
    /// A failure with these words.
    Failure(String),
    /// To be stopped at its deadline.
    Deadline,
    /// To be cancelled, or a success that says so.
    Cancelled,
    /// To be lost.
    Loss,
}

impl Task {
    pub(super) fn new(job: Job, wanted: Wanted) -> Self {
        Self {
            job,
            act: Act::Wait,
            wanted,
            witness: None,
        }
    }

    fn act(self, act: Act) -> Self {
        Self { act, ..self }
    }

    /// One of all kinds that the puppet knows.
    pub(super) fn for_puppet(dice: &mut Dice) -> Self {
        let done = |name: &str, output: &str| (job(name), Wanted::Output(output.to_owned().into()));
        let text = format!("{:x}", dice.throw());
        let ms = dice.between(0, 150).to_string();
        let (job, wanted) = match dice.below(24) {
            0 => {
                let (job, wanted) = done("sleep", "slept");
                (job.metadata("ms", ms), wanted)
            }
            1 => (job_with("fail", text.clone()), Wanted::Failure(text)),
            2 => {
                let again = job("fail")
                    .metadata("retryable", "1")
                    .metadata("until", "2");
                (again.retries(RUNS - 1), Wanted::Attempt(2))
            }
            3 => (job_with("panic", text.clone()), Wanted::Failure(text)),
            4 => (job("abort"), Wanted::Loss),
            5 => {
                let again = job("abort").metadata("until", "2").retries(RUNS - 1);
                (again, Wanted::Attempt(2))
            }
            6 => {
                let bytes = dice.between(0, 400_000) as usize;
                let job = job("stream").metadata("bytes", bytes.to_string());
                (job, Wanted::Output(pattern(bytes).into()))
            }
            7 => {
                let bytes = dice.between(0, 400_000) as usize;
                let job = job("result").metadata("bytes", bytes.to_string());
                (job, Wanted::Output(pattern(bytes).into()))
            }
            8 => {
                let to = if dice.once_in(2) { "stderr" } else { "stdout" };
                let job = job_with("print", "noise").metadata("to", to);
                let lines = dice.between(1, 5_000).to_string();
                let printed = Wanted::Output("printed".into());
                (job.metadata("lines", lines), printed)
            }
            9 => done("log", "logged"),
            10 => {
                let wait = job("wait").metadata("announce", "1");
                return Self::new(wait, Wanted::Cancelled).act(Act::Cancel);
            }
            11 => {
                let limit = Duration::from_millis(dice.between(1, 300));
                (job("hang").deadline(limit), Wanted::Deadline)
            }
            12 => {
                let sleep = job("sleep").metadata("ms", "600000");
                let sleep = sleep.metadata("announce", "1");
                return Self::new(sleep, Wanted::Loss).act(Act::Kill);
            }
            13 => return Self::echo(dice).act(Act::LetGo),
            14 => return Self::echo(dice).act(Act::Withdraw),
            15 => return Self::echo(dice).act(Act::Reserve),
            16 => {
                let call = job_with("call", text.clone()).metadata("method", "echo");
                (call, Wanted::Output(text.into()))
            }
            // More than the system grants it.
            17 => (job("allocate").metadata("mb", "400"), Wanted::Loss),
            18 => {
                let family = job("grandchild").metadata("seconds", "2");
                (family, Wanted::Number)
            }
            19 => {
                let (job, wanted) = done("block", "blocked");
                (job.metadata("ms", ms), wanted)
            }
            20 => done("retire", "retired"),
            _ => return Self::echo(dice),
        };
        Self::new(job, wanted)
    }

    /// One of all kinds that the rogue knows: each lie ends it, and costs its own job at most.
    pub(super) fn for_rogue(dice: &mut Dice) -> Self {
        const LIES: [&str; 12] = [
            "garbage",
            "huge-length",
            "zero-length",
            "wrong-pong",
            "unknown-critical",
            "host-message",
            "greet-again",
            "accept-twice",
            "oversized-frame",
            "die",
            "hang-up",
            "call-again",
        ];
        const FLOODS: [&str; 5] = [
            "flood-stderr",
            "flood-stdout",
            "flood-records",
            "flood-empty-output",
            "flood-ignorable",
        ];
        let limit = Duration::from_millis(dice.between(50, 300));
        match dice.below(6) {
            0 => {
                let flood = FLOODS[dice.below(FLOODS.len() as u64) as usize];
                Self::new(job(flood).deadline(limit), Wanted::Deadline)
            }
            1 | 2 => {
                let lie = LIES[dice.below(LIES.len() as u64) as usize];
                Self::new(job(lie), Wanted::Loss)
            }
            _ => Self::short_echo(dice),
        }
    }

    /// Bytes that come back as they are.
    fn echo(dice: &mut Dice) -> Self {
        let most = if dice.once_in(20) { 2_000_000 } else { 20_000 };
        Self::echo_of(dice, most)
    }

    /// Few enough for one frame: the rogue knows no more.
    pub(super) fn short_echo(dice: &mut Dice) -> Self {
        Self::echo_of(dice, 20_000)
    }

    fn echo_of(dice: &mut Dice, most: u64) -> Self {
        let length = dice.between(0, most) as usize;
        let first = dice.throw() as usize;
        let bytes: Bytes = (first..)
            .map(|number| number as u8)
            .take(length)
            .collect::<Vec<_>>()
            .into();
        Self::new(job_with("echo", bytes.clone()), Wanted::Output(bytes))
    }

    /// Has its handler note that it has begun. Not of those that nobody waits for: they may begin at
    /// any time.
    pub(super) fn witnessed(mut self, file: String) -> Self {
        if matches!(self.act, Act::LetGo | Act::Withdraw) {
            return self;
        }
        let runs = match self.wanted {
            Wanted::Attempt(_) => RUNS.into(),
            _ => 1,
        };
        self.job = self.job.metadata("append", &file);
        self.witness = Some(Witness { file, runs });
        self
    }
}

impl Wanted {
    /// What came, judged. An error is a fault, in words.
    pub(super) fn judge(&self, result: &Result<Bytes, JobError>) -> Result<End, String> {
        let error = match result {
            Ok(output) if self.fits(output) => return Ok(End::AsAsked),
            Ok(output) => return Err(format!("{self} came as {}", shown(output))),
            Err(error) => error,
        };
        match (self, error) {
            (Self::Failure(words), JobError::Failed { message, .. }) if message.contains(words) => {
                Ok(End::AsAsked)
            }
            (Self::Deadline, JobError::DeadlineExceeded { .. })
            | (Self::Cancelled, JobError::Cancelled)
            | (Self::Loss, JobError::Lost { .. }) => Ok(End::AsAsked),
            // Its last attempt was the one that is to fail: those before were lost.
            (Self::Attempt(_), JobError::Failed { .. })

            // Cancelled before it had begun.
            | (Self::Loss, JobError::Cancelled) => Ok(End::Lost(error.to_string())),
            _ => ledger::trouble(error).ok_or(format!("{self} came as the error: {error}")),
        }
    }

    fn fits(&self, output: &Bytes) -> bool {
        match self {
            Self::Output(wanted) => wanted == output,
            Self::Attempt(first) => {
                let attempt = std::str::from_utf8(output).ok();
                let attempt = attempt.and_then(|text| text.parse::<u32>().ok());
                attempt.is_some_and(|attempt| (*first..=ATTEMPTS).contains(&attempt))
            }
            Self::Number => {
                let number = std::str::from_utf8(output).ok();
                number.is_some_and(|text| text.parse::<u32>().is_ok())
            }
            Self::Cancelled => output == "cancelled: requested",
            Self::Failure(_) | Self::Deadline | Self::Loss => false,
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output(output) => write!(f, "{}", shown(output)),
            other => write!(f, "{other:?}"),
        }
    }
}

fn shown(output: &Bytes) -> String {
    let start = &output[..output.len().min(40)];
    format!("{} bytes ({})", output.len(), start.escape_ascii())
}
