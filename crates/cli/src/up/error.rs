//! Why the supervisor could not begin.

use std::io;

use crate::config::ConfigError;
use crate::control::claim::ClaimError;
use crate::exit::Exit;

/// Why nothing could be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("{step}: {source}")]
    System {
        step: &'static str,
        source: io::Error,
    },
}

impl UpError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Config(error) => crate::command::exit_of(error),
            Self::Claim(ClaimError::Taken { .. }) => Exit::AlreadyRunning,
            Self::Claim(ClaimError::UnsafeDirectory { .. }) => Exit::NotPermitted,
            Self::Claim(ClaimError::System { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Exit::NotPermitted
            }
            Self::Claim(_) | Self::System { .. } => Exit::System,
        }
    }
}

/// For steps that the system may refuse.
pub(super) fn system(step: &'static str) -> impl FnOnce(io::Error) -> UpError {
    move |source| UpError::System { step, source }
}
