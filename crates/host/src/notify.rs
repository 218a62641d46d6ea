//! What a service says of itself by systemd's `sd_notify` protocol: datagrams of `KEY=value` lines,
//! sent to the socket that `NOTIFY_SOCKET` names.

mod directory;
mod message;

use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::RecvFlags;
use tokio::io::ReadBuf;
use tokio::net::UnixDatagram;

use directory::Directory;
pub(crate) use message::{Notification, Watchdog};
use message::{Unusable, parse};

/// A datagram that is longer is ignored.
const DATAGRAM: usize = 4 << 10;

/// Where one service sends its notifications.
///
/// Only processes of the host's own user (and root) can reach it. Who of them has sent a datagram is
/// not looked at: a service's children may speak for it.
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
    ignored: u64,
    /// Removed after the last socket in it.
    _directory: Arc<Directory>,
}

impl NotifySocket {
    /// A new socket with a name of its own. Must be called within a runtime.
    pub(crate) fn bind() -> io::Result<Self> {
        let directory = Directory::of_this_host()?;
        let path = directory.next_path();
        Ok(Self {
            socket: UnixDatagram::bind(&path)?,
            path,
            ignored: 0,
            _directory: directory,
        })
    }

    /// What `NOTIFY_SOCKET` is to be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next notification that says anything of use.
    ///
    /// Looks at one datagram at a time: behind one that is of no use it asks to be called again, so
    /// that a flood of them costs no more than a flood of notifications.
    pub(crate) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Notification> {
        // One byte more than may come tells what was cut.
        let mut buffer = [MaybeUninit::uninit(); DATAGRAM + 1];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        // This receives without room for descriptors, so the kernel closes those that come along:
        // whoever waits for that (`BARRIER=1`) learns that its datagram has been taken.
        let received = ready!(self.socket.poll_recv(context, &mut buffer));
        let notification = match received {
            Err(error) => self.ignore(&error),
            Ok(()) => self.understand(buffer.filled()),
        };
        if notification == Notification::default() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(notification)
    }

    /// As [`poll_recv`](Self::poll_recv). Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Notification {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// What has come by now, without the runtime, which may not have looked yet. The useless is
    /// passed over, up to a limit: `None` means that nothing more is there that is worth a wait.
    pub(crate) fn recv_now(&mut self) -> Option<Notification> {
        const USELESS: usize = 64;
        for _ in 0..USELESS {
            let mut buffer = [0; DATAGRAM + 1];
            let received = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT);
            let (length, _) = received.ok()?;
            let notification = self.understand(&buffer[..length]);
            if notification != Notification::default() {
                return Some(notification);
            }
        }
        None
    }

    fn understand(&mut self, datagram: &[u8]) -> Notification {
        if datagram.len() > DATAGRAM {
            return self.ignore(&Unusable::TooLong);
        }
        let (notification, unusable) = parse(datagram);
        if let Some(unusable) = unusable {
            self.ignore(&unusable);
        }
        notification
    }

    /// Said once: a service that sends one bad datagram sends many.
    fn ignore(&mut self, why: &dyn std::fmt::Display) -> Notification {
        self.ignored += 1;
        if self.ignored == 1 {
            let socket = self.path.display();
            tracing::warn!(%socket, "a notification is ignored, at least in part: {why}");
        }
        Notification::default()
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let (socket, ignored) = (self.path.display(), self.ignored);
        if ignored > 1 {
            tracing::warn!(%socket, ignored, "notifications were ignored, at least in part");
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%socket, %error, "a socket cannot be removed");
        }
    }
}

impl std::fmt::Debug for NotifySocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotifySocket")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
