//! `greenroom conformance` as its users run it: the real program, real processes under test, real
//! signals. What the kit finds in programs is promised and tested in its own crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod endings;
mod help;
mod judging;
mod known_failures;
mod listing;
mod program;
mod refusals;
mod reports;
