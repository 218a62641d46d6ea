//! The directory that a program starts in, for `posix_spawn`, which nix cannot tell it.

use std::ffi::CStr;
use std::io;

use nix::libc;
use nix::spawn::PosixSpawnFileActions;

/// `PosixSpawnFileActions` is `repr(transparent)` over the C type: if that ever changes, this does
/// not compile.
const _: () = assert!(
    size_of::<PosixSpawnFileActions>() == size_of::<libc::posix_spawn_file_actions_t>()
        && align_of::<PosixSpawnFileActions>() == align_of::<libc::posix_spawn_file_actions_t>()
);

/// Lets the program start in `directory`. The host's own directory belongs to all of its threads
/// and cannot be changed for a moment.
#[expect(unsafe_code, reason = "nix has no function for it")]
pub(super) fn add_directory(
    actions: &mut PosixSpawnFileActions,
    directory: &CStr,
) -> io::Result<()> {
    let actions: *mut libc::posix_spawn_file_actions_t = std::ptr::from_mut(actions).cast();
    // SAFETY: the object is initialised, nobody else uses it meanwhile, and it has the layout of the
    // C type; the path ends with a NUL and is copied.
    let error = unsafe { libc::posix_spawn_file_actions_addchdir_np(actions, directory.as_ptr()) };
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
