//! Holds any program to the Greenroom protocol: `greenroom conformance` as a library.
//!
//! # Theory of operation
//!
//! A **case** tries one thing and cites the requirements of `proto-spec/README.md` that say what must
//! come of it. There are two catalogues: in [`worker`] the kit plays the host against a worker
//! program, in [`host`] it plays the workers of a host program. Each case has a process of its own and
//! is judged twice: by what the program did, and by how the connection and the process ended. Beside
//! what a case looks for, a referee checks each message of the program against the rules that hold
//! always, so that any case can find any violation.
//!
//! Every wait has a bound, and a wait that is over says which requirement it waited for. Cases run
//! side by side, and each kills the process group of its program before it ends.
//!
//! [`report`] shows the results; [`expected`] reads a file of failures that are known.
#![forbid(unsafe_code)]

mod case;
pub mod expected;
mod fields;
pub mod host;
pub mod report;
mod requirement;
mod run;
mod transcript;
mod words;
pub mod worker;

pub use case::{Case, CaseResult, Finding, Verdict};
pub use fields::explain;
pub use requirement::{Level, Requirement, Sides};
pub use run::Options;
pub use transcript::{Entry, Piece, Transcript, What};
