//! What a Greenroom worker links: a program that a host keeps warm and sends jobs to.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use worker::JobContext;
//! fn main() -> ExitCode {
//!     worker::run(async |job: JobContext| job.input().to_ascii_uppercase())
//! }
//! ```
//!
//! # Theory of operation
//!
//! ```text
//!  host ══ socketpair ══╗ (stdin, moved to a high descriptor; /dev/null in its place)
//!        ┌──────────────╫───────────────┐        ┌──────────────┐
//!        │ executor     ║               │        │ guard thread │
//!        │  ┌───────────╨──┐ JoinSet    │◄───────┤ polls socket │── host gone: 500 ms,
//!        │  │   session    │◄────────┐  │ gone   │ and SIGCONT  │   then SIGKILL to the group
//!        │  │ owns socket, │         │  │        └──────────────┘
//!        │  │ jobs, calls  ├──► handler │
//!        │  └──────▲───────┘    futures │        ┌──────────────────┐
//!        │         └── commands ──┴─────┼────────┤ blocking threads │
//!        └──────────────────────────────┘        └──────────────────┘
//! ```
//!
//! [`run`] first looks whether there is a host: the environment says so and standard input is a
//! socket. It moves the socket away from the children that the handler may start, starts the orphan
//! guard, and enters a runtime of one thread.
//!
//! One task, the session, owns the socket and all state, so nothing is locked. It always reads, even
//! while its own writes wait. Handlers are local tasks on the same thread; they reach the session
//! through a bounded channel, and what they send is bounded by the credit that the host has granted.
//! When a job arrives, its acceptance is written before the handler's first instruction: a job that
//! takes the process down is known to have started. A small job on a warm worker costs one wait, one
//! read and two writes.
//!
//! A pong is made where the handlers run: it proves that this thread turns. Its `lag_us` is the
//! longest that one poll of a handler has kept the thread since the pong before. Work that keeps the
//! thread belongs in [`JobContext::run_blocking`].
//!
//! A panic of a handler is its job's failure, with the message and the place. The panic hook of
//! the program is replaced by one that logs.
//!
//! When the host says so, the worker leaves: no job is taken any more, those that run are told and
//! have 60 % of the grace, callbacks run, then [`Handler::shutdown`], then the process ends. When
//! the host is gone, the same happens within 500 ms; after that the guard kills the process group,
//! whatever the handler is doing, so that neither this process nor its children are left over.
//!
//! `tracing` events and `log` records go to standard error as one JSON object a line, with `level`,
//! `target`, `message`, `fields`, `span` (the innermost one's name, if there is one) and
//! `elapsed_us` since [`run`]. A host reads them all the time; while it does not, whoever logs waits.
//! A program that has installed a subscriber of its own keeps it.
//!
//! # Exit codes
//!
//! | code | when |
//! |---|---|
//! | 0 | the host told the worker to leave |
//! | 1 | [`Handler::initialize`] failed, or no protocol version is common; the host knows why |
//! | 64 | started by hand: standard error says how to run it |
//! | 69 | the host was gone before the worker began |
//! | 70 | the host broke the protocol: the last log record says how |
//! | 71 | the system refused a descriptor, a thread or memory |
//!
//! A worker whose host has gone dies of SIGKILL, together with its process group, if it leads one.

mod blocking;
mod boot;
mod connection;
mod failure;
mod guard;
mod handler;
mod handshake;
mod job;
mod link;
mod logs;
mod panics;
mod perform;
mod run;
mod session;
mod signal;
mod start;
mod watched;

pub use blocking::run_blocking;
pub use boot::started_by_host;
pub use bytes::Bytes;
pub use failure::{Failure, Result};
pub use greenroom_protocol::{CancelReason, FailureKind, ShutdownReason};
pub use handler::{Handler, IntoOutput};
pub use job::{CallError, JobContext, OutputError};
pub use run::run;
pub use start::Start;
