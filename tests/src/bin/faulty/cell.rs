//! The points and the faults of the matrix: for the program that misbehaves, and for the test that
//! says what must come of it.

use std::fmt;

/// Where in its life a worker commits its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// It has read `InitializeRequest` and written nothing.
    BeforeHello,
    /// It has written three of the four bytes of its `InitializeResponse`'s length.
    HalfHeader,
    /// It has written its `InitializeResponse` as far as the length of its name.
    HalfBody,
    /// It has written `InitializeResponse`, which is what makes it ready.
    AfterHello,
    /// It prepares itself: it has asked for more time, and not answered the request yet.
    BeforeReady,
    /// It has written `JobAccepted`.
    AfterAccept,
    /// It has written the first of two pieces of output.
    MidStream,
    /// It has written `JobFinished`.
    AfterResult,
    /// It has written `ShuttingDown`, and not `Exiting`.
    DuringClose,
}

/// What it does there. After a fault that leaves it alive and connected it goes on as if nothing had
/// happened, so that whatever its host takes for good after that is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its process ends with 0.
    Exit0,
    /// Its process ends with 1.
    Exit1,
    /// It sends itself SIGSEGV.
    Segv,
    /// It sends itself SIGKILL.
    Kill,
    /// It sends itself SIGSTOP.
    Stop,
    /// It closes its socket, and lives on.
    HangUp,
    /// It writes text.
    Garbage,
    /// It writes a length that no frame has; within a body, that no text has.
    HugeLength,
    /// It writes an `InitializeResponse` with a version that the host has not offered. No other
    /// message says a version: later than in the handshake it is a second response.
    WrongVersion,
    /// It writes again what it has written last, be it half a message. Before it has written
    /// anything, this is its first message, `InitializeResponse`.
    Duplicate,
    /// It writes a frame of a type that nobody knows.
    UnknownType,
    /// It neither reads nor writes any more, with its socket open.
    StopReading,
    /// It writes a frame of a type that nobody knows and everybody may pass over.
    SkippedType,
}

/// One cell of the matrix. Its name is that of its point and that of its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) point: Point,
    pub(crate) fault: Fault,
}

impl Point {
    /// The rows of the matrix.
    pub(crate) const ALL: [Self; 9] = [
        Self::BeforeHello,
        Self::HalfHeader,
        Self::HalfBody,
        Self::AfterHello,
        Self::BeforeReady,
        Self::AfterAccept,
        Self::MidStream,
        Self::AfterResult,
        Self::DuringClose,
    ];
}

impl Fault {
    /// The columns of the matrix, and one for what must do no harm.
    pub(crate) const ALL: [Self; 13] = [
        Self::Exit0,
        Self::Exit1,
        Self::Segv,
        Self::Kill,
        Self::Stop,
        Self::HangUp,
        Self::Garbage,
        Self::HugeLength,
        Self::WrongVersion,
        Self::Duplicate,
        Self::UnknownType,
        Self::StopReading,
        Self::SkippedType,
    ];
}

impl Cell {
    /// The whole matrix.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let row = |point| Fault::ALL.map(|fault| Self { point, fault });
        Point::ALL.into_iter().flat_map(row)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeHello => "before hello",
            Self::HalfHeader => "half a header",
            Self::HalfBody => "half a body",
            Self::AfterHello => "after hello",
            Self::BeforeReady => "before ready",
            Self::AfterAccept => "after accept",
            Self::MidStream => "mid-stream",
            Self::AfterResult => "after the result",
            Self::DuringClose => "during close",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exit0 => "exit 0",
            Self::Exit1 => "exit 1",
            Self::Segv => "SIGSEGV",
            Self::Kill => "SIGKILL",
            Self::Stop => "SIGSTOP",
            Self::HangUp => "close the socket only",
            Self::Garbage => "garbage",
            Self::HugeLength => "huge length",
            Self::WrongVersion => "wrong version",
            Self::Duplicate => "duplicate",
            Self::UnknownType => "unknown type",
            Self::StopReading => "stop reading",
            Self::SkippedType => "unknown type to be skipped",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.point, self.fault)
    }
}
