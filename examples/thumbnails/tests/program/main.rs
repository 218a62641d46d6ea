//! The program as its users see it: real pictures, real workers, real signals.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod bad_input;
mod hostile;
mod interrupt;
mod placement;
mod run;
