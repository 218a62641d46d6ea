//! Why there was no run, or none to its end.

use std::io;
use std::path::PathBuf;

use greenroom::CommandError;
use greenroom_conformance::{host, worker};

use crate::exit::Exit;

#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("{0}")]
    Usage(String),
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Program(#[from] CommandError),
    #[error(transparent)]
    Worker(#[from] worker::NotTested),
    #[error(transparent)]
    Host(#[from] host::NotTested),
    #[error("the system refuses a thread, a runtime or a signal handler: {0}")]
    System(#[from] io::Error),
    #[error("the report {} cannot be written: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the report cannot be written: {0}")]
    Output(io::Error),
}

impl Problem {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Unreadable { .. } => Exit::Input,
            Self::Program(_) | Self::Worker(_) => Exit::Unavailable,
            Self::Host(host::NotTested::System { .. }) | Self::System(_) => Exit::System,
            Self::Host(_) => Exit::Unavailable,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::OutputClosed,
            Self::File { .. } | Self::Output(_) => Exit::Output,
        }
    }
}
