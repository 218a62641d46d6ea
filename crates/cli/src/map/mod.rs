//! `greenroom map`: one job per argument or line, over a pool of warm workers.
//!
//! # Theory of operation
//!
//! ```text
//!  arguments or ── Inputs ──► conduct ──► a task per job ──► Pool
//!  a thread that reads stdin     ▲ │          (perform)
//!                                │ └── outcomes, as lines ──► a thread that writes:
//!          signals, problems ────┘                            journal first, then stdout
//! ```
//!
//! [`conduct`](conduct::conduct) owns the run: it takes input while fewer jobs are under way than may be, and
//! takes none any more once there is a reason to end. Everything between is bounded, so a slow
//! reader of the results slows the reading of the input, and memory stays flat.
//!
//! What can block for ever (reading stdin, writing results or to standard error) happens on threads
//! of its own that the process does not wait for: a second Ctrl-C always works.
//!
//! A result is on disk in the journal before it is written to stdout, so a job whose result anybody
//! has seen is never done twice.

mod args;
mod base64;
mod conduct;
mod fingerprint;
mod input;
mod journal;
mod logs;
mod outcome;
mod perform;
mod progress;
mod signals;
mod start;
mod summary;
mod text;
mod writer;

use std::io;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use args::Args;

use crate::exit::Exit;
use crate::printer::{Printer, Stream, say};
use conduct::End;
use input::Inputs;
use journal::{Done, Journal, JournalError};
use progress::Progress;
use signals::{Signal, Signals};
use summary::Summary;
use text::one_line;
use writer::{WriteError, Writer};

/// How long results that are already there may take to be written once everything was killed.
const LAST_WRITES: Duration = Duration::from_millis(500);

/// Why there was no run at all.
#[derive(Debug, thiserror::Error)]
enum NoRun {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the system refuses a thread, a runtime or a signal handler: {0}")]
    System(#[from] io::Error),
}

impl NoRun {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Journal(_) => Exit::Journal,
            Self::System(_) => Exit::System,
        }
    }
}

/// Runs all jobs and says how it went.
pub(crate) fn run(args: Args) -> ExitCode {
    let errors = match Printer::start(Stream::Error) {
        Ok(errors) => errors,
        Err(error) => {
            let problem = NoRun::System(error);
            say(format_args!("error: {problem}"));
            return problem.exit().into();
        }
    };
    let exit = map(args, &errors).unwrap_or_else(|problem| {
        errors.print(format!("error: {problem}"));
        problem.exit()
    });
    errors.finish();
    exit.into()
}

fn map(mut args: Args, errors: &Printer) -> Result<Exit, NoRun> {
    let plan = args.plan().map_err(NoRun::Usage)?;
    let (journal, done) = match &args.resume {
        None => (None, Done::default()),
        Some(path) => {
            let (journal, done) = Journal::open(path, &plan.identity)?;
            (Some(journal), done)
        }
    };
    let progress = Progress::new(plan.inputs.len(), args.quiet, errors.clone());
    logs::show(&progress, args.quiet);
    let inputs = Inputs::open(plan.inputs)?;
    let (writer, written) = Writer::start(journal, args.keep_order)?;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (stop, stopped) = watch::channel(None);
    let ended = runtime.block_on(async {
        let signals = Signals::new()?;
        let work = conduct::Conductor {
            pool: plan.pool,
            job: plan.job,
            limits: plan.limits,
            inputs,
            done,
            writer,
            progress: &progress,
            stopped,
        };
        tokio::select! {
            summary = conduct::conduct(work) => Ok(Some(summary)),
            () = signals.second(stop.clone()) => Ok::<_, io::Error>(None),
        }
    });
    // Whatever still runs is killed now, and nothing else is waited for, as a look-up of a name. The
    // writer sees that no more will come.
    runtime.shutdown_background();
    progress.finish();
    match ended? {
        Some(summary) => Ok(report(&summary, args.resume.is_some(), args.quiet, errors)),
        None => {
            wait_briefly(&written);
            let first = *stop.borrow();
            Ok(first.map_or(Exit::Interrupted, Signal::exit))
        }
    }
}

/// The thread may be stuck in a write that nobody reads.
fn wait_briefly(written: &mpsc::Receiver<()>) {
    // It never sends: its end is the news, and so is the time that is up.
    let _ = written.recv_timeout(LAST_WRITES);
}

fn report(summary: &Summary, journal: bool, quiet: bool, errors: &Printer) -> Exit {
    let say = |line: String| errors.print(line);
    if let Some(problem) = summary.end.problem() {
        say(format!("error: {}", one_line(&problem)));
    }
    if let End::Output(WriteError::Output(_)) = summary.end
        && journal
    {
        say("note: the journal has every result, also those that could not be written".into());
    }
    let closed = matches!(summary.end, End::Output(WriteError::Closed));
    let nothing = summary.end.problem().is_some() && summary.tally.is_empty();
    if !quiet && !closed && !nothing {
        say(summary.to_string());
    }
    summary.exit()
}
