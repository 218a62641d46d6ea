//! One look at whether a service answers: by TCP, by HTTP or by a command.
//!
//! A probe only looks, once. How often, how long and how many failures matter is decided elsewhere.

mod address;
mod error;
mod exec;
mod http;
mod tcp;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::command::{Command, ResolvedCommand};
use address::Address;
pub use error::{AddressProblem, ProbeError, ProbeFailure};
use http::Url;

/// How to find out whether a service is ready or alive.
///
/// Clones are the same probe: of all their attempts one runs at a time.
///
/// Its texts name the kind and the target. They leave out a URL's query and a command's arguments,
/// which may hold secrets.
///
/// ```
/// use greenroom::Probe;
/// let database = Probe::tcp("localhost:5432")?;
/// let site = Probe::http("http://127.0.0.1:8080/health?token=secret")?;
/// assert_eq!(database.to_string(), "tcp localhost:5432");
/// assert_eq!(site.to_string(), "http http://127.0.0.1:8080/health");
/// # Ok::<(), greenroom::ProbeError>(())
/// ```
#[derive(Clone)]
pub struct Probe {
    kind: Kind,
    /// Name look-ups and dying commands cannot be cut short. They keep this until they are over, so
    /// that a service that hangs leaves one of them behind, not one for each attempt.
    turn: Arc<Semaphore>,
}

#[derive(Clone)]
enum Kind {
    Tcp(Address),
    Http(Url),
    Exec(Arc<ResolvedCommand>),
}

impl Probe {
    /// Good if a connection can be made. All addresses of a name are tried.
    ///
    /// `address` is a host and a port: `127.0.0.1:5432`, `localhost:80`, `[::1]:80`.
    pub fn tcp(address: impl AsRef<str>) -> Result<Self, ProbeError> {
        tcp::parse(address.as_ref()).map(|address| Self::new(Kind::Tcp(address)))
    }

    /// Good if a GET of `url` is answered with a status from 200 to 399. Redirects are not followed,
    /// and the body is not read.
    ///
    /// `http://` only, without user and password. Default port: 80.
    pub fn http(url: impl AsRef<str>) -> Result<Self, ProbeError> {
        Url::parse(url.as_ref()).map(|url| Self::new(Kind::Http(url)))
    }

    /// Good if `command` exits with code 0. It runs without input in a process group of its own,
    /// which is killed when the attempt is over, whether it was in time or not.
    ///
    /// The program is looked up now; it is an error if it is not there.
    pub fn exec(command: &Command) -> Result<Self, ProbeError> {
        Ok(Self::new(Kind::Exec(Arc::new(command.resolve()?))))
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// The same, whose command also has this variable in its environment.
    pub(crate) fn with_variable(&self, variable: (OsString, OsString)) -> Self {
        let mut probe = self.clone();
        if let Kind::Exec(command) = &mut probe.kind {
            Arc::make_mut(command).environment.push(variable);
        }
        probe
    }

    /// Looks once. Ends after `timeout` at the latest, whatever hangs; an attempt before this one
    /// that still hangs counts too.
    ///
    /// Cancel-safe: what it has begun is ended. Must be called within a runtime.
    pub(crate) async fn run(&self, timeout: Duration) -> Result<(), ProbeFailure> {
        let attempt = async {
            let turn = Arc::clone(&self.turn).acquire_owned().await;
            let turn = turn.expect("nobody closes it");
            self.attempt(turn, timeout).await
        };
        tokio::time::timeout(timeout, attempt)
            .await
            .unwrap_or(Err(ProbeFailure::NoAnswer { within: timeout }))
    }

    async fn attempt(
        &self,
        turn: OwnedSemaphorePermit,
        timeout: Duration,
    ) -> Result<(), ProbeFailure> {
        match &self.kind {
            Kind::Tcp(address) => tcp::connect(address, turn, timeout).await.map(drop),
            Kind::Http(url) => http::get(url, turn, timeout).await,
            Kind::Exec(command) => exec::run(Arc::clone(command), turn).await,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Tcp(address) => write!(f, "tcp {address}"),
            Kind::Http(url) => write!(f, "http {url}"),
            Kind::Exec(command) => write!(f, "exec {}", command.program.display()),
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({self})")
    }
}

#[cfg(test)]
mod tests;
