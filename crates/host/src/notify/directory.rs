//! The private directory that holds this host's sockets.

use std::env;
use std::fmt::Write;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What the address of a socket holds on Linux, its final NUL included.
const SUN_PATH: usize = 108;
/// The longest name of a socket, a number, with its slash.
const NAME: usize = 21;

/// Removed when it is dropped.
pub(super) struct Directory {
    path: PathBuf,
    next: AtomicU64,
}

impl Directory {
    /// The one of this process: made for the first socket, removed after the last.
    pub(super) fn of_this_host() -> io::Result<Arc<Self>> {
        static CURRENT: Mutex<Weak<Directory>> = Mutex::new(Weak::new());
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever tidies the place up may have removed it.
        if let Some(directory) = current.upgrade().filter(|current| is_ours(&current.path)) {
            return Ok(directory);
        }
        let directory = Arc::new(Self::make()?);
        *current = Arc::downgrade(&directory);
        Ok(directory)
    }

    /// Where the next socket goes. No two are the same.
    pub(super) fn next_path(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.path.join(number.to_string())
    }

    /// In the user's own place for such things, if there is one.
    pub(super) fn make() -> io::Result<Self> {
        let users = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        if let Some(place) = users.filter(|place| place.is_absolute() && is_ours(place)) {
            match Self::make_in(&place) {
                Ok(directory) => return Ok(directory),
                Err(error) => tracing::debug!(%error, "XDG_RUNTIME_DIR cannot hold sockets"),
            }
        }
        Self::make_in(&std::path::absolute(env::temp_dir())?)
    }

    pub(super) fn make_in(place: &Path) -> io::Result<Self> {
        let path = place.join(unguessable_name()?);
        let length = path.as_os_str().as_bytes().len() + NAME;
        if length >= SUN_PATH {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{} is too long a path for sockets by {} bytes: set TMPDIR to a shorter one",
                    place.display(),
                    length + 1 - SUN_PATH
                ),
            ));
        }
        // Private from the first moment; an error if there is anything of that name.
        DirBuilder::new().mode(0o700).create(&path)?;
        let next = AtomicU64::new(0);
        Ok(Self { path, next })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.path) {
            let directory = self.path.display();
            tracing::debug!(%directory, %error, "a directory of sockets cannot be removed");
        }
    }
}

/// Whether it is a directory that nobody else can put anything into.
fn is_ours(path: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    path.symlink_metadata()
        .is_ok_and(|about| about.is_dir() && about.uid() == us && about.mode() & 0o077 == 0)
}

fn unguessable_name() -> io::Result<String> {
    let mut random = [0; 12];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let mut name = String::from("greenroom-");
    for byte in random {
        write!(name, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(name)
}
