//! The command line of `greenroom map`.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use greenroom::{Job, Pool, PoolBuilder, Worker};

use super::input::Given;
use super::journal::Identity;
use crate::exit;
use crate::quantity::{Size, Span};

/// Runs one job per argument, or per line of standard input, in warm workers
///
/// Each argument (or line, without its end) is the input of one job. Each result is one line of
/// JSON on standard output, in the order in which jobs end. A worker is a program that links
/// the `worker` crate, or speaks Greenroom's protocol.
///
/// Input is read as it comes, never more than 4 jobs ahead for each worker that may run: it may be
/// endless. Results that nobody reads stop the reading of input.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = exit::in_help(LONG_HELP))]
pub(crate) struct Args {
    /// The worker: a path, or a name that is looked up in PATH
    #[arg(long, value_name = "PROGRAM")]
    worker: PathBuf,

    /// An argument for the worker; may be given several times
    #[arg(long = "worker-arg", value_name = "ARG", allow_hyphen_values = true)]
    worker_args: Vec<OsString>,

    /// Workers that are kept ready [default: one per processor, at most --max]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=32_768))]
    idle: Option<u16>,

    /// Workers at most, starting and leaving ones included [default: twice --idle, at least 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32_768))]
    max: Option<u16>,

    /// Jobs that one worker runs before it is replaced; 0 for no limit
    ///
    /// With 1 no job sees what another has left behind. Small jobs are many times faster with 0.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs_per_worker: u64,

    /// Memory that a worker may use, for example 512MiB; one that uses more is killed [default: no
    /// limit]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<Size>,

    /// Time that a job may run, for example 2.5s; then it is stopped and has failed [default: no
    /// limit]
    ///
    /// A job that does not stop within 5 s is killed with its worker.
    #[arg(long, value_name = "TIME", value_parser = Span::positive)]
    deadline: Option<Span>,

    /// How often a job is run again if its worker dies, or its failure says that it may help
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,

