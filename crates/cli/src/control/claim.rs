//! Taking the control socket: only one supervisor may have it.
//!
//! A lock file beside the socket decides, because the system lets go of it whatever becomes of its
//! owner. Whoever holds the lock may remove a socket that a killed supervisor has left behind: two
//! that start at the same moment cannot both think so.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::place::SocketPath;

/// A socket that listens, and the lock that makes it ours. Dropping it removes the socket.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) listener: Listener,
    path: PathBuf,
    /// Held for as long as this lives. The file stays: removing it would let two hold "the" lock.
    _lock: File,
}

/// Why the control socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error(
        "greenroom up runs already{}: it listens on {}",
        .pid.map(|pid| format!(" as pid {pid}")).unwrap_or_default(),
        .path.display()
    )]
    Taken { path: PathBuf, pid: Option<u32> },
    #[error("{} is not a socket: remove it, or give another path with --socket", .path.display())]
    NotASocket { path: PathBuf },
    #[error(
        "the directory {} may be changed by others: it must be yours, with mode 700",
        .path.display()
    )]
    UnsafeDirectory { path: PathBuf },
    #[error("the path of the control socket is longer than the system allows (107 bytes): give a shorter one with --socket: {}", .path.display())]
    TooLong { path: PathBuf },
    #[error("the control socket: {step} {}: {source}", .path.display())]
    System {
        step: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

const LONGEST_PATH: usize = 107;
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

impl Claim {
    /// Takes the socket and listens on it, for this user only.
    pub(crate) fn take(socket: &SocketPath) -> Result<Self, ClaimError> {
        let path = &socket.path;
        let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(ClaimError::TooLong { path: path.clone() });
        }
        if socket.own_directory {
            make_private(directory)?;
        }
        let lock = lock(path)?;
        remove_stale(path)?;
        let bound = system("listen on", path);
        let name = path
            .as_path()
            .to_fs_name::<GenericFilePath>()
            .map_err(bound)?;
        let options = ListenerOptions::new().name(name).mode(0o600);
        // The socket is removed by hand, while the lock is held.
        let listener = options.reclaim_name(false).create_tokio();
        Ok(Self {
            listener: listener.map_err(system("listen on", path))?,
            path: path.clone(),
            _lock: lock,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket was gone already");
        }
    }
}

/// Makes the directory with mode 700; one that is there must be like that.
fn make_private(directory: &Path) -> Result<(), ClaimError> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(true);
    builder
        .create(directory)
        .map_err(system("make the directory", directory))?;
    let about = fs::symlink_metadata(directory).map_err(system("look at", directory))?;
    let ours = about.uid() == rustix::process::geteuid().as_raw();
    if !about.is_dir() || !ours || about.mode() & 0o077 != 0 {
        let path = directory.to_owned();
        return Err(ClaimError::UnsafeDirectory { path });
    }
    Ok(())
}

/// Locks the file beside the socket and writes our pid into it.
fn lock(socket: &Path) -> Result<File, ClaimError> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        // In a directory of others it must not lead elsewhere.
        .custom_flags(NOFOLLOW);
    let mut file = options.open(&path).map_err(system("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let path = socket.to_owned();
            let pid = owner(&mut file);
            return Err(ClaimError::Taken { path, pid });
        }
        Err(TryLockError::Error(source)) => return Err(system("lock", &path)(source)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()));
    written.map_err(system("write", &path))?;
    Ok(file)
}

fn owner(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Removes a socket that nobody listens on.
fn remove_stale(path: &Path) -> Result<(), ClaimError> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system("look at", path)(error)),
    };
    let path = path.to_owned();
    if !about.file_type().is_socket() {
        return Err(ClaimError::NotASocket { path });
    }
    match knock(&path) {
        // Somebody without our lock file: another program, or one whose lock file was removed. It may
        // be too busy to let us in.
        Ok(()) | Err(Errno::AGAIN) => return Err(ClaimError::Taken { path, pid: None }),
        Err(Errno::CONNREFUSED) => {}
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(system("find out who listens on", &path)(error.into())),
    }
    fs::remove_file(&path).map_err(system("remove the old", &path))
}

/// Connects, without waiting.
fn knock(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    net::connect(socket, &SocketAddrUnix::new(path)?)
}

fn system(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClaimError {
    let path = path.to_owned();
    move |source| ClaimError::System { step, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    #[test]
    fn only_a_socket_that_nobody_listens_on_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        drop(UnixListener::bind(at("dead")).unwrap());
        remove_stale(&at("dead")).unwrap();
        assert!(!at("dead").exists());

        let _listener = UnixListener::bind(at("alive")).unwrap();
        let refused = remove_stale(&at("alive"));
        assert!(matches!(refused, Err(ClaimError::Taken { .. })));
        assert!(at("alive").exists());

        // Somebody is there who cannot be spoken to like this.
        let _other = UnixDatagram::bind(at("other")).unwrap();
        let refused = remove_stale(&at("other")).unwrap_err().to_string();
        assert!(refused.contains("find out who listens on"), "{refused}");
        assert!(at("other").exists());
    }
}
