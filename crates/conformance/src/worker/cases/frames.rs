//! Frames: torn, coalesced, of any size up to the limit, and none (sections 2.1 and 2.2).

mod too_long;
mod whole;

use super::vectors;
use crate::worker::case::WorkerCase;

pub(super) fn cases() -> Vec<WorkerCase> {
    [whole::cases(), too_long::cases(), vectors::of("frames")].concat()
}
