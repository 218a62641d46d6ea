//! Who is at the other end of the socket.

use std::io;

use interprocess::local_socket::tokio::Stream;

/// What the system says of the other side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The number of its user.
    pub(crate) user: u32,
    /// `None` if it cannot be seen from here, as from within a container.
    pub(crate) pid: Option<u32>,
}

impl Peer {
    /// Asks the system. Not by interprocess's own way: it takes one that cannot be seen from here
    /// for one that has hung up.
    pub(crate) fn of(stream: &Stream) -> io::Result<Self> {
        let Stream::UdSocket(stream) = stream;
        let credentials = stream.inner().peer_cred()?;
        let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
        Ok(Self {
            user: credentials.uid(),
            pid: pid.filter(|pid| *pid != 0),
        })
    }
}
