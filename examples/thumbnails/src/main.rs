//! Makes thumbnails of folders of pictures. A picture that crashes, hangs or floods its decoder
//! costs one worker process, and the other pictures do not notice.
//!
//! # Theory of operation
//!
//! One program plays both parts. Started by a person it is the **host**: it finds the pictures
//! ([`find`]), decides where each thumbnail goes ([`place`]), keeps worker processes warm and gives
//! them one job per picture ([`host`]), and writes what they send back. Started by itself, it
//! is a **worker**: it gets a picture's path and answers with a
//! thumbnail as JPEG bytes ([`shrink`]). Only workers ever look inside a picture, and they write
//! nothing: whatever a file does to its decoder, the host and the folders are out of reach.

mod find;
mod host;
mod jpeg;
mod options;
mod place;
mod progress;
mod shrink;
mod summary;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::options::Options;
use crate::place::Placement;
use crate::text::one_line;

const SOME_FAILED: u8 = 1;
const BAD_USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    if worker::started_by_host() {
        return worker::run_blocking(|job| shrink::job(&job));
    }
    let options = Options::parse();
    match make_thumbnails(&options) {
        Ok(code) => code,
        Err(problem) => {
            say(&format!("error: {problem}"));
            ExitCode::from(problem.code())
        }
    }
}

/// Why no thumbnail was made at all.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Folders(#[from] find::Unusable),
    #[error(transparent)]
    Output(#[from] place::Unusable),
    #[error("no workers: {}", one_line(&.0.to_string()))]
    Workers(#[from] host::NoWorkers),
    #[error("the result cannot be written: {0}")]
    Result(io::Error),
}

impl Problem {
    fn code(&self) -> u8 {
        match self {
            Self::Folders(_) | Self::Output(_) => BAD_USAGE,
            Self::Workers(_) | Self::Result(_) => SOME_FAILED,
        }
    }
}

fn make_thumbnails(options: &Options) -> Result<ExitCode, Problem> {
    place::check(&options.out, &options.pictures)?;
    let found = find::pictures(&options.pictures, &options.out)?;
    for unreadable in &found.unreadable {
        say(&format!("warning: {unreadable}"));
    }
    for skipped in &found.skipped {
        say(&format!("note: {skipped}"));
    }
    place::prepare(&options.out)?;
    let placements = Placement::of_all(found.pictures, &options.out);

    let Some(summary) = host::run(options, placements)? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    match summary.print(&found.unreadable, &options.out) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed.map_err(Problem::Result)?,
    }
    Ok(if summary.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if summary.failed.is_empty() && found.unreadable.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_FAILED)
    })
}

/// For a person. Standard error may be closed: then nobody listens.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
