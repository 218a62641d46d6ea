//! A descriptor that the runtime watches. Unsafe code, as in `directory.rs` and nowhere else in this
//! crate.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets the runtime say when `fd` becomes ready. Must be called within one.
#[expect(
    unsafe_code,
    reason = "tokio cannot check that a descriptor stays its own"
)]
pub(crate) fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, is closed by nobody else, and always returns the same number;
    // the `AsyncFd` owns it until it is dropped, and nobody can take or replace it meanwhile.
    let watched = unsafe { AsyncFd::register_with_interest(fd, interest) };
    Ok(watched?)
}
