//! The side of those who ask.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{GenericFilePath, ToFsName};
use tokio::io::{AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::lines::{LineError, Lines};
use super::message::{Answer, Failure, FailureKind, Hello, Request, VERSION};
use super::peer::Peer;
use super::place::Place;
use crate::exit::Exit;

/// The longest line of an answer: everything about a unit with 50 long lines.
const MAX_ANSWER: usize = 16 << 20;
/// How long the host may take to greet.
const GREETING: Duration = Duration::from_secs(10);

/// A connection to a running supervisor.
pub(crate) struct Client {
    writer: WriteHalf<Stream>,
    lines: Lines<BufReader<ReadHalf<Stream>>>,
    path: PathBuf,
}

/// Why the supervisor could not be asked, or what it said against it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("there is no file {}: name a configuration with -c, or a control socket with --socket", .config.display())]
    NoConfig { config: PathBuf },
    #[error("nobody listens on {}: start the supervisor with `greenroom up`", .path.display())]
    NobodyListens { path: PathBuf },
    #[error("you may not use {}: only the user who started the supervisor and root may", .path.display())]
    NotPermitted { path: PathBuf },
    #[error("{} belongs to the user with the number {user}, who is neither you nor root: not used", .path.display())]
    Stranger { path: PathBuf, user: u32 },
    #[error("the supervisor on {} speaks version {version} of the control protocol, this program speaks {VERSION}: use the greenroom that started it", .path.display())]
    Version { path: PathBuf, version: u32 },
    #[error("what listens on {} is no greenroom", .path.display())]
    NotGreenroom { path: PathBuf },
    #[error("the supervisor on {} does not answer", .path.display())]
    Mute { path: PathBuf },
    #[error("the supervisor on {} has hung up", .path.display())]
    HungUp { path: PathBuf },
    #[error("{}: {source}", .path.display())]
    System { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Refused(#[from] Failure),
}

impl ClientError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoConfig { .. } => Exit::Input,
            Self::NobodyListens { .. } => Exit::Unavailable,
            Self::NotPermitted { .. } | Self::Stranger { .. } => Exit::NotPermitted,
            Self::Version { .. }
            | Self::NotGreenroom { .. }
            | Self::Mute { .. }
            | Self::HungUp { .. } => Exit::Unavailable,
            Self::System { .. } => Exit::System,
            Self::Refused(failure) => match failure.kind {
                FailureKind::Failed => Exit::Failed,
                FailureKind::UnknownUnit => Exit::Usage,
                FailureKind::NotPermitted => Exit::NotPermitted,
                FailureKind::BadConfiguration => Exit::Config,
                FailureKind::BadRequest
                | FailureKind::Version
                | FailureKind::Busy
                | FailureKind::TooSlow => Exit::Unavailable,
            },
        }
    }
}

impl Client {
    pub(crate) async fn connect(place: &Place) -> Result<Self, ClientError> {
        let path = place.existing_socket().path;
        let name = path.as_path().to_fs_name::<GenericFilePath>();
        let connected = match name {
            Ok(name) => Stream::connect(name).await,
            Err(error) => Err(error),
        };
        let stream = connected.map_err(|source| no_connection(place, path.clone(), source))?;
        check_owner(&stream, &path)?;
        let (reader, writer) = tokio::io::split(stream);
        let lines = Lines::new(BufReader::new(reader), MAX_ANSWER);
        let mut client = Self {
            writer,
            lines,
            path,
        };
        client.greet().await?;
        Ok(client)
    }

    async fn greet(&mut self) -> Result<(), ClientError> {
        self.send(&Hello::ours()).await?;
        let path = self.path.clone();
        let Ok(line) = timeout(GREETING, self.line()).await else {
            return Err(ClientError::Mute { path });
        };
        let Ok(hello) = serde_json::from_slice::<Hello>(&line?) else {
            return Err(ClientError::NotGreenroom { path });
        };
        if hello.greenroom != VERSION {
            let version = hello.greenroom;
            return Err(ClientError::Version { path, version });
        }
        Ok(())
    }

    /// Asks; the answer is read with [`next`](Self::next).
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<(), ClientError> {
        self.send(request).await
    }

    /// The next part of the answer; `None` when all is said.
    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, ClientError> {
        let line = self.line().await?;
        match serde_json::from_slice(&line) {
            Ok(Answer::Done {}) => Ok(None),
            Ok(Answer::Error(failure)) => Err(failure.into()),
            Ok(answer) => Ok(Some(answer)),
            Err(_) => Err(ClientError::NotGreenroom {
                path: self.path.clone(),
            }),
        }
    }

    /// Asks for something that has an answer of a few parts, and gives them all.
    pub(crate) async fn all(&mut self, request: &Request) -> Result<Vec<Answer>, ClientError> {
        self.ask(request).await?;
        let mut answers = Vec::new();
        while let Some(answer) = self.next().await? {
            answers.push(answer);
        }
        Ok(answers)
    }

    async fn send(&mut self, line: &impl serde::Serialize) -> Result<(), ClientError> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| self.system(error.into()))?;
        bytes.push(b'\n');
        match self.writer.write_all(&bytes).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self
                .last_words()
                .await
                .unwrap_or_else(|| self.system(error))),
        }
    }

    /// Why the host has hung up, if it has said so.
    async fn last_words(&mut self) -> Option<ClientError> {
        while let Ok(Ok(Some(line))) = timeout(GREETING, self.lines.next()).await {
            if let Ok(Answer::Error(failure)) = serde_json::from_slice(&line) {
                return Some(failure.into());
            }
        }
        None
    }

    async fn line(&mut self) -> Result<Vec<u8>, ClientError> {
        let path = || self.path.clone();
        match self.lines.next().await {
            Ok(Some(line)) => Ok(line),
            Ok(None) | Err(LineError::Cut) => Err(ClientError::HungUp { path: path() }),
            Err(LineError::TooLong { .. }) => Err(ClientError::NotGreenroom { path: path() }),
            Err(LineError::Io(source)) => Err(self.system(source)),
        }
    }

    fn system(&self, source: io::Error) -> ClientError {
        let path = self.path.clone();
        match source.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                ClientError::HungUp { path }
            }
            _ => ClientError::System { path, source },
        }
    }
}

fn no_connection(place: &Place, path: PathBuf, source: io::Error) -> ClientError {
    match source.kind() {
        io::ErrorKind::NotFound if place.socket.is_none() && !place.config.exists() => {
            let config = place.config.clone();
            ClientError::NoConfig { config }
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NobodyListens { path }
        }
        io::ErrorKind::PermissionDenied => ClientError::NotPermitted { path },
        _ => ClientError::System { path, source },
    }
}

/// In a directory that others can write to, a stranger could listen in our supervisor's place.
fn check_owner(stream: &Stream, path: &std::path::Path) -> Result<(), ClientError> {
    let path = path.to_owned();
    let us = rustix::process::geteuid();
    match Peer::of(stream) {
        Ok(Peer { user, .. }) if user != us.as_raw() && user != 0 && !us.is_root() => {
            Err(ClientError::Stranger { path, user })
        }
        Ok(_) => Ok(()),
        Err(source) => Err(ClientError::System { path, source }),
    }
}
