//! `greenroom start`, `stop`, `restart`, `signal` and `scale`: a change to one unit.

use std::process::ExitCode;

use super::{print, with_client};
use crate::config::signal::SignalNumber;
use crate::control::client::Client;
use crate::control::message::{Answer, Request};
use crate::control::place::Place;
use crate::exit::Exit;

/// Which unit, of which supervisor.
#[derive(Debug, clap::Args)]
#[command(after_help = UNIT_EXAMPLES, after_long_help = crate::exit::in_help(UNIT_EXAMPLES))]
pub(crate) struct UnitArgs {
    #[command(flatten)]
    place: Place,
    /// Its name, as `greenroom status` shows it
    unit: String,
}

const UNIT_EXAMPLES: &str = "\
Examples:
  greenroom restart api
  greenroom stop -c /etc/greenroom.toml api";

/// Sends a signal to a daemon's processes
#[derive(Debug, clap::Args)]
#[command(after_help = SIGNAL_EXAMPLES, after_long_help = crate::exit::in_help(SIGNAL_EXAMPLES))]
pub(crate) struct SignalArgs {
    #[command(flatten)]
    place: Place,
    /// To which daemon
    unit: String,
    /// A name such as HUP or SIGHUP, or a number
    signal: SignalNumber,
}

const SIGNAL_EXAMPLES: &str = "\
Example:
  greenroom signal api HUP";

/// Changes how many workers a pool keeps ready
///
/// Until the supervisor ends, or the pool's table changes and is reloaded.
#[derive(Debug, clap::Args)]
#[command(after_help = SCALE_EXAMPLES, after_long_help = crate::exit::in_help(SCALE_EXAMPLES))]
pub(crate) struct ScaleArgs {
    #[command(flatten)]
    place: Place,
    /// Which pool
    pool: String,
    /// How many workers are kept ready while nothing waits; at most its max_workers
    workers: u16,
}

const SCALE_EXAMPLES: &str = "\
Example:
  greenroom scale resize 8";

pub(crate) fn start(args: UnitArgs) -> ExitCode {
    let unit = args.unit;
    change(&args.place, &Request::Start { unit })
}

pub(crate) fn stop(args: UnitArgs) -> ExitCode {
    let unit = args.unit;
    change(&args.place, &Request::Stop { unit })
}

pub(crate) fn restart(args: UnitArgs) -> ExitCode {
    let unit = args.unit;
    change(&args.place, &Request::Restart { unit })
}

pub(crate) fn signal(args: SignalArgs) -> ExitCode {
    let request = Request::Signal {
        unit: args.unit,
        signal: args.signal.0,
    };
    change(&args.place, &request)
}

pub(crate) fn scale(args: ScaleArgs) -> ExitCode {
    let request = Request::Scale {
        pool: args.pool,
        workers: args.workers.into(),
    };
    change(&args.place, &request)
}

/// Says where the unit stands afterwards.
fn change(place: &Place, request: &Request) -> ExitCode {
    with_client(place, async |client: &mut Client| {
        for answer in client.all(request).await? {
            if let Answer::Unit(unit) = answer {
                let pid = unit
                    .pid
                    .map(|pid| format!(", pid {pid}"))
                    .unwrap_or_default();
                print(format!("{} is {}{pid}", unit.name, unit.state))?;
            }
        }
        Ok(Exit::Success)
    })
}
