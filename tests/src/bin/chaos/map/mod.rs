//! `greenroom map --resume`, killed and starved until it has come through.
//!
//! One round has one input and one journal. It is begun again and again, and each attempt is
//! disturbed in another way, the last one not at all. Then each job must have succeeded exactly
//! once: once in the journal, at most once on standard output, and nothing on standard output that
//! the journal does not have.

mod attempt;
mod books;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::dice::Dice;
use crate::verdict::Verdict;
use attempt::{Attempt, Trouble};
use books::Books;

/// Jobs of a round.
const JOBS: u64 = 2_000;
/// Attempts of a round that are disturbed.
const DISTURBED: u64 = 6;

pub(crate) fn run(options: &Options) -> Verdict {
    let mut verdict = Verdict::default();
    let begun = Instant::now();
    let mut dice = Dice::of(options.seed, u64::MAX);
    let mut count = Count::default();
    while verdict.faults() == 0 && (count.rounds == 0 || begun.elapsed() < options.lasts) {
        if let Err(fault) = round(&mut dice, &mut count) {
            verdict.fault(format!("map, round {}: {fault}", count.rounds));
        }
        count.rounds += 1;
        println!("[{:4.0?}] {count}", begun.elapsed());
    }
    let kept = verdict.faults() == 0;
    verdict.promise(
        "map --resume: one result for each input, none twice",
        kept,
        count.to_string(),
    );
    verdict
}

#[derive(Default)]
struct Count {
    rounds: u64,
    troubles: BTreeMap<&'static str, u64>,
    /// How disturbed attempts have ended.
    ends: BTreeMap<String, u64>,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "map: {} rounds of {JOBS} jobs, {:?}, ended by {:?}",
            self.rounds, self.troubles, self.ends
        )
    }
}

fn round(dice: &mut Dice, count: &mut Count) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
    let directory = scratch.path();
    let inputs: Vec<String> = (0..JOBS)
        .map(|number| format!("input {number} {:x}", dice.throw()))
        .collect();
    let list = inputs.iter().map(|input| format!("{input}\n"));
    std::fs::write(directory.join("inputs"), list.collect::<String>())
        .map_err(|error| format!("the inputs cannot be written: {error}"))?;
    let mut books = Books::new(inputs);
    let outcome = attempts(directory, dice, count, &mut books);
    let outcome = outcome.and_then(|()| books.close(&directory.join("journal")));
    if outcome.is_err() {
        println!("what is left of map: {}", scratch.keep().display());
    }
    outcome
}

fn attempts(
    directory: &Path,
    dice: &mut Dice,
    count: &mut Count,
    books: &mut Books,
) -> Result<(), String> {
    for _ in 0..DISTURBED {
        let trouble = Trouble::draw(dice);
        *count.troubles.entry(trouble.name()).or_default() += 1;
        // Most attempts take longer.
        let after = Duration::from_millis(dice.between(0, 300));
        let mut attempt = Attempt::start(directory, trouble)?;
        std::thread::sleep(after);
        attempt.disturb(dice);
        let end = attempt.end(books)?;
        *count.ends.entry(end).or_default() += 1;
    }
    let end = Attempt::start(directory, Trouble::None)?.end(books)?;
    if end != "code 0" {
        return Err(format!("left in peace it ended by {end}"));
    }
    Ok(())
}
