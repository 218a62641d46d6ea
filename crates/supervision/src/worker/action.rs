//! What goes in and out of a worker's machine.

use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{DecodeError, FrameError, HostMessage};

use super::State;
use crate::exit::ExitReport;
use crate::job::JobUpdate;

/// What the host tells a worker about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The worker's place in its pool.
    pub slot: u32,
    /// How many workers stood there before.
    pub generation: u64,
    /// The host program.
    pub host_name: String,
    /// The host program's version.
    pub host_version: String,
    /// Which log records the host wants.
    pub log_filter: String,
    /// The user's arguments for the worker's preparation.
    pub arguments: Bytes,
}

/// What the driver is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this message.
    Send(HostMessage),
    /// End the process and all it has started, now.
    Kill,
    /// Measure resident memory and tell it to [`Worker::handle_memory`](super::Worker::handle_memory).
    SampleMemory,
    /// Serve a call of the worker and tell the result to [`Worker::handle_call_result`](super::Worker::handle_call_result).
    Call {
        /// The call's number.
        call: u64,
        /// What is asked for.
        method: String,
        /// The argument.
        argument: Bytes,
    },
    /// Something happened to a job.
    Job(u64, JobUpdate),
    /// Something happened that somebody may want to know.
    Notice(Notice),
    /// The life is over. The last action.
    Exited(ExitReport),
}

/// What may interest a pool, an operator or a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The process runs.
    Started {
        /// Its number.
        pid: u32,
    },
    /// It takes jobs.
    Ready {
        /// How many at a time.
        slots: u32,
        /// The program's name, as it says.
        name: String,
        /// The program's version, as it says.
        version: String,
        /// What tells this build of the program from others, as it says: its first 256 bytes. Empty
        /// if it says nothing.
        build: String,
    },
    /// It takes long to answer a ping. Said once until an answer comes in time.
    HighPing {
        /// How long it has taken so far.
        rtt: Duration,
    },
    /// It uses much memory. Said at most every 120 s, or after 50 MB more.
    HighMemory {
        /// Resident bytes.
        rss: u64,
        /// The bound that it exceeds.
        warn: u64,
        /// The bound at which it would be killed.
        limit: Option<u64>,
    },
    /// It has grown over `max_rss`. Said once.
    Outgrown {
        /// Resident bytes.
        rss: u64,
        /// The bound that it exceeds.
        max: u64,
    },
    /// It wants to be replaced.
    Retiring {
        /// In its own words.
        reason: String,
    },
    /// It asked for more time. That it gets none is said once.
    DeadlineExtended {
        /// How much it asked for.
        asked: Duration,
        /// How much it was given.
        granted: Duration,
    },
    /// A call was refused because too many were under way. Said once until one is accepted again.
    CallRefused {
        /// What was asked for.
        method: String,
    },
    /// It closed its connection; it is expected to exit.
    Disconnected,
    /// It was killed some time ago, and the system has still not ended it.
    KillOverdue {
        /// How long ago.
        since: Duration,
    },
}

/// Why a job was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchRefused {
    /// The worker has no free slot, or is not ready.
    #[error("the worker is {state} and has {jobs} jobs: it takes no further one")]
    Busy {
        /// Its state.
        state: State,
        /// How many it has.
        jobs: usize,
    },
    /// The input is larger than the two sides have agreed on.
    #[error(
        "the job's input has {size} bytes, host and worker have agreed on {limit}: send less, or raise max_payload on the side that is lower"
    )]
    PayloadTooLarge {
        /// The input's bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The job's id, name, metadata and traceparent do not fit in one frame.
    #[error(
        "the job's id, name, metadata and traceparent take {size} bytes, the limit is {limit}: send less of them"
    )]
    HeaderTooLarge {
        /// The frame's bytes without any input.
        size: usize,
        /// The limit in bytes.
        limit: u32,
    },
}

/// The peer's bytes were wrong, on one of two levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum Malformed {
    /// They are no frame.
    Frame(#[from] FrameError),
    /// The frame holds no message that a worker may send.
    Message(#[from] DecodeError),
}
