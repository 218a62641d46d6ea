//! The answer to what was asked: whether the program conforms.

use super::{Side, Tally};
use crate::fields::count;
use crate::{host, worker};

/// In one sentence, and what speaks against a better one.
pub(super) struct Answer {
    pub(super) sentence: String,
    pub(super) but: Vec<String>,
}

/// A program conforms if the whole catalogue has run and nothing is wrong in any case.
pub(super) fn of(side: Side, tally: &Tally) -> Answer {
    let all = match side {
        Side::Worker => worker::catalogue().len(),
        Side::Host => host::catalogue().len(),
    };
    let judged = tally.cases() - tally.skipped;
    let sentence = if !tally.ok() {
        "Does not conform".into()
    } else if judged == all && tally.expected_failures == 0 {
        "Conforms".into()
    } else {
        let fine = judged - tally.expected_failures;
        format!("Nothing wrong in {fine} of {}", count(all, "case"))
    };
    let mut but = Vec::new();
    if tally.skipped > 0 {
        but.push(format!("{} skipped, each with its reason", tally.skipped));
    }
    if tally.cases() < all {
        but.push(format!("{} not run", all - tally.cases()));
    }
    Answer { sentence, but }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(tally: &Tally) -> String {
        let Answer { sentence, but } = of(Side::Worker, tally);
        [vec![sentence], but].concat().join("; ")
    }

    #[test]
    fn only_who_was_tested_in_all_conforms() {
        let all = worker::catalogue().len();
        let mut tally = Tally::default();
        tally.passed = all;
        assert_eq!(answer(&tally), "Conforms");
        tally.passed = 1;
        tally.skipped = all - 1;
        let expected = format!(
            "Nothing wrong in 1 of {all} cases; {} skipped, each with its reason",
            all - 1
        );
        assert_eq!(answer(&tally), expected);
        tally.skipped = 0;
        assert!(answer(&tally).ends_with(&format!("{} not run", all - 1)));
        tally.passed = all - 1;
        tally.expected_failures = 1;
        assert!(answer(&tally).starts_with("Nothing wrong in"));
    }
}
