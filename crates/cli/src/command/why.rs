//! `greenroom why`.

use std::process::ExitCode;

use super::{print, print_json, with_client};
use crate::control::client::Client;
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::show;

/// Tells of a unit's last death: reason, journey, exit status, memory peak, last lines
///
/// If it has failed among its last 10 ends, the last failure; otherwise its last end. Exit code 1
/// means that it has not ended yet.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Whose
    unit: String,
}

const EXAMPLES: &str = "\
Examples:
  greenroom why api
  greenroom why api --json | jq .exit_code";

pub(crate) fn run(args: &Args) -> ExitCode {
    with_client(&args.place, async |client: &mut Client| {
        let unit = args.unit.clone();
        for answer in client.all(&Request::Why { unit }).await? {
            match answer {
                Answer::Report(report) if args.json => print_json(&report)?,
                Answer::Report(report) => print(show::report::report(&report).join("\n"))?,
                _ => {}
            }
        }
        Ok(Exit::Success)
    })
}
