//! What `greenroom up` can be told.

use crate::control::place::Place;

/// Supervises the units of a configuration, in the foreground
///
/// Prints what happens and what the units print. It belongs under systemd (Type=notify) or into a
/// container; it does not make itself a daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(MORE))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) place: Place,
    /// Also reap orphans, as process 1 must; done by itself where this is process 1
    #[arg(long)]
    pub(super) init: bool,
    /// Print events only, not what the units print
    #[arg(long)]
    pub(super) no_output: bool,
    /// Print nothing but warnings
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print events and lines as JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  greenroom up                          with ./greenroom.toml
  greenroom up -c /etc/greenroom.toml --no-output";

const MORE: &str = "\
Examples:
  greenroom up                          with ./greenroom.toml
  greenroom up -c /etc/greenroom.toml --no-output

Signals:
  SIGTERM, SIGINT  stop everything within shutdown_timeout; a second one kills at once
  SIGHUP           read the configuration again, as `greenroom reload` does
  SIGUSR1          print the table of units

When a significant unit ends for good, everything else is stopped and the exit code is that of the
unit: 128 and the signal's number if one killed it, 127 if it could not be started. After a stop
that was asked for it is 0.";
