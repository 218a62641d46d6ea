//! `greenroom status`.

use std::process::ExitCode;
use std::time::Duration;

use console::Term;

use super::{CommandError, print, print_json, width, with_client};
use crate::control::client::Client;
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::show;
use crate::view::UnitView;

/// Shows the units: state, process, uptime, restarts, memory, and why
///
/// With the name of a unit it shows everything about that one: its last ends and lines too. Exit
/// code 1 means that not all is well.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Look again once a second, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Print JSON: a list of units, or one unit
    #[arg(long)]
    json: bool,
    /// Everything about this unit
    unit: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  greenroom status
  greenroom status -w
  greenroom status api
  greenroom status --json | jq -r '.[] | select(.healthy | not) | .name'";

const PERIOD: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &Args) -> ExitCode {
    with_client(&args.place, async |client: &mut Client| {
        let terminal = Term::stdout();
        let redraw = args.watch && terminal.features().is_attended() && !args.json;
        loop {
            let units = ask(client, args.unit.clone()).await?;
            if redraw {
                draw(&terminal, &lines(args, &units))?;
            } else if args.json {
                show_json(args, &units)?;
            } else {
                print(lines(args, &units).join("\n"))?;
            }
            if !args.watch {
                let well = units.iter().all(|unit| unit.healthy);
                return Ok(if well { Exit::Success } else { Exit::Failed });
            }
            tokio::time::sleep(PERIOD).await;
        }
    })
}

async fn ask(client: &mut Client, unit: Option<String>) -> Result<Vec<UnitView>, CommandError> {
    let answers = client.all(&Request::Status { unit }).await?;
    let units = answers.into_iter().filter_map(|answer| match answer {
        Answer::Unit(unit) => Some(*unit),
        _ => None,
    });
    Ok(units.collect())
}

fn show_json(args: &Args, units: &[UnitView]) -> Result<(), CommandError> {
    match (&args.unit, units) {
        (Some(_), [unit]) => print_json(unit),
        _ => print_json(&units),
    }
}

fn lines(args: &Args, units: &[UnitView]) -> Vec<String> {
    match units {
        [] => vec!["there are no units: the configuration names none".into()],
        [unit] if args.unit.is_some() => show::units::details(unit),
        units => show::units::table(units, width()),
    }
}

/// Over what was there before, without flicker.
fn draw(terminal: &Term, lines: &[String]) -> Result<(), CommandError> {
    let height = terminal
        .size_checked()
        .map_or(usize::MAX, |(rows, _)| usize::from(rows));
    terminal.move_cursor_to(0, 0)?;
    for line in lines.iter().take(height.saturating_sub(1)) {
        terminal.clear_line()?;
        terminal.write_line(line)?;
    }
    Ok(terminal.clear_to_end_of_screen()?)
}
