//! The one command that measures everything: `cargo run --profile bench -p greenroom-benches`.
//!
//! # Theory of operation
//!
//! Started by a person, it is the conductor: it chooses suites, starts itself again for each
//! measurement and reports. Started by itself it is something else: a measured host (`--measure`), a
//! raw partner of one (`--partner`), or a worker, which its environment tells. Those are told apart
//! before anything else is done, since the start of the program is itself measured.

mod arguments;
mod bounded;
mod conductor;
mod measure;
mod partner;
mod peers;
mod performer;
mod place;
mod suites;

use std::process::ExitCode;

use clap::Parser;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    if worker::started_by_host() {
        return performer::run();
    }
    let mut words = std::env::args().skip(1);
    let done = match (words.next().as_deref(), words.next()) {
        (Some(partner::OPTION), Some(part)) => partner::run(&part),
        (Some(measure::OPTION), Some(order)) => measure::run(&order),
        _ => return conductor::run(&arguments::Arguments::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
