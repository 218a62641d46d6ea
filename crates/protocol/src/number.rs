//! Numbers with names: message types and the wire's enumerations.
//!
//! Each is a newtype over its integer, so that a value that this version does not know survives,
//! compares and prints instead of failing to decode.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of message a frame holds: the number in its header, assigned in
/// `proto-spec/messages.toml`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageType(pub u16);

impl MessageType {
    /// host → worker
    pub const INITIALIZE_REQUEST: Self = Self(1);
    /// worker → host
    pub const INITIALIZE_RESPONSE: Self = Self(2);
    /// host → worker
    pub const PING: Self = Self(3);
    /// worker → host
    pub const PONG: Self = Self(4);
    /// host → worker
    pub const SHUTDOWN: Self = Self(5);
    /// worker → host
    pub const SHUTTING_DOWN: Self = Self(6);
    /// worker → host
    pub const EXITING: Self = Self(7);
    /// worker → host
    pub const EXTEND_DEADLINE: Self = Self(8);
    /// worker → host
    pub const RETIRE: Self = Self(9);
    /// host → worker
    pub const START_JOB: Self = Self(16);
    /// host → worker
    pub const JOB_INPUT: Self = Self(17);
    /// host → worker
    pub const CANCEL_JOB: Self = Self(18);
    /// host → worker
    pub const JOB_WINDOW: Self = Self(19);
    /// worker → host
    pub const JOB_ACCEPTED: Self = Self(20);
    /// worker → host
    pub const JOB_OUTPUT: Self = Self(21);
    /// worker → host
    pub const JOB_FINISHED: Self = Self(22);
    /// worker → host
    pub const CALL_REQUEST: Self = Self(32);
    /// host → worker
    pub const CALL_RESPONSE: Self = Self(33);
    /// host → worker
    pub const DUMP_STACKS: Self = Self(48);
    /// worker → host
    pub const STACK_DUMP: Self = Self(49);

    /// Whether a receiver that does not know this type may skip its frame.
    pub const fn is_ignorable(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// The message's name, or `None` for a number that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::INITIALIZE_REQUEST => "InitializeRequest",
            Self::INITIALIZE_RESPONSE => "InitializeResponse",
            Self::PING => "Ping",
            Self::PONG => "Pong",
            Self::SHUTDOWN => "Shutdown",
            Self::SHUTTING_DOWN => "ShuttingDown",
            Self::EXITING => "Exiting",
            Self::EXTEND_DEADLINE => "ExtendDeadline",
            Self::RETIRE => "Retire",
            Self::START_JOB => "StartJob",
            Self::JOB_INPUT => "JobInput",
            Self::CANCEL_JOB => "CancelJob",
            Self::JOB_WINDOW => "JobWindow",
            Self::JOB_ACCEPTED => "JobAccepted",
            Self::JOB_OUTPUT => "JobOutput",
            Self::JOB_FINISHED => "JobFinished",
            Self::CALL_REQUEST => "CallRequest",
            Self::CALL_RESPONSE => "CallResponse",
            Self::DUMP_STACKS => "DumpStacks",
            Self::STACK_DUMP => "StackDump",
            _ => return None,
        })
    }
}

fn named(f: &mut fmt::Formatter<'_>, name: Option<&str>, what: &str, number: u32) -> fmt::Result {
    match name {
        Some(name) => f.write_str(name),
        None => write!(f, "{what} {number:#06x}"),
    }
}

/// Why a host ends a worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShutdownReason(pub u16);

impl ShutdownReason {
    /// Somebody asked for it: the host or its pool is closing.
    pub const REQUESTED: Self = Self(1);
    /// The worker has run as many jobs as it may.
    pub const RETIRED: Self = Self(2);
    /// There are more idle workers than wanted.
    pub const SURPLUS: Self = Self(3);
    /// The host has gone away. Never on the wire: a worker's library reports it to the handler.
    pub const HOST_GONE: Self = Self(4);

    /// The reason's name, or `None` for a number that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::REQUESTED => "requested",
            Self::RETIRED => "retired",
            Self::SURPLUS => "surplus",
            Self::HOST_GONE => "host gone",
            _ => return None,
        })
    }
}

/// Why a host cancels a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CancelReason(pub u16);

impl CancelReason {
    /// The caller asked for it.
    pub const REQUESTED: Self = Self(1);
    /// The job's deadline has passed.
    pub const DEADLINE: Self = Self(2);

    /// The reason's name, or `None` for a number that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::REQUESTED => "requested",
            Self::DEADLINE => "deadline",
            _ => return None,
        })
    }
}

/// Which of a worker's deadlines [`ExtendDeadline`](crate::ExtendDeadline) speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeadlineKind(pub u16);

impl DeadlineKind {
    /// The one for the handshake and the worker's preparation.
    pub const INITIALIZE: Self = Self(1);
    /// The one of a job.
    pub const JOB: Self = Self(2);
    /// The one for leaving after [`Shutdown`](crate::Shutdown).
    pub const CLOSE: Self = Self(3);

    /// The deadline's name, or `None` for a number that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::INITIALIZE => "initialize",
            Self::JOB => "job",
            Self::CLOSE => "close",
            _ => return None,
        })
    }
}

/// What kind of failure ended a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailureKind(pub u16);

impl FailureKind {
    /// The handler returned an error.
    pub const ERROR: Self = Self(1);
    /// The handler panicked.
    pub const PANIC: Self = Self(2);
    /// The job itself is unusable: trying it again cannot help.
    pub const INVALID_INPUT: Self = Self(3);
    /// The worker cannot take the job, for example because it is shutting down. It never started.
    pub const REJECTED: Self = Self(4);

    /// The kind's name, or `None` for a number that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ERROR => "error",
            Self::PANIC => "panic",
            Self::INVALID_INPUT => "invalid input",
            Self::REJECTED => "rejected",
            _ => return None,
        })
    }
}

/// Why a worker could not initialize.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitializeCode(pub u16);

impl InitializeCode {
    /// Its own preparation failed.
    pub const FAILED: Self = Self(1);
    /// It speaks none of the protocol versions offered.
    pub const VERSION: Self = Self(2);

    /// The code's name, or `None` for a number that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::FAILED => "failed",
            Self::VERSION => "version",
            _ => return None,
        })
    }
}

macro_rules! print_by_name {
    ($($number:ident: $what:literal),* $(,)?) => {$(
        impl fmt::Display for $number {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                named(f, self.name(), $what, u32::from(self.0))
            }
        }

        impl fmt::Debug for $number {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

// A trait implementation for several types is what a function cannot write.
print_by_name! {
    MessageType: "message type",
    ShutdownReason: "shutdown reason",
    CancelReason: "cancel reason",
    DeadlineKind: "deadline",
    FailureKind: "failure",
    InitializeCode: "initialize code",
}
