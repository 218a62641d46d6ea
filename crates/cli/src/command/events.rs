//! `greenroom events`.

use std::process::ExitCode;

use super::{print, print_json, say_missed, with_client};
use crate::control::client::Client;
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::show;

/// Shows what has happened: starts, ends, restarts, failed checks
///
/// The supervisor keeps the last 1,000 events.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Go on with what happens, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many of the last events
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1_000)]
    last: usize,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  greenroom events -n 20
  greenroom events -f --json | jq -c 'select(.event == \"exited\") | [.unit, .text]'";

pub(crate) fn run(args: &Args) -> ExitCode {
    with_client(&args.place, async |client: &mut Client| {
        let request = Request::Events {
            last: args.last,
            follow: args.follow,
        };
        client.ask(&request).await?;
        while let Some(answer) = client.next().await? {
            match answer {
                Answer::Event(event) if args.json => print_json(&event)?,
                Answer::Event(event) => print(show::event::event(&event))?,
                Answer::Missed(missed) => say_missed(missed),
                _ => {}
            }
        }
        Ok(Exit::Success)
    })
}
