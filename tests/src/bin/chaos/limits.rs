//! What a process may have, taken away for a while.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// A limit of a process that is lowered until this is dropped.
#[derive(Debug)]
pub(crate) struct Lowered {
    pid: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Lowered {
    /// Lowers the soft limit; the hard one stays, so that it can be raised again.
    pub(crate) fn lower(pid: u32, resource: Resource, to: u64) -> rustix::io::Result<Self> {
        let pid = Pid::from_raw(pid.cast_signed()).ok_or(rustix::io::Errno::SRCH)?;
        // The process has ours: it was started by us, and nobody else changes them.
        let before = getrlimit(resource);
        let lowered = Rlimit {
            current: Some(to),
            maximum: before.maximum,
        };
        prlimit(Some(pid), resource, lowered)?;
        Ok(Self {
            pid,
            resource,
            before,
        })
    }
}

impl Drop for Lowered {
    /// A process that has ended needs nothing.
    fn drop(&mut self) {
        let _ = prlimit(Some(self.pid), self.resource, self.before);
    }
}
