//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Makes thumbnails of pictures (.jpg, .jpeg, .png) in worker processes.
///
/// Folders are searched with everything below them. A picture that cannot be used is listed with
/// the reason. If it crashes its worker or never ends, no other picture is affected.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Folders to search, and pictures
    #[arg(required = true, value_name = "FOLDER OR PICTURE")]
    pub(crate) pictures: Vec<PathBuf>,

    /// Where the thumbnails go; made if it is missing, older thumbnails are replaced
    #[arg(long, value_name = "FOLDER", default_value = "thumbnails")]
    pub(crate) out: PathBuf,

    /// The longer side of a thumbnail, in pixels; smaller pictures keep their size
    #[arg(long, value_name = "PIXELS", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) size: u32,

    /// How many workers there are, each with one picture at a time [default: one per processor]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// How long one picture may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) deadline: Duration,

    /// How much memory a worker may use, in MiB; one that uses more is killed
    #[arg(long, value_name = "MIB", default_value_t = 512,
          value_parser = clap::value_parser!(u64).range(32..=1_048_576))]
    memory_limit: u64,
}

const AFTER_HELP: &str = "\
Ctrl-C once lets the pictures in work be finished and shows the result; twice stops at once.

Exit code: 0 all thumbnails were made, 1 some were not, 2 the options cannot be used, 130 Ctrl-C";

impl Options {
    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            Some(workers) => workers.into(),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// In bytes.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.memory_limit << 20
    }
}

/// From 0.1 seconds to a day, as `5`, `0.5` or `5s`.
fn seconds(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected seconds from 0.1 to 86400, for example 5 or 0.5";
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds: f64 = number.parse().map_err(|_| EXPECTED)?;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err(EXPECTED.into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn seconds_are_a_number_with_or_without_their_unit() {
        assert_eq!(seconds("5"), Ok(Duration::from_secs(5)));
        assert_eq!(seconds("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "s", "0", "-1", "NaN", "inf", "86401", "5m"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
