//! A host and its port, and the addresses behind them.

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use tokio::sync::OwnedSemaphorePermit;

use super::error::{AddressProblem, ProbeFailure, one_line};

/// What the system for names allows.
const MAX_HOST: usize = 253;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;
const MESSAGE: usize = 200;

#[derive(Clone)]
pub(super) struct Address {
    /// A name or an address, without brackets.
    host: String,
    port: u16,
}

impl Address {
    /// Reads `host:port`, or a host alone if there is a `default_port`.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, AddressProblem> {
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']').ok_or(AddressProblem::Host)?;
                host.parse::<Ipv6Addr>().map_err(|_| AddressProblem::Host)?;
                let port = match rest {
                    "" => None,
                    _ => Some(rest.strip_prefix(':').ok_or(AddressProblem::Port)?),
                };
                (host, port)
            }
            None if text.parse::<Ipv6Addr>().is_ok() => return Err(AddressProblem::Brackets),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (check_name(host)?, Some(port)),
                None => (check_name(text)?, None),
            },
        };
        let port = match port {
            Some(port) => parse_port(port)?,
            None => default_port.ok_or(AddressProblem::NoPort)?,
        };
        let host = host.to_owned();
        Ok(Self { host, port })
    }

    /// Its addresses, at least one. Takes as long as the system takes: a look-up cannot be cut
    /// short, so it keeps its `turn` if nobody waits for it any more.
    pub(super) async fn resolve(
        &self,
        turn: OwnedSemaphorePermit,
    ) -> Result<Vec<SocketAddr>, ProbeFailure> {
        let Self { host, port } = self.clone();
        let look_up = tokio::spawn(async move {
            let found = tokio::net::lookup_host((host, port)).await;
            drop(turn);
            found.map(|all| all.take(MAX_ADDRESSES).collect::<Vec<_>>())
        });
        let found = look_up.await.map_err(|_| ProbeFailure::Interrupted)?;
        match found {
            Ok(addresses) if addresses.is_empty() => Err(self.unresolved("it has no address")),
            Ok(addresses) => Ok(addresses),
            Err(error) => {
                let words = words(&error);
                // What the standard library puts before the system's words.
                let known = "failed to lookup address information: ";
                Err(self.unresolved(words.strip_prefix(known).unwrap_or(&words)))
            }
        }
    }

    fn unresolved(&self, message: &str) -> ProbeFailure {
        ProbeFailure::Unresolved {
            host: self.host.clone(),
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

fn check_name(host: &str) -> Result<&str, AddressProblem> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match host {
        "" => Err(AddressProblem::NoHost),
        _ if host.len() <= MAX_HOST && host.chars().all(belongs) => Ok(host),
        _ => Err(AddressProblem::Host),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressProblem> {
    // The standard library would take "+80".
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(AddressProblem::Port),
    }
}

/// The system's words on one line.
pub(super) fn words(error: &io::Error) -> String {
    one_line(&error.to_string(), MESSAGE)
}
