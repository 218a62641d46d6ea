//! A host that lives through chaos, and a judge that counts afterwards what it has lost.
//!
//! `chaos [--seconds N | --minutes N] [--seed S] [--only pool|units|map]...`
//!
//! # Theory of operation
//!
//! ```text
//!   judge ── commands ──► stage: Pool + Supervisor in one process     (a child of the judge)
//!     │  ◄── tallies ──     └─ workers, daemons, their children
//!     ├──── kills, stops, limits: from outside, by process number
//!     └──── greenroom map --resume, again and again, killed as well
//! ```
//!
//! The **stage** is an ordinary host: it launches all kinds of jobs, keeps units of all kinds, and
//! writes down what it was promised and what came ([`ledger`]). The **judge** knows nothing of the
//! library. It looks at the stage as the system does, and does to it what systems do: it kills and
//! stops processes, takes descriptors, processes, memory and disk away, and freezes the whole host.
//! What is done and in which order is a [`plan`] drawn from a seed: the same seed is the same plan.
//! When things happen to the processes is up to the machine.
//!
//! A run is cut into rounds. After each the stage must become whole again: every job has exactly one
//! end, and the right one; every place of the pools is filled, every unit ready; descriptors,
//! threads, children and memory are as they were after the first round, which is there to warm up
//! and holds each kind of trouble once. At the very end the stage is killed, and nobody may be left.
//!
//! `map` is the real program. Its journal and its output are read as a user would.
//!
//! The wall clock is not made to jump: no program may do that to the machine it runs on. What stands
//! for a jump of the clock that matters, the monotonic one, is a host that is frozen for longer than
//! its ping timeout.

mod args;
mod dice;
mod host;
mod ledger;
mod limits;
mod map;
mod plan;
mod processes;
mod run;
mod stage;
mod state;
mod trouble;
mod verdict;

use std::process::ExitCode;

use args::Mode;

/// As `sysexits` calls a command line that cannot be used.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Mode::Judge(options)) => run::run(&options),
        Ok(Mode::Stage(stage)) => stage::play(stage),
        Err(problem) => {
            eprintln!("chaos: {problem}\n{}", args::USAGE);
            ExitCode::from(USAGE)
        }
    }
}
