//! What Greenroom decides, without doing any of it.
//!
//! # Theory of operation
//!
//! Three state machines hold every decision. [`Worker`] lives one worker's life, from the order to
//! spawn it to its exit report; [`Pool`] plans many: how many to keep warm, who gets which job,
//! when to try again after a failure. [`Supervisor`] plans units of every kind (daemons, tasks,
//! pools): who starts after whom, who is started again, who stops first. None reads a clock, opens
//! a socket or starts a process. A driver does that, and all have the same contract with it:
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
//! Two duties rest on the driver. Before it calls `handle_timeout` it reads what a worker's socket,
//! or a unit's pipes, already hold: an answer that has arrived must count. And before it calls
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
//! or a host that is always late could end nobody. A supervisor does the same for its units. It looks
//! at the clock every 2.5 s while a deadline is pending that would be unjust, and sleeps otherwise:
//! units that are ready and not watched cost nothing.
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
//!
//! # A unit's life
//!
//! ```text
//!               conditions hold      spawned         it is ready
//!   ┌► Waiting ────────────────► Starting ───────► Started ───────► Ready
//!   │     ▲                         │                 │               │
//!   │     │ delay is over           │ timeout · stop  │ timeout ·     │ stop · check ·
//!   │     │ and the group is gone   │                 │ silence · …   │ watchdog · …
//!   │     │                         ▼                 ▼               ▼
//!   │  Backoff ◄──────┐         Stopping: down its ladder, at last a kill
//!   │                 │             │
//!   │ start           │ restart     │ it is gone      (any running state ends by itself, too)
//!   │                 │             ▼
//!   └── Stopped ◄── stop ── what its policy says ── no restart ──► Completed · Failed
//! ```
//!
//! * **A slot is filled again only when it is empty**: a unit never starts while an earlier run of it
//!   may still live. Only a task, which nothing can kill, is let go of.
//! * **Restarts are bounded** by a window that only time and a person empty (see [`restart`]): in any
//!   window there are at most `max_restarts + 1` automatic starts, whatever the unit does. For members
//!   of a group that restarts together, the group's window says so of each of them. A retry after a
//!   give-up, which comes no sooner than a window later, empties the counts of its own unit only.
//! * **Reasons are written first** here as well. A run that was told to end is a success for its
//!   restart policy whatever its status; one that broke a limit has failed whatever its status, even
//!   if it had to be abandoned. While a unit waits for its turn to end, only its memory limit acts.
//! * **A shutdown is bounded** by its timeout and the time of a kill. A unit's ladder begins when all
//!   that start after it are gone, or when it just fits before the deadline; but not in the first
//!   half of the timeout, so that a long ladder does not undo the order.
//! * **Significant units are not lost in silence**: everything ends when one is not started again,
//!   when a group that is given up for good takes one with it, and when one can never start because
//!   what it waits for has failed for good. What a person stops ends nothing.
//!
//! What is decided where users of other supervisors may expect otherwise: a unit that ends with code 0
//! before it was ready has completed. Code 0 may be named as fatal. `stop_unit` stops one unit and
//! leaves those that start after it running; `start_unit` starts one and leaves what it needs alone.
//! A retry after a give-up also brings back the members of its group that were stopped because of it,
//! each as soon as its own window has room; so does a person who starts it before that.
//! A unit whose end is ordered can no longer be leant on, even if it is still ready.
#![forbid(unsafe_code)]

mod allowance;
pub mod backoff;
mod deadline;
pub mod exit;
pub mod job;
mod memory;
mod policy_error;
pub mod pool;
pub mod restart;
pub mod stop;
pub mod supervisor;
mod text;
mod time;
pub mod unit;
pub mod worker;

pub use backoff::Backoff;
pub use exit::{ExitReason, ExitReport, ExitStatus, SpawnFailure};
pub use job::{JobOutcome, JobRequest, JobUpdate};
pub use policy_error::PolicyError;
pub use pool::{Pool, PoolPolicy, WorkerId};
pub use supervisor::Supervisor;
pub use text::harmless;
pub use time::Time;
pub use worker::{Worker, WorkerPolicy};
