//! What the operating system does for the rest of the crate: start, watch, signal, measure and end
//! processes. The only place that names system calls.
//!
//! Three things see to it that nothing stays behind. [`extinct`] waits until a process group has no
//! member left. [`sweep`] ends what has left its group but still carries its unit's [`Mark`] in its
//! environment. The guard does both when the host itself is killed.

mod child;
mod directory;
mod exec;
mod group;
mod guard;
pub mod init;
mod mark;
mod measure;
mod oom;
mod own;
mod proc;
mod spawner;
mod sweep;
#[cfg(test)]
mod testing;
mod watched;

pub(crate) use child::Child;
pub(crate) use group::{Group, extinct};
pub(crate) use mark::Mark;
pub(crate) use measure::{GroupUsage, resident, usage};
pub(crate) use oom::out_of_memory_since_last_look;
pub(crate) use spawner::{Order, Spawned, Stdin, spawn};
pub(crate) use sweep::sweep;
pub(crate) use watched::watch;

use std::io;

use greenroom_supervision::SpawnFailure;
use rustix::process::Signal;

/// The number of the signal that nobody survives.
pub(crate) const SIGKILL: i32 = Signal::KILL.as_raw();

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
