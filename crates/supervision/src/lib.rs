//! What Greenroom decides, without doing any of it.
//!
//! # Theory of operation
//!
//! Two state machines hold every decision. [`Worker`] lives one worker's life, from the order to
//! spawn it to its exit report; [`Pool`] plans many: how many to keep warm, who gets which job,
//! when to try again after a failure. Neither reads a clock, opens a socket or starts a process.
//! A driver does that, and both machines have the same contract with it:
//!
//! * `handle_*` tells a machine a **fact**: a message came, the process exited, time has passed.
//! * Other methods with `&mut self` are **commands** of the user: launch, cancel, close, kill.
//! * [`poll_action`](Worker::poll_action) says **what to do**. Call it until it returns `None`
//!   after each fact and each command, and carry the actions out in their order.
//! * [`poll_timeout`](Worker::poll_timeout) says **when to wake**. Ask after the actions; at that
//!   time, or at any later one, call `handle_timeout`.
//!
//! `now` is an argument everywhere and never goes back. Calls that have nothing to do do nothing:
//! a timeout that fires early, a command to a worker that is already gone, a fact that comes
//! twice. So a driver never has to know the machine's state to be correct.
//!
//! Two duties rest on the driver. Before it calls `handle_timeout` it reads what the worker's
//! socket already holds: an answer that has arrived must count. And before it calls
//! [`handle_exit`](Worker::handle_exit) it reads the socket to its end, within a bound: a result
//! that was written before death is a result.
//!
//! # A host that was frozen
//!
//! A host can be stopped, suspended or starved, and no worker is to blame for it. A worker's machine
//! compares `now` with the time at which it wanted to be woken, which is never more than a ping
//! interval ahead while the worker lives. If it is late by more than
//! [`STALL_TOLERANCE`](worker::STALL_TOLERANCE), that is added to every deadline of the worker, and
//! a deadline that would kill leaves one more ping interval to answer; but each deadline only once,
//! or a host that is always late could end nobody.
//!
//! # A worker's life
//!
//! ```text
//!                     spawned               response: ready
//!   Starting ───────────────► Initializing ────────────────► Ready
//!      │                           │                           │ close · retire · disconnect
//!      │ close · kill              │ timeout · violation       ▼
//!      │                           │                        Closing ── timeout ──┐
//!      │                           ▼                           │                 ▼
//!      └─────────────────────► Killing ◄───────────────────────┼───── violation, limits
//!                                  │ exit                      │ exit
//!                                  └────────► Exited ◄─────────┘
//! ```
//!
//! Whoever kills writes the reason first, so that an exit report never has to guess. The whole
//! table of states and events is a snapshot in `tests/`.
#![forbid(unsafe_code)]

pub mod exit;
pub mod job;
pub mod pool;
mod text;
mod time;
pub mod worker;

pub use exit::{ExitReason, ExitReport, ExitStatus, SpawnFailure};
pub use job::{JobOutcome, JobRequest, JobUpdate};
pub use pool::{Pool, PoolPolicy, WorkerId};
pub use text::harmless;
pub use time::Time;
pub use worker::{Worker, WorkerPolicy};
