//! Every number that Greenroom claims, measured beside what it costs at least and beside its peers.
//!
//! # Theory of operation
//!
//! ```text
//!   suites (data) ── for each row, in turn, several rounds ──► a process of its own
//!      │                                                       measures one contender
//!      ▼                                                          │ named figures
//!   table, plots, figures.json ◄── medians, ratios ◄──────────────┘
//!      │
//!      └── the registry of promises: target, figure, kept or missed
//! ```
//!
//! The program is its own worker, raw partner and measured host: each measurement runs in a process
//! of its own, so that none inherits the memory, the threads or the processors of another. Times on a
//! shared machine drift, so baseline and subject take turns and medians are compared: a ratio is
//! worth more than any time in it. Nothing here fails because something was slow.
//!
//! This library is what can be done without measuring: numbers, tables, plots and the registry. The
//! program is in `main.rs`.

pub mod numbers;
pub mod plot;
pub mod promise;
pub mod reading;
pub mod registry;
pub mod result;
pub mod rewrite;
pub mod table;
pub mod verdict;
