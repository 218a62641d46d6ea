//! `greenroom reload`.

use std::process::ExitCode;

use super::{print, print_json, with_client};
use crate::control::client::Client;
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;

/// Reads the configuration again and applies what has changed
///
/// Prints the plan: + added, - removed, ~ changed with the keys that changed, ! what only a new
/// start brings about. Units that did not change are left alone. A file with mistakes changes
/// nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print the plan and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  greenroom reload --dry-run
  greenroom reload";

pub(crate) fn run(args: &Args) -> ExitCode {
    with_client(&args.place, async |client: &mut Client| {
        let dry_run = args.dry_run;
        client.ask(&Request::Reload { dry_run }).await?;
        while let Some(answer) = client.next().await? {
            match answer {
                Answer::Plan(plan) if args.json => print_json(&plan)?,
                Answer::Plan(plan) => print(plan)?,
                _ => {}
            }
        }
        Ok(Exit::Success)
    })
}
