//! `greenroom check`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::{exit_of, print, print_json};
use crate::config::{Config, ConfigError};
use crate::control::place::DEFAULT_CONFIG;
use crate::exit::Exit;
use crate::printer::say;

/// Checks a configuration without starting anything
///
/// All mistakes are shown at once, with file, line and key.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = crate::exit::in_help(MORE))]
pub(crate) struct Args {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  greenroom check
  greenroom check -c /etc/greenroom.toml

`greenroom check --help` shows a configuration with everything that can be said.";

const MORE: &str = concat!(
    "Examples:\n  greenroom check\n  greenroom check -c /etc/greenroom.toml\n\n\
     Everything that a configuration can say:\n\n",
    include_str!("../../greenroom.example.toml"),
);

pub(crate) fn run(args: &Args) -> ExitCode {
    let checked = check(args);
    let printed = match &checked {
        Ok(config) if args.json => print_json(&json!({
            "ok": true,
            "units": config.units.iter().map(|unit| &unit.name).collect::<Vec<_>>(),
        })),
        Ok(config) => print(format!(
            "{}: {} and {}, nothing is wrong",
            args.config.display(),
            counted(config.units.len(), "unit"),
            counted(config.groups.len(), "group"),
        )),
        Err(error) if args.json => print_json(&match error {
            ConfigError::Invalid(problems) => json!({ "ok": false, "problems": problems }),
            error => json!({ "ok": false, "error": error.to_string() }),
        }),
        Err(error) => {
            say(error);
            Ok(())
        }
    };
    if let Err(error) = printed {
        say(format_args!("greenroom: {error}"));
        return error.exit().into();
    }
    checked
        .map_or_else(|error| exit_of(&error), |_| Exit::Success)
        .into()
}

fn check(args: &Args) -> Result<Config, ConfigError> {
    let config = Config::read(&args.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| ConfigError::Unreadable {
        path: args.config.clone(),
        source,
    })?;
    // Making a supervisor starts nothing, and knows whether the units fit together.
    runtime.block_on(async { config.supervisor().map(drop) })?;
    Ok(config)
}

fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
