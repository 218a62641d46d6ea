//! A unit that is a process.

use std::fmt;
use std::sync::Arc;

use super::BoxError;
use crate::command::Command;

/// A process of any program. Its command is built anew at each start, so that it can carry what has
/// changed since: a fresh token, another address.
#[derive(Clone)]
pub struct Daemon {
    pub(crate) command: Arc<dyn Fn() -> Result<Command, BoxError> + Send + Sync>,
    pub(crate) stdin: bool,
}

impl Daemon {
    /// A process whose command `build` gives at each start. It is called off the runtime and may
    /// block; a panic in it is a failed start.
    pub fn new(build: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self::fallible(move || Ok::<_, BoxError>(build()))
    }

    /// As [`new`](Self::new), for a command that cannot always be had. An error is a failed start,
    /// tried again as the restart policy says.
    pub fn fallible<E: Into<BoxError>>(
        build: impl Fn() -> Result<Command, E> + Send + Sync + 'static,
    ) -> Self {
        Self {
            command: Arc::new(move || build().map_err(Into::into)),
            stdin: false,
        }
    }

    /// Gives it a pipe as standard input, for
    /// [`write_stdin`](crate::Supervisor::write_stdin). Default: only if its stop ladder writes to
    /// it or closes it; otherwise it reads `/dev/null`.
    #[must_use]
    pub fn stdin(mut self, piped: bool) -> Self {
        self.stdin = piped;
        self
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("stdin", &self.stdin)
            .finish_non_exhaustive()
    }
}
