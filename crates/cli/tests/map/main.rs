//! `greenroom map` as its users run it: the real program, real workers, real signals.
//!
//! Nothing here sleeps to wait for something. A job that is to be under way waits at a `gate`, a
//! FIFO: opening it succeeds when the job is there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod endings;
mod help;
mod journal;
mod program;
mod results;
mod stopping;
mod streams;
mod workers;
