//! What the host says to a worker before its first job.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::InitializeRequest;

use crate::link::Link;

/// What the host says to a worker before its first job.
#[derive(Debug)]
pub struct Start {
    request: InitializeRequest,
    arguments: Bytes,
    link: Arc<Link>,
}

impl Start {
    pub(crate) fn new(request: InitializeRequest, arguments: Bytes, link: Arc<Link>) -> Self {
        Self {
            request,
            arguments,
            link,
        }
    }

    /// What the host's author gives to every worker. Empty by default.
    pub fn arguments(&self) -> &Bytes {
        &self.arguments
    }

    /// The worker's place in its pool: stable over restarts.
    pub fn slot(&self) -> u32 {
        self.request.slot
    }

    /// How many workers stood in that place before this one.
    pub fn generation(&self) -> u64 {
        self.request.generation
    }

    /// The host program's name.
    pub fn host_name(&self) -> &str {
        &self.request.host_name
    }

    /// The host program's version.
    pub fn host_version(&self) -> &str {
        &self.request.host_version
    }

    /// How long initialization may take before the host kills this process, counted by the host.
    pub fn initialize_timeout(&self) -> Duration {
        Duration::from_millis(self.request.initialize_timeout_ms)
    }

    /// Asks for more time to initialize, on top of what was given. The host grants it up to a
    /// maximum of its own. Sent at the next await.
    pub fn extend_deadline(&self, extra: Duration) {
        self.link.initialize_extension.add(extra);
        self.link.notices.notify_one();
    }
}
