//! The command line of `greenroom conformance`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::reports::Destination;
use crate::quantity::{QuantityError, Span};

/// Tests whether a worker or a host program follows Greenroom's protocol
///
/// The protocol and its numbered requirements are in proto-spec/README.md. Section 9 says what a
/// program offers so that all of them can be tested.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) what: What,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// Plays the host of a worker program: well, badly and slowly
    ///
    /// Each case starts the program anew, in a process group of its own that is killed at its end.
    #[command(
        override_usage = "greenroom conformance worker [OPTIONS] PROGRAM [ARG]...",
        after_help = WORKER_EXAMPLES,
        after_long_help = format!("{WORKER_EXAMPLES}\n\n{VERDICTS}")
    )]
    Worker(Options),
    /// Plays the workers of a host program: good ones, and ones that misbehave
    ///
    /// Each case starts the program anew, with the path of a worker as one more argument, in a process
    /// group of its own that is killed at its end.
    #[command(
        override_usage = "greenroom conformance host [OPTIONS] PROGRAM [ARG]...",
        after_help = HOST_EXAMPLES,
        after_long_help = format!("{HOST_EXAMPLES}\n\n{VERDICTS}")
    )]
    Host(Options),
    /// The process that a host program starts as its worker: it hands its socket to the kit
    #[command(hide = true)]
    Body {
        /// Where the kit listens
        socket: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Say what the cases are, and run none
    #[arg(long)]
    pub(super) list: bool,

    /// Only this case; or a theme, such as jobs or jobs/. May be given several times
    #[arg(long, value_name = "ID")]
    pub(super) only: Vec<String>,

    /// Failures that are known: in each line the id of a case, then the reason
    ///
    /// A known failure does not make the run fail. A known failure that did not happen does, so that
    /// the list stays true. Empty lines, and those that begin with #, are passed over.
    #[arg(long, value_name = "FILE")]
    pub(super) expect_failures: Option<PathBuf>,

    /// How it is reported: text, json, junit or html, and where to [default: text on standard output]
    ///
    /// Without FILE the report goes to standard output. May be given several times. A file is
    /// written at the end, whole or not at all.
    #[arg(
        long,
        value_name = "FORMAT[=FILE]",
        value_parser = OsStringValueParser::new().try_map(Destination::parse)
    )]
    pub(super) report: Vec<Destination>,

    /// The longest that each wait for the program may take, at least 2s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = long_enough)]
    pub(super) timeout: Span,

    /// Cases that run at a time [default: two per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    jobs: Option<u16>,

    /// What is non-strict has failed
    #[arg(long)]
    pub(super) strict: bool,

    /// Only what makes the run fail; nothing if all is well
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// The program under test, a path or a name that is looked up in PATH, and its arguments
    #[arg(
        value_name = "PROGRAM",
        trailing_var_arg = true,
        required_unless_present = "list"
    )]
    pub(super) command: Vec<OsString>,
}

impl Options {
    /// How many cases run at a time.
    pub(super) fn jobs(&self) -> usize {
        let processors = available_parallelism().map_or(1, usize::from);
        self.jobs.map_or(processors * 2, usize::from)
    }
}

/// A program that is right may take as long as this on a machine that is busy.
const SHORTEST: Duration = Duration::from_secs(2);

fn long_enough(text: &str) -> Result<Span, String> {
    let span: Span = text
        .parse()
        .map_err(|error: QuantityError| error.to_string())?;
    if span.0 < SHORTEST {
        return Err("it must be at least 2s: a program that is right, on a machine that is busy, may take longer than less, and would be blamed for it; write for example 2.5s".into());
    }
    Ok(span)
}

const WORKER_EXAMPLES: &str = "\
Examples:
  greenroom conformance worker ./my-worker
  greenroom conformance worker --only jobs/ --only pings/ python3 my_worker.py
  greenroom conformance worker --report junit=out.xml --report html=out.html ./my-worker
  greenroom conformance worker --expect-failures known.txt ./my-worker
  greenroom conformance worker --list --report json | jq -r '.cases[].id'";

const HOST_EXAMPLES: &str = "\
Examples:
  greenroom conformance host ./my-host
  greenroom conformance host --only handshake/ --timeout 10s ./my-host --verbose
  greenroom conformance host --report junit=out.xml --report html=out.html ./my-host
  greenroom conformance host --list";

const VERDICTS: &str = "\
Verdicts, of a program's behaviour and of how it ends:
  pass         as it must be
  non-strict   a SHOULD was not followed, or a liberty taken; a failure with --strict
  FAIL         a MUST was broken, or a job that the program lists does something else (section 9)
  skip         could not be judged, as the program does not offer what it takes (section 9)
  known        failed, and --expect-failures says why
  FIXED        --expect-failures says that it fails, and it does not: the run fails

Ctrl-C or SIGTERM ends all at once: every process is killed. No report file is written then, nor if
the reader of standard output has gone before the end, as `head` does.

Exit codes:
    0  nothing is wrong in the cases that ran
    1  the answer is no: a case failed, or one that is known to fail did not
    2  the command line, or the list of known failures, cannot be used
   66  the list of known failures cannot be read
   69  the program cannot be started, or cannot be tested
   71  the system refused a thread, a signal handler or the like
   74  a report cannot be written, for example because the disk is full
  130  ended by Ctrl-C (SIGINT)
  141  whoever read the output has closed it, as `head` does
  143  ended by SIGTERM";
