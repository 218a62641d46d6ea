//! What two sides agree on before the first job: version, capabilities, limits.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::frame::{HANDSHAKE_FRAME, MAX_FRAME_CEILING};

/// The protocol versions that this crate speaks.
pub const SUPPORTED: RangeInclusive<u16> = 1..=1;

/// The highest version that both ranges hold, or `None`.
///
/// ```
/// use greenroom_protocol::version::negotiate;
/// assert_eq!(negotiate(1..=3, 2..=5), Some(3));
/// assert_eq!(negotiate(1..=1, 2..=5), None);
/// ```
pub fn negotiate(ours: RangeInclusive<u16>, theirs: RangeInclusive<u16>) -> Option<u16> {
    let low = *ours.start().max(theirs.start());
    let high = *ours.end().min(theirs.end());
    (low <= high).then_some(high)
}

/// A set of optional features. Bits that a side does not know are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// The worker answers [`DumpStacks`](crate::HostMessage::DumpStacks).
    pub const STACK_DUMP: Self = Self(1);

    /// The features that both sides have.
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether every feature of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The sizes that one side is willing to receive. Both sides use the smaller of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of one frame after its length field: 65,536 to 16,777,216; default 262,144. A frame of
    /// 64 to 256 KiB keeps a ping behind it waiting for about 0.1 ms while data flows at full speed.
    pub max_frame: u32,
    /// Bytes of one job's input. Default 67,108,864.
    pub max_payload: u64,
    /// Bytes of a job's output that may be under way before the host asks for more: at least
    /// 65,536; default 1,048,576.
    pub output_window: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame: 256 << 10,
            max_payload: 64 << 20,
            output_window: 1 << 20,
        }
    }
}

/// What a `JobOutput` with this many bytes of data takes from its job's window: at least 64, for each
/// costs its receiver that much, however little is in it.
///
/// ```
/// use greenroom_protocol::version::output_cost;
/// assert_eq!((output_cost(1), output_cost(1_000)), (64, 1_000));
/// ```
pub const fn output_cost(length: usize) -> u64 {
    const LEAST: u64 = 64;
    let length = length as u64;
    if length < LEAST { LEAST } else { length }
}

impl Limits {
    /// The smallest window that may be agreed on, in bytes.
    pub const MIN_OUTPUT_WINDOW: u32 = 64 << 10;

    /// The smaller of each, as both sides use it once the handshake is over.
    pub fn common(self, other: Self) -> Self {
        Self {
            max_frame: self.max_frame.min(other.max_frame),
            max_payload: self.max_payload.min(other.max_payload),
            output_window: self.output_window.min(other.output_window),
        }
    }

    /// The first limit that is out of its range, in words, or `None`.
    pub fn out_of_range(&self) -> Option<String> {
        let frames = HANDSHAKE_FRAME..=MAX_FRAME_CEILING;
        if !frames.contains(&self.max_frame) {
            return Some(format!(
                "max_frame is {}, it must be {} to {} bytes",
                self.max_frame,
                frames.start(),
                frames.end()
            ));
        }
        if self.output_window < Self::MIN_OUTPUT_WINDOW {
            return Some(format!(
                "output_window is {}, it must be at least {} bytes",
                self.output_window,
                Self::MIN_OUTPUT_WINDOW
            ));
        }
        None
    }
}
