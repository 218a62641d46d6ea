//! The host's monotonic clock, and the one origin that all its machines share.

use std::sync::OnceLock;

use greenroom_supervision::Time;
use tokio::time::Instant;

fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

pub(crate) fn now() -> Time {
    // The origin is asked first: the first call makes it.
    let origin = origin();
    Time::from_origin(Instant::now() - origin)
}

/// The instant of `time`, or one that is far enough away to be never.
pub(crate) fn instant(time: Time) -> Instant {
    origin()
        .checked_add(time.since_origin())
        .unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(86_400))
}
