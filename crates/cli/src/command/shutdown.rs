//! `greenroom shutdown`.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::{print, print_json, with_client};
use crate::control::client::{Client, ClientError};
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::printer::say;
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
                Ok(None) => return Ok(Exit::Success),
                // One that has ended in good order takes its socket with it.
                Err(ClientError::HungUp { path }) if is_gone(&path) => return Ok(Exit::Success),
                Err(error @ ClientError::HungUp { .. }) => {
                    say(format_args!(
                        "greenroom: {error} before it said that everything had ended: it may have \
                         been killed"
                    ));
                    return Ok(Exit::Failed);
                }
                Err(error) => return Err(error.into()),
            }
        }
    })
}

fn is_gone(socket: &Path) -> bool {
    let about = std::fs::symlink_metadata(socket);
    about.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
