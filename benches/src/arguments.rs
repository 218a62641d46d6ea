//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::place;

/// Measures every number that Greenroom claims, beside raw baselines and peers in the same run.
///
/// Prints each suite's table as it is done, and writes report.md, figures.json and a plot for each
/// table. Exits with 0 if everything asked for was measured, or skipped with a reason.
#[derive(Debug, Parser)]
#[command(name = "greenroom-benches")]
pub(crate) struct Arguments {
    /// Suites to run; all if none is named.
    #[arg(value_name = "NAME")]
    pub(crate) suites: Vec<String>,
    /// Say what there is to measure, and end.
    #[arg(long)]
    pub(crate) list: bool,
    /// Measure as little as shows that it works; the figures mean little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often each contender has its turn; medians are compared. Default: 5, or 1 if --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: Option<u16>,
    /// Leave out the libraries that Greenroom is compared with.
    #[arg(long)]
    pub(crate) no_peers: bool,
    /// The program that runs a peer.
    #[arg(long, value_name = "PROGRAM", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run"), hide_default_value = true)]
    pub(crate) peers: PathBuf,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/promises")]
    pub(crate) out: PathBuf,
    /// Rewrite the last column of the table of promises in this file, for each that was measured.
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    pub(crate) update: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn rounds(&self) -> usize {
        let default = if self.quick { 1 } else { 5 };
        self.rounds.unwrap_or(default).into()
    }
}

/// What a reader of the figures must know of this run.
pub(crate) fn circumstances(arguments: &Arguments) -> String {
    let names = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = names
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name.map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':']));
    let cpus =
        place::allowed().map_or_else(|error| error.to_string(), |cpus| cpus.len().to_string());
    let build = if cfg!(debug_assertions) {
        "; a debug build, whose figures say nothing: use --profile bench"
    } else {
        ""
    };
    let rounds = match arguments.rounds() {
        1 => "a single round".to_owned(),
        rounds => format!("medians of {rounds} rounds in turn"),
    };
    let quick = if arguments.quick {
        "; --quick, so they mean little"
    } else {
        ""
    };
    format!(
        "{}; {name}, CPUs: {cpus}; Linux {}; {rounds}{quick}{build}",
        today(),
        rustix::system::uname().release().to_string_lossy(),
    )
}

pub(crate) fn today() -> String {
    jiff::Timestamp::now().strftime("%F").to_string()
}
