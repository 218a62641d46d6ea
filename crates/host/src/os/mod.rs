//! What the operating system does for the rest of the crate: start, watch, measure and end
//! processes. The only place that names system calls.

mod child;
mod memory;
mod spawner;
mod watched;

pub(crate) use child::{Child, out_of_memory_since_last_look};
pub(crate) use memory::sample;
pub(crate) use spawner::{Spawned, spawn};
pub(crate) use watched::watch;

use std::io;

use greenroom_supervision::SpawnFailure;

/// What the system refused, and whether another try can help.
fn refused(step: impl Into<String>, error: &io::Error) -> SpawnFailure {
    use io::ErrorKind as Kind;
    let permanent = matches!(
        error.kind(),
        Kind::NotFound
            | Kind::PermissionDenied
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::InvalidInput
            | Kind::Unsupported
    ) || error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error());
    SpawnFailure {
        step: step.into(),
        errno: error.raw_os_error(),
        message: error.to_string(),
        permanent,
    }
}
