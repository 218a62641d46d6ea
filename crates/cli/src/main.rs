//! The program `greenroom`: supervise units, map jobs over a pool, look inside.
//!
//! # Theory of operation
//!
//! Each subcommand is a file or folder of its own with two things to know: `Args`, what it can be
//! told on the command line, and `run(args)`, which does it and gives the exit code, mostly one of
//! [`exit::Exit`]. This file only puts them together. [`up`] is the supervisor, those in
//! [`command`] talk to it, [`map`] and [`conformance`] stand by themselves. What several of them
//! need is beside them: [`config`] reads the configuration, [`control`] is the socket between them,
//! [`view`] what is told over it and as JSON, [`show`] how that looks to people, [`quantity`] reads
//! times and sizes, [`exit`] documents the exit codes.
//!
//! Results go to standard output, everything for people to standard error. Both may be closed or
//! unread at any time: [`printer`] keeps what runs long apart from that.

#![warn(clippy::print_stderr, clippy::print_stdout)]

mod command;
mod config;
mod conformance;
mod control;
mod exit;
mod map;
mod nearest;
mod printer;
mod quantity;
mod show;
mod up;
mod view;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use command::{change, check, completions, events, logs, reload, shutdown, status, why};

/// Supervises daemons and pools of workers, and maps jobs over warm workers.
///
/// `up` runs the units of a configuration in the foreground; the other commands talk to it over a
/// local socket. `map` needs no configuration.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, after_help = AFTER_HELP, after_long_help = exit::in_help(AFTER_HELP))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  greenroom check                       is greenroom.toml right?
  greenroom up                          run its units
  greenroom status                      how are they?
  greenroom why api                     why did api die?
  greenroom map --worker ./resize photos/*.jpg > results.jsonl
  greenroom conformance worker ./resize  does it speak the protocol?

`greenroom help COMMAND` explains a command with examples.";

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    Check(check::Args),
    Status(status::Args),
    Logs(logs::Args),
    Events(events::Args),
    Why(why::Args),
    /// Starts a unit and waits until it is ready
    Start(change::UnitArgs),
    /// Stops a unit and waits until it is gone; it stays stopped
    Stop(change::UnitArgs),
    /// Stops a unit, starts it again and waits until it is ready
    Restart(change::UnitArgs),
    Signal(change::SignalArgs),
    Scale(change::ScaleArgs),
    Reload(reload::Args),
    Shutdown(shutdown::Args),
    Map(map::Args),
    Conformance(conformance::Args),
    Completions(completions::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Up(args) => up::run(args),
        Command::Check(args) => check::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Start(args) => change::start(args),
        Command::Stop(args) => change::stop(args),
        Command::Restart(args) => change::restart(args),
        Command::Signal(args) => change::signal(args),
        Command::Scale(args) => change::scale(args),
        Command::Reload(args) => reload::run(&args),
        Command::Shutdown(args) => shutdown::run(&args),
        Command::Map(args) => map::run(args),
        Command::Conformance(args) => conformance::run(args),
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
