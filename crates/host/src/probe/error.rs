//! What can be wrong with a probe, and what a probe can find wrong.

use std::net::SocketAddr;
use std::time::Duration;

use greenroom_supervision::{ExitStatus, SpawnFailure, harmless};

use crate::command::CommandError;

/// A probe cannot be made as it is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The host or the port is wrong.
    #[error("{given:?} cannot be probed: {problem}; give for example {example}")]
    Address {
        /// What was given, without what may be secret.
        given: String,
        /// What is wrong with it.
        problem: AddressProblem,
        /// A right one.
        example: &'static str,
    },
    /// The URL asks for encryption.
    #[error(
        "{given:?} cannot be probed: https is not spoken here; give an http:// URL such as \
         {example}, or a command that fetches it"
    )]
    Https {
        /// What was given, without what may be secret.
        given: String,
        /// A right one.
        example: &'static str,
    },
    /// It is no URL of HTTP.
    #[error("{given:?} is no http:// URL: give for example {example}")]
    NotHttp {
        /// What was given, without what may be secret.
        given: String,
        /// A right one.
        example: &'static str,
    },
    /// The URL holds a user or a password.
    #[error(
        "{given:?} has a user before its host, which is not sent: leave it out, or give a command \
         that fetches it"
    )]
    User {
        /// What was given, without what may be secret.
        given: String,
    },
    /// The URL holds what may not stand in a request.
    #[error("{given:?} holds a space or a character beyond ASCII: write it as %20 and the like")]
    NotEncoded {
        /// What was given, without what may be secret.
        given: String,
    },
    /// The command cannot be run.
    #[error("the probe's command cannot be run")]
    Command(#[from] CommandError),
}

/// What is wrong with a host and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressProblem {
    /// Nothing stands before the port.
    #[error("it names no host")]
    NoHost,
    /// Nothing stands behind the host.
    #[error("it has no port")]
    NoPort,
    /// The port is not a number, or too large, or 0.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// An IPv6 address whose end cannot be told from a port.
    #[error("an IPv6 address stands in brackets, as in [::1]:80")]
    Brackets,
    /// The host has characters that no host has, or is too long.
    #[error("its host is neither an address nor a name of letters, digits, \"-\", \"_\" and \".\"")]
    Host,
}

/// What a probe has found wrong. Each reads as one plain line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeFailure {
    /// Time was up.
    #[error("no answer within {within:?}")]
    NoAnswer {
        /// The limit.
        within: Duration,
    },
    /// No address is known for the name.
    #[error("{host} cannot be resolved: {message}")]
    Unresolved {
        /// The name.
        host: String,
        /// The system's words.
        message: String,
    },
    /// Nothing listens there.
    #[error("connection refused by {address}")]
    Refused {
        /// Where; the last one, if the name has several addresses.
        address: SocketAddr,
    },
    /// There is no way there.
    #[error("no connection to {address}: {message}")]
    Unreachable {
        /// Where; the last one, if the name has several addresses.
        address: SocketAddr,
        /// The system's words.
        message: String,
    },
    /// The connection broke.
    #[error("the connection broke: {message}")]
    Broken {
        /// The system's words.
        message: String,
    },
    /// The connection ended inside an answer or before it.
    #[error("closed the connection before it had answered")]
    Closed,
    /// What it says is not HTTP.
    #[error("its answer is not HTTP: {problem}")]
    NotHttp {
        /// What is wrong with it.
        problem: String,
    },
    /// The head of its answer does not end.
    #[error("the head of its answer is longer than {limit} bytes")]
    EndlessHead {
        /// The limit.
        limit: u64,
    },
    /// It answers that something is wrong.
    #[error("answered {code}{}", behind(" ", .reason))]
    Status {
        /// The status, which is not from 200 to 399.
        code: u16,
        /// Its words, at most 100 bytes; may be empty.
        reason: String,
    },
    /// The command says that something is wrong.
    #[error("{}{}", exit(*.status), behind(": ", .last_line))]
    Exit {
        /// How it ended; not with code 0.
        status: ExitStatus,
        /// The last line that it printed, of stderr if there is any, at most 500 bytes; may be empty.
        last_line: String,
    },
    /// The command could not be started.
    #[error("could not be started: {0}")]
    Spawn(SpawnFailure),
    /// The host is ending.
    #[error("was cut short by the end of the host")]
    Interrupted,
}

fn behind(separator: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        _ => format!("{separator}{text}"),
    }
}

fn exit(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(_) => format!("exit {status}"),
        _ => format!("killed by {status}"),
    }
}

/// One line of a stranger's words.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let mut line = harmless(text.trim(), limit).replace(['\n', '\t'], " ");
    // What replaces a control character is longer than that.
    line.truncate(line.floor_char_boundary(limit));
    line
}

/// What was given, without a URL's user, password, query and fragment: they may be secrets.
pub(super) fn shown(given: &str) -> String {
    const LIMIT: usize = 200;
    let given = given.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match given.find("://") {
        Some(at) => given.split_at(at + 3),
        None => ("", given),
    };
    // A password may hold a slash where none belongs: all before the last @ is left out.
    let rest = rest.rsplit('@').next().unwrap_or_default();
    one_line(&format!("{scheme}{rest}"), LIMIT)
}
