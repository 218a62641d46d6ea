//! `greenroom conformance`: holds a worker or a host program to the protocol.
//!
//! # Theory of operation
//!
//! The library `greenroom-conformance` runs the cases and makes the reports. Here is what is around
//! it: [`args`] is the command line, [`choice`] which cases are to run, [`known`] reads the list of
//! known failures, [`program`] looks the program up, [`reports`] knows what goes where and [`run`]
//! puts them together.
//!
//! Everything that can be refused is refused before the first case runs, an unusable file for a
//! report as well. Standard output is written by a thread of its own ([`output`]): a reader that
//! does not read neither keeps a signal away nor makes a case late, which would be blamed on the
//! program.

mod args;
mod choice;
mod known;
mod output;
mod problem;
mod reports;
mod run;
mod side;

use std::process::ExitCode;

use greenroom_conformance::host::body;
use greenroom_conformance::report::Side;

pub(crate) use args::Args;
use args::What;

/// Runs the cases and says how it went.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.what {
        What::Worker(options) => run::run(Side::Worker, &options),
        What::Host(options) => run::run(Side::Host, &options),
        What::Body { socket } => body::run(&socket),
    }
}