    /// What kind of job it is, for workers that know several [default: none]
    #[arg(
        long,
        value_name = "JOBNAME",
        default_value = "",
        hide_default_value = true
    )]
    name: String,

    /// The most output of one job; one that sends more has failed
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    max_output: Size,

    /// Write results in the order of the input
    ///
    /// While one job is late, at most 16 results for each worker wait for it; then no more input
    /// is read.
    #[arg(long)]
    pub(super) keep_order: bool,

    /// Keep a journal, and go on where it stops: jobs that have succeeded are not done again
    ///
    /// See "Journal" below.
    #[arg(long, value_name = "FILE")]
    pub(super) resume: Option<PathBuf>,

    /// Which log records workers send, for example warn,my_crate=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log_filter: String,

    /// Time that a worker may take until it is ready
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = Span::positive)]
    initialize_timeout: Span,

    /// Time that a worker may take to leave
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = Span::positive)]
    close_timeout: Span,

    /// No progress and no summary on standard error; errors and the logs of workers remain
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// One input each; a single `-`, or none at all, reads lines of standard input
    #[arg(value_name = "ARG")]
    inputs: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  greenroom map --worker ./resize photos/*.jpg > results.jsonl
  find . -name '*.jpg' | greenroom map --worker ./resize --jobs-per-worker 0 --deadline 5s
  greenroom map --worker ./resize --resume journal.jsonl - < list.txt";

const LONG_HELP: &str = r#"Examples:
  One job per photo; what failed, and why:
    greenroom map --worker ./resize photos/*.jpg | jq -c 'select(.ok | not)'
  Lines of a pipe, by workers that stay, each job at most 5 seconds:
    find . -name '*.jpg' | greenroom map --worker ./resize --jobs-per-worker 0 --deadline 5s
  A long run that may be interrupted: the same command again goes on where it stopped:
    greenroom map --worker ./resize --resume journal.jsonl - < list.txt >> results.jsonl

Results, one JSON object a line:
  index         the input's number, from 0
  input         the input; input_base64 if it is not UTF-8; neither if it was too long
  ok            whether the job succeeded
  output        its output, if it did; output_base64 if it is not UTF-8
  error         why it failed, if it did:
    kind          failed, panicked, invalid_input: what the worker's handler says
                  deadline, cancelled: it was stopped
                  crashed: its worker died
                  not_run_again: its worker died, and there was none for another try
                  output_too_large, input_too_large, refused: it exceeds a limit
    message       in words
    reason        how the worker died, for example signal, code, memory_limit, out_of_memory
  worker        the worker that had it (slot and generation)
  queued_us     microseconds that it waited for a worker
  took_us       microseconds that it ran, with all its tries

A line above 1 MiB is no job: it has failed, and the others go on.

Ctrl-C (or SIGTERM) once: no job is started any more, those that run are finished and reported.
Twice: everything is killed at once. If the output is closed, workers are told to leave.

Journal (--resume):
  The file is made if it is missing, readable by its owner only, and used by one run at a time. It
  holds every result as one line, with a fingerprint of the job's input. A result is on disk there
  before it is written to standard output. So:
  - a job that the journal has as succeeded is never run again, nor is its result written again:
    the journal has it;
  - a job whose result was seen on standard output is in the journal;
  - a job that was running, or had just ended, when greenroom itself was killed is run again;
  - a job that has failed is run again.
  Inputs are told apart by their number: give the same ones in the same order. More may follow.
  Another worker, name or input is refused."#;

/// What a command line comes to.
pub(super) struct Plan {
    pub(super) pool: PoolBuilder,
    pub(super) job: JobKind,
    pub(super) limits: Limits,
    pub(super) inputs: Given,
    pub(super) identity: Identity,
}

/// What all jobs have in common.
#[derive(Clone)]
pub(super) struct JobKind {
    name: String,
    deadline: Option<Duration>,
    retries: u32,
    max_output: usize,
}

/// How far the run may be ahead of its results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Jobs under way.
    pub(super) jobs: usize,
    /// From the oldest job that has not ended to the newest.
    pub(super) window: u64,
}

impl Args {
    /// Checks what clap cannot. The inputs are taken out.
    pub(super) fn plan(&mut self) -> Result<Plan, String> {
        let inputs = self.inputs()?;
        let (idle, max) = self.workers(&inputs)?;
        let jobs = max * 4;
        let worker = Worker::command(&self.worker)
            .args(&self.worker_args)
            .log_filter(&self.log_filter);
        let mut pool = Pool::builder(worker)
            .idle(idle)
            .max_workers(max)
            .jobs_per_worker(Some(self.jobs_per_worker).filter(|jobs| *jobs > 0))
            // A job waits as long as those before it take.
            .queue(jobs)
            .queue_deadline(Span::LONGEST.0)
            // How often a job may take its worker down is said by --retries.
            .quarantine(None)
            .initialize_timeout(self.initialize_timeout.0)
            .close_timeout(self.close_timeout.0);
        pool = match self.memory_limit {
            Some(limit) => pool.memory_limit(limit.0),
            // Nobody wants to know.
            None => pool.memory_warn(None).memory_sample(Span::LONGEST.0),
        };
        Ok(Plan {
            pool,
            job: JobKind {
                name: self.name.clone(),
                deadline: self.deadline.map(|deadline| deadline.0),
                retries: self.retries,
                max_output: usize::try_from(self.max_output.0).unwrap_or(usize::MAX),
            },
            limits: Limits {
                jobs,
                window: if self.keep_order {
                    jobs as u64 * 4
                } else {
                    u64::MAX
                },
            },
            inputs,
            identity: Identity::new(&self.worker, &self.name),
        })
    }

    fn inputs(&mut self) -> Result<Given, String> {
        let inputs = std::mem::take(&mut self.inputs);
        match inputs.as_slice() {
            [] if io::stdin().is_terminal() => Err(
                "there is no input: give one argument per job, or lines on standard input (with - also from this terminal)"
                    .into(),
            ),
            [] => Ok(Given::Lines),
            [only] if only == "-" => Ok(Given::Lines),
            _ => {
                let bytes = inputs.into_iter().map(|input| Bytes::from(input.into_vec()));
                Ok(Given::Arguments(bytes.collect()))
            }
        }
    }

    /// How many are kept ready, and how many there are at most.
    fn workers(&self, inputs: &Given) -> Result<(usize, usize), String> {
        let processors = available_parallelism().map_or(1, usize::from);
        let max = self.max.map(usize::from);
        let idle = match (self.idle, max) {
            (Some(idle), Some(max)) if usize::from(idle) > max => {
                return Err(format!(
                    "--idle {idle} is more than --max {max}: of all workers, some are kept ready"
                ));
            }
            (Some(idle), _) => idle.into(),
            (None, max) => processors.min(max.unwrap_or(processors)),
        };
        let max = max.unwrap_or((idle * 2).clamp(1, 32_768));
        // No more than there are jobs.
        let needed = inputs.len().map_or(idle, |jobs| idle.min(jobs));
        Ok((needed, max))
    }
}

impl JobKind {
    /// Its number is its id: that is what logs and errors call it.
    pub(super) fn job(&self, index: u64, input: Bytes) -> Job {
        let job = Job::new(input)
            .id(index.to_string())
            .name(&self.name)
            .retries(self.retries)
            .max_output(self.max_output);
        match self.deadline {
            Some(deadline) => job.deadline(deadline),
            None => job,
        }
    }
}
