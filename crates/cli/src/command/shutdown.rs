//! `greenroom shutdown`.

use std::process::ExitCode;

use super::{print, print_json, with_client};
use crate::control::client::{Client, ClientError};
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::show;

/// Stops all units and the supervisor itself
///
/// Dependents first, each by its stop ladder, all within shutdown_timeout. Waits for it and shows
/// what happens meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Kill everything at once
    #[arg(long)]
    now: bool,
    /// Print events as JSON, one object a line
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  greenroom shutdown
  greenroom shutdown --now";

pub(crate) fn run(args: &Args) -> ExitCode {
    with_client(&args.place, async |client: &mut Client| {
        client.ask(&Request::Shutdown { now: args.now }).await?;
        loop {
            match client.next().await {
                Ok(Some(Answer::Event(event))) if args.json => print_json(&event)?,
                Ok(Some(Answer::Event(event))) => print(show::event::event(&event))?,
                Ok(Some(_)) => {}
                // The supervisor is gone: that is what was wanted.
                Ok(None) | Err(ClientError::HungUp { .. }) => return Ok(Exit::Success),
                Err(error) => return Err(error.into()),
            }
        }
    })
}
