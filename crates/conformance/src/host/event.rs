//! What can happen on a stage, as its tasks tell it.

use bytes::Bytes;
use tokio::net::UnixStream;

use super::body::{Introduction, Output};

/// One thing that has happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The host has started a worker. Workers are numbered in this order, from 0.
    Arrived(Box<Arrival>),
    /// The host has sent bytes to a worker.
    Bytes(usize, Bytes),
    /// The connection to a worker has ended. With how it ended, in words.
    Disconnected(usize, String),
    /// A worker's process has done what it was ordered.
    Obeyed(usize),
    /// A worker's process has ended.
    Died(usize),
    /// The host has written a line.
    Line(Line),
    /// The host will write no more lines there.
    Silence(Output),
}

/// A worker's process that has introduced itself.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) introduction: Introduction,
    pub(super) pid: Option<i32>,
    /// Its standard input.
    pub(super) socket: UnixStream,
    /// To order it about.
    pub(super) body: UnixStream,
}

/// A line of the host, or the beginning of one.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) from: Output,
    pub(super) text: String,
    /// How long it was, in bytes.
    pub(super) length: usize,
}
