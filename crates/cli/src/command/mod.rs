//! The subcommands that are about a running supervisor or its configuration: a file for each, or
//! for those that are alike.

pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod events;
pub(crate) mod logs;
pub(crate) mod reload;
pub(crate) mod shutdown;
pub(crate) mod status;
pub(crate) mod why;

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::config::ConfigError;
use crate::control::client::{Client, ClientError};
use crate::control::place::Place;
use crate::exit::Exit;
use crate::printer::say;

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => error.exit(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::OutputClosed,
            Self::Output(_) => Exit::Output,
        }
    }
}

/// The exit code of a configuration that cannot be used.
pub(crate) fn exit_of(error: &ConfigError) -> Exit {
    match error {
        ConfigError::Missing { .. } | ConfigError::NotAFile { .. } => Exit::Input,
        ConfigError::Unreadable { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Exit::NotPermitted
        }
        ConfigError::Unreadable { .. } => Exit::Input,
        ConfigError::TooLarge { .. } | ConfigError::Invalid(_) => Exit::Config,
    }
}

/// Connects to the supervisor, does something with it, and says what went wrong.
pub(crate) fn with_client(
    place: &Place,
    what: impl AsyncFnOnce(&mut Client) -> Result<Exit, CommandError>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format_args!(
                "greenroom: the system refuses a runtime: {error}"
            ));
            return Exit::System.into();
        }
    };
    let result = runtime.block_on(async {
        let mut client = Client::connect(place).await?;
        what(&mut client).await
    });
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            // A reader that has had enough is no news.
            if error.exit() != Exit::OutputClosed {
                say(format_args!("greenroom: {error}"));
            }
            error.exit().into()
        }
    }
}

/// Prints a line at once.
fn print(line: impl std::fmt::Display) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

/// Prints something as one line of JSON.
fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    print(serde_json::to_string(value).map_err(io::Error::from)?)
}

/// Says on standard error that something is left out.
fn say_missed(missed: u64) {
    say(format_args!(
        "greenroom: {missed} were left out here: they came faster than they were read"
    ));
}

/// How wide standard output is, if it is a terminal.
fn width() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(usize::from(columns))
}
