//! `greenroom logs`.

use std::process::ExitCode;

use super::{print, print_json, say_missed, with_client};
use crate::control::client::Client;
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::printer::say;
use crate::show;

/// Shows what units have printed
///
/// The supervisor keeps the last 50 lines of each unit. For more, keep what `greenroom up` prints.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    lines: usize,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Of this unit only
    unit: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  greenroom logs api
  greenroom logs -f -n 10
  greenroom logs -f --json | jq -r 'select(.source == \"stderr\") | .text'";

pub(crate) fn run(args: &Args) -> ExitCode {
    with_client(&args.place, async |client: &mut Client| {
        let request = Request::Logs {
            unit: args.unit.clone(),
            last: args.lines,
            follow: args.follow,
        };
        client.ask(&request).await?;
        while let Some(answer) = client.next().await? {
            match answer {
                Answer::Line(line) if args.json => print_json(&line)?,
                Answer::Line(line) => print(show::event::line(&line))?,
                Answer::Missed(missed) => say_missed(missed),
                Answer::Dropped { unit, lines } => say(format_args!(
                    "greenroom: {lines} lines of {unit} were dropped here: it printed more than \
                     1,000 a second"
                )),
                _ => {}
            }
        }
        Ok(Exit::Success)
    })
}
