//! What must come of each cell.

use std::time::Duration;

use greenroom::{ExitReason, InitializePhase};

use super::cell::{Cell, Fault, Point};

/// How long a worker of these pools may prepare itself. What it asks for beyond that is granted.
pub(crate) const INITIALIZE: Duration = Duration::from_secs(3);
/// What it asks for.
const EXTRA: Duration = Duration::from_millis(100);
/// How long it may be silent.
pub(crate) const PING: Duration = Duration::from_secs(3);
/// How long it may take to leave. Shorter than its silence: that is counted from an answer before.
pub(crate) const CLOSE: Duration = Duration::from_secs(2);

/// How many jobs a worker is given. After the last one it is asked to leave.
pub(crate) const JOBS_PER_WORKER: u64 = 2;

/// How the faulty worker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has left by itself, with this code.
    Code(i32),
    /// A signal of its own has ended it.
    Signal(i32),
    /// It did not answer `InitializeRequest` in time.
    Unready,
    /// It did not answer pings.
    Silent,
    /// It was to leave, and stayed.
    Stays,
    /// It closed its connection, and lived on.
    HungUp,
    /// It broke this requirement.
    Breaks(&'static str),
    /// It was to leave, and left.
    Clean,
    /// It does not end: it serves until its pool is closed.
    Serves,
}

use End::*;
use Point::*;

/// A length over the limit.
const LENGTH: End = Breaks("GR-2.2-1");
/// The end of the stream within a frame, and no end of the process.
const CUT: End = Breaks("GR-2.3-2");
/// A type that the host does not know.
const TYPE: End = Breaks("GR-2.4-2");
/// A body that is not what its message says.
const BODY: End = Breaks("GR-3.1-1");
/// A second `InitializeResponse`.
const SECOND: End = Breaks("GR-4.1-1");
/// A version that was not offered.
const VERSION: End = Breaks("GR-4.2-1");
/// A job that runs no more.
const NO_JOB: End = Breaks("GR-5.4-1");
/// A job that was accepted before.
const ACCEPT: End = Breaks("GR-5.4-3");

/// A second `ShuttingDown` for one `Shutdown`.
const AGAIN: End = Breaks("GR-5.3-1");

/// A row for each point and a column for each fault, in the order of their lists.
///
/// Two duplicates are none to be punished: more time may be asked for again (section 4.1), and the same
/// output may come twice.
#[rustfmt::skip]
const ENDS: [(Point, [End; 13]); 9] = [
//                 exit 0   exit 1   SIGSEGV     SIGKILL    SIGSTOP  hang up garbage huge    version  twice     unknown deaf     skipped
    (BeforeHello, [Code(0), Code(1), Signal(11), Signal(9), Unready, HungUp, LENGTH, LENGTH, VERSION, SECOND,   TYPE,   Unready, Serves]),
    (HalfHeader,  [Code(0), Code(1), Signal(11), Signal(9), Unready, CUT,    LENGTH, LENGTH, VERSION, LENGTH,   TYPE,   Unready, Serves]),
    (HalfBody,    [Code(0), Code(1), Signal(11), Signal(9), Unready, CUT,    BODY,   BODY,   VERSION, BODY,     TYPE,   Unready, Serves]),
    (AfterHello,  [Code(0), Code(1), Signal(11), Signal(9), Silent,  HungUp, LENGTH, LENGTH, SECOND,  SECOND,   TYPE,   Silent,  Serves]),
    (BeforeReady, [Code(0), Code(1), Signal(11), Signal(9), Unready, HungUp, LENGTH, LENGTH, VERSION, Serves,   TYPE,   Unready, Serves]),
    (AfterAccept, [Code(0), Code(1), Signal(11), Signal(9), Silent,  HungUp, LENGTH, LENGTH, SECOND,  ACCEPT,   TYPE,   Silent,  Serves]),
    (MidStream,   [Code(0), Code(1), Signal(11), Signal(9), Silent,  HungUp, LENGTH, LENGTH, SECOND,  Serves,   TYPE,   Silent,  Serves]),
    (AfterResult, [Code(0), Code(1), Signal(11), Signal(9), Silent,  HungUp, LENGTH, LENGTH, SECOND,  NO_JOB,   TYPE,   Silent,  Serves]),
    (DuringClose, [Clean,   Code(1), Signal(11), Signal(9), Stays,   HungUp, LENGTH, LENGTH, SECOND,  AGAIN,    TYPE,   Stays,   Clean ]),
];

impl Cell {
    /// How its worker must end.
    pub(crate) fn end(self) -> End {
        let row = ENDS.iter().find(|(point, _)| *point == self.point);
        let column = Fault::ALL.iter().position(|fault| *fault == self.fault);
        let (_, ends) = row.expect("there is a row for each point");
        ends[column.expect("there is a column for each fault")]
    }

    /// How many jobs its worker is given until it commits its fault.
    pub(crate) fn jobs(self) -> u64 {
        match self.point {
            BeforeHello | HalfHeader | HalfBody | AfterHello | BeforeReady => 0,
            AfterAccept | MidStream | AfterResult => 1,
            DuringClose => JOBS_PER_WORKER,
        }
    }

    /// Whether no limit of time has to run out before its worker is gone.
    pub(crate) fn is_quick(self) -> bool {
        !matches!(self.end(), Unready | Silent | Stays | HungUp | CUT)
    }

    /// Whether the host must take its worker for ready before it ends. The duplicate of a first
    /// response is seen when that has been taken.
    pub(crate) fn gets_ready(self) -> bool {
        let first_is_good = self.point == BeforeHello && self.fault == Fault::Duplicate;
        first_is_good || self.end() == Serves || self.point == AfterHello || self.jobs() > 0
    }

    /// What must be read of the output of its worker's job, and whether the job must end well: it has
    /// begun, and is lost with its worker unless it was finished before.
    pub(crate) fn output(self) -> (&'static str, bool) {
        match (self.point, self.end()) {
            (AfterAccept, end) if end != Serves => ("", false),
            (MidStream, end) if end != Serves => ("one ", false),
            (MidStream, _) if self.fault == Fault::Duplicate => ("one one two ", true),
            _ => (GOOD_OUTPUT, true),
        }
    }

    /// How long it may prepare itself.
    fn may_prepare(self) -> Duration {
        match self.point {
            // It has not asked for more yet.
            BeforeHello => INITIALIZE,
            _ => INITIALIZE + EXTRA,
        }
    }

    /// Whether this is the reason for the end that it must have.
    pub(crate) fn is_reason(self, reason: &ExitReason) -> bool {
        match (self.end(), reason) {
            (Code(wanted), ExitReason::Code { code }) => *code == wanted,
            (Signal(wanted), ExitReason::Signal { signal, .. }) => *signal == wanted,
            (Unready, ExitReason::InitializeTimeout { phase, after }) => {
                (*phase, *after) == (InitializePhase::Handshake, self.may_prepare())
            }
            (Silent, ExitReason::PingTimeout { silent_for, .. }) => *silent_for >= PING,
            (Stays, ExitReason::CloseTimeout { after }) => *after == CLOSE,
            (Breaks(wanted), ExitReason::ProtocolViolation { requirement, .. }) => {
                *requirement == wanted
            }
            (HungUp, ExitReason::Disconnected) | (Clean | Serves, ExitReason::Clean) => true,
            _ => false,
        }
    }
}

/// The output of a good job.
pub(crate) const GOOD_OUTPUT: &str = "one two ";
