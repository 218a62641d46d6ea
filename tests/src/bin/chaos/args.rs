//! The command line.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str =
    "usage: chaos [--seconds N | --minutes N] [--seed S] [--only pool|units|map]...
  --seconds N  how long trouble lasts, from 1 to 1000000 [default: 60]
  --minutes N  the same in minutes
  --seed S     a number; the same one makes the same plan [default: another each time]
  --only PART  leave the other parts out; may be given several times";

const DEFAULT: Duration = Duration::from_secs(60);
const MOST: u64 = 1_000_000;

/// What is put under pressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Pool,
    Units,
    Map,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Pool, Self::Units, Self::Map];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Units => "units",
            Self::Map => "map",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let part = Self::ALL.into_iter().find(|part| part.name() == name);
        part.ok_or_else(|| format!("there is no part {name:?}: give pool, units or map"))
    }
}

pub(crate) enum Mode {
    Judge(Options),
    Stage(Stage),
}

pub(crate) struct Options {
    pub(crate) lasts: Duration,
    pub(crate) seed: u64,
    pub(crate) parts: BTreeSet<Part>,
}

/// The judge's own words to its child: `chaos stage <seed> <directory> <part>...`.
pub(crate) struct Stage {
    pub(crate) seed: u64,
    pub(crate) directory: PathBuf,
    pub(crate) parts: BTreeSet<Part>,
}

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Mode, String> {
    let mut rest = arguments.peekable();
    if rest.next_if_eq("stage").is_some() {
        return stage(rest).map(Mode::Stage);
    }
    let (mut lasts, mut seed, mut parts) = (None, None, BTreeSet::new());
    while let Some(option) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{option} needs a value"));
        match option.as_str() {
            "--seconds" | "--minutes" if lasts.is_some() => {
                return Err("give --seconds or --minutes, and only once".into());
            }
            "--seconds" => lasts = Some(seconds(&option, &value()?, 1)?),
            "--minutes" => lasts = Some(seconds(&option, &value()?, 60)?),
            "--seed" => seed = Some(number(&option, &value()?)?),
            "--only" => drop(parts.insert(Part::parse(&value()?)?)),
            _ => return Err(format!("unknown argument {option:?}")),
        }
    }
    Ok(Mode::Judge(Options {
        lasts: lasts.unwrap_or(DEFAULT),
        seed: seed.unwrap_or_else(any_seed),
        parts: if parts.is_empty() {
            Part::ALL.into()
        } else {
            parts
        },
    }))
}

fn stage(mut rest: impl Iterator<Item = String>) -> Result<Stage, String> {
    let seed = rest.next().ok_or("stage needs a seed")?;
    Ok(Stage {
        seed: number("stage", &seed)?,
        directory: rest.next().ok_or("stage needs a directory")?.into(),
        parts: rest
            .map(|part| Part::parse(&part))
            .collect::<Result<_, _>>()?,
    })
}

fn seconds(option: &str, text: &str, each: u64) -> Result<Duration, String> {
    let number = number(option, text)?;
    let seconds = number
        .checked_mul(each)
        .filter(|all| (1..=MOST).contains(all));
    let seconds = seconds.ok_or_else(|| {
        let most = MOST / each;
        format!("{option} must be from 1 to {most}, it is {number}")
    })?;
    Ok(Duration::from_secs(seconds))
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    let bad = |_| format!("{option} needs a whole number, not {text:?}");
    text.parse().map_err(bad)
}

/// Short enough to be typed again.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(line: &str) -> Result<Options, String> {
        match parse(line.split_whitespace().map(str::to_owned))? {
            Mode::Judge(options) => Ok(options),
            Mode::Stage(_) => Err("a stage".into()),
        }
    }

    #[test]
    fn a_run_lasts_a_minute_and_has_all_parts_unless_told_otherwise() {
        let options = judge("").expect("it is enough");
        assert_eq!(options.lasts, DEFAULT);
        assert_eq!(options.parts, Part::ALL.into());
        let options = judge("--minutes 3 --seed 7 --only map --only pool").expect("it is right");
        assert_eq!(options.lasts, Duration::from_secs(180));
        assert_eq!(options.seed, 7);
        assert_eq!(options.parts, [Part::Pool, Part::Map].into());
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for line in [
            "--hours 1",
            "--seconds",
            "--seconds 0",
            "--seconds -1",
            "--minutes 99999999999999999999",
            "--minutes 999999999999",
            "--seconds 1 --minutes 1",
            "--seed x",
            "--only processes",
            "pool",
            "stage",
        ] {
            assert!(judge(line).is_err(), "{line}");
        }
    }
}
