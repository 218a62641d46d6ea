//! Warm worker processes for hosts that must not be hurt by what they run.
//!
//! # Theory of operation
//!
//! A **worker** is another program, or the same one started again, that links the `worker` crate.
//! A [`Pool`] keeps some of them started and prepared. [`Pool::launch`] hands a job to one that is
//! ready, within microseconds, and gives back a [`JobHandle`]. A worker that hangs, leaks, crashes,
//! forks, floods or lies costs its own job and nothing else.
//!
//! ```text
//!   your code ── Pool ──► task of the pool ──► task of worker 0.0 ──socketpair──► process
//!                  ▲        decides by           decides by                        stdin
//!                  │        supervision::Pool    supervision::Worker
//!              JobHandle ◄───────────────────────┘
//! ```
//!
//! **Policy is pure.** What to do is decided in `greenroom-supervision`, which has no clock and no
//! IO. This crate **drives** it: one task per worker turns sockets, process descriptors and timers
//! into facts, and the machine's actions into system calls. One task per pool plans. No lock is
//! held across an await and no thread belongs to a worker: one thread starts processes, and one
//! measures process groups when somebody asks, for the whole host.
//!
//! **A worker's stdin is its control socket.** That keeps the start on the fast path of
//! `posix_spawn`, whose cost does not grow with the host's memory. stdout and stderr are free for
//! whatever the worker prints: lines become `tracing` events with the target `greenroom::worker`,
//! and the last ones go into the [`CrashReport`].
//!
//! A subscriber of yours runs in these tasks, and a panic of it ends what the task looks after.
//! `tracing_subscriber::fmt` panics when a line can be written neither to its target nor to standard
//! error, as when both are files on a full disk: give it `.log_internal_errors(false)`.
//!
//! **Nothing outlives its owner.** Each worker leads a process group. Whatever ends it, the group
//! is killed while the leader is still a zombie, so its number cannot have become somebody else's,
//! and only then is it reaped. If the host itself is killed, each worker notices by its socket and
//! ends its group. A daemon notices nothing: a small process, the guard, does it for all daemons.
//!
//! **What goes wrong again and again is noticed.** Jobs that several workers have died of are told by
//! their [key](Job::key) and [refused](PoolBuilder::quarantine). A program that was replaced on disk
//! under a running pool is [noticed](PoolBuilder::on_changed_build) by the build that its workers
//! name.
//!
//! # Units
//!
//! A [`Supervisor`] looks after **units**: a [`Daemon`] is a process of any program, a [`Task`] an
//! async function of this process, and a [`PoolBuilder`] a pool. What starts when, what is restarted
//! and what stops first is decided by one machine, `supervision::Supervisor`.
//!
//! ```text
//!   your code ── Supervisor ──► task of the supervisor ──► task of a run ──► process, future, pool
//!                    ▲            decides by          ◄──   owns it
//!                    │            supervision::Supervisor   facts: spawned, ready, probed, ended
//!                  events, output
//! ```
//!
//! Each **run** of a unit, from the order to start it until nothing of it is left, is a task of its
//! own. It owns the process with its pipes and its notification socket, so that a unit that floods or
//! hangs keeps nobody else waiting. It knows no policy: it takes orders, such as "SIGTERM now" or
//! "probe now", and tells facts. The supervisor's task waits for no run. When it wakes up late, because
//! this process did not run for a while, it has every run read what is there before it looks at the
//! clock: silence that was the host's own is held against nobody.
//!
//! A run is over when its process was reaped, its group is extinct and what had left the group was
//! found by its mark and killed. Only then is the unit's next run begun.

mod call;
mod channel;
mod clock;
mod command;
mod driver;
mod event;
mod job;
mod logs;
mod notify;
mod os;
mod pool;
mod probe;
mod process;
mod report;
pub mod supervisor;
pub mod unit;
mod worker;

pub use self::worker::{Worker, WorkerError};
pub use bytes::Bytes;
pub use call::{Call, CallFuture, CallHandler};
pub use command::{Command, CommandError};
pub use event::{Event, EventKind, Events};
pub use greenroom_protocol::{FailureKind, Limits};
pub use greenroom_supervision::exit::InitializePhase;
pub use greenroom_supervision::pool::{Due, OnChangedBuild, PoolNotice, Quarantined, Refusal};
pub use greenroom_supervision::worker::{LaunchRefused, Notice, State};
pub use greenroom_supervision::{
    ExitReason, ExitReport, ExitStatus, PolicyError, SpawnFailure, WorkerId, WorkerPolicy, harmless,
};
pub use job::{Job, JobError, JobHandle, LaunchError};
pub use os::init;
pub use pool::{Pool, PoolBuilder, ReloadError, Reservation, StartError, Stats};
pub use probe::{AddressProblem, Probe, ProbeError, ProbeFailure};
pub use process::{ConfigError, Process, ProcessError};
pub use report::CrashReport;
pub use supervisor::Supervisor;
pub use unit::{Daemon, Task, Unit};

/// The README's examples are compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
