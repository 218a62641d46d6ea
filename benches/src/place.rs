//! Where a measurement runs: on which processors, and within how many descriptors.

use std::panic::resume_unwind;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Descriptors that a host has open besides those of its workers, generously.
const OTHERS: u64 = 40;
/// A worker's socket, its process descriptor and its two output pipes.
const EACH: u64 = 4;

/// Which of the processors that this program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cpus {
    /// The first: everything that is measured shares it.
    One,
    /// The first two.
    Two,
    /// All of them.
    All,
}

impl Cpus {
    /// Why it cannot be had here.
    pub(crate) fn impossible(self) -> Option<String> {
        match allowed().map(|allowed| allowed.len()) {
            Ok(count) if self == Self::Two && count < 2 => {
                Some(format!("needs two CPUs, and this program may use {count}"))
            }
            Err(error) if self != Self::All => Some(format!("the CPUs are not known: {error}")),
            _ => None,
        }
    }

    /// Does something, and has all that is started by it kept to them.
    pub(crate) fn keep_to<T: Send>(self, work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
        // What a thread starts inherits its processors, and this thread ends.
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                self.take()?;
                work()
            });
            worker.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Keeps this thread, and all that it will start, to them.
    pub(crate) fn take(self) -> Outcome {
        let count = match self {
            Self::One => 1,
            Self::Two => 2,
            Self::All => return Ok(()),
        };
        let mut some = CpuSet::new();
        for cpu in allowed()?.into_iter().take(count) {
            some.set(cpu);
        }
        Ok(sched_setaffinity(None, &some)?)
    }
}

/// The processors that this program may use.
pub(crate) fn allowed() -> Outcome<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .collect())
}

/// Why something cannot be measured here, in words.
#[derive(Debug)]
pub(crate) struct Impossible(String);

impl std::fmt::Display for Impossible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Impossible {}

/// How many of so many workers this process has descriptors for, once it has raised its limit as far
/// as it may; in words too if that is fewer.
pub(crate) fn affordable(wanted: usize) -> Outcome<(usize, Option<String>)> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let Some(most) = limit.maximum else {
        return Ok((wanted, None));
    };
    let possible = usize::try_from(most.saturating_sub(OTHERS) / EACH)?;
    if possible >= wanted {
        return Ok((wanted, None));
    }
    if possible == 0 {
        return Err(Impossible(format!(
            "at most {most} descriptors (ulimit -Hn) are too few for one worker"
        ))
        .into());
    }
    let words = format!(
        "with {possible} instead of {wanted}, since at most {most} descriptors are allowed (ulimit -Hn)"
    );
    Ok((possible, Some(words)))
}
