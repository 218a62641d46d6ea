//! Whether all lines that units print get here.
//!
//! Every line has its place among the lines of its unit. Those of a unit that prints too fast are
//! dropped where they are read; they leave a gap.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom::supervisor::OutputLine;

/// How often it is said of a unit that its lines are dropped.
const SAY: Duration = Duration::from_secs(1);

/// The next lines of all units.
#[derive(Debug, Default)]
pub(super) struct Expected {
    units: HashMap<Arc<str>, Next>,
}

#[derive(Debug)]
struct Next {
    sequence: u64,
    /// When the last one was printed.
    at: Duration,
    dropped: u64,
    /// Until then it is not said of this unit.
    quiet_until: Duration,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Seen before.
    Old,
    New {
        /// So many were dropped since that was last said, if it is to be said now.
        dropped: Option<u64>,
    },
}

impl Expected {
    pub(super) fn see(&mut self, line: &OutputLine) -> Seen {
        self.place(&line.unit, line.sequence, line.at)
    }

    fn place(&mut self, unit: &Arc<str>, sequence: u64, at: Duration) -> Seen {
        let next = self.units.entry(Arc::clone(unit)).or_insert(Next {
            sequence,
            at,
            dropped: 0,
            quiet_until: Duration::ZERO,
        });
        if sequence < next.sequence {
            if at <= next.at {
                return Seen::Old;
            }
            // Another unit of the same name counts anew.
            next.sequence = 0;
        }
        next.dropped += sequence - next.sequence;
        next.sequence = sequence + 1;
        next.at = at;
        if next.dropped == 0 || at < next.quiet_until {
            return Seen::New { dropped: None };
        }
        next.quiet_until = at + SAY;
        let dropped = Some(std::mem::take(&mut next.dropped));
        Seen::New { dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(dropped: impl Into<Option<u64>>) -> Seen {
        let dropped = dropped.into();
        Seen::New { dropped }
    }

    #[test]
    fn gaps_are_counted_and_said_once_a_second() {
        let unit = Arc::from("api");
        let mut expected = Expected::default();
        let mut see = |sequence, ms| expected.place(&unit, sequence, Duration::from_millis(ms));
        assert_eq!(see(7, 0), new(None));
        assert_eq!(see(7, 0), Seen::Old);
        assert_eq!(see(9, 10), new(1));
        assert_eq!(see(12, 20), new(None));
        assert_eq!(see(15, 500), new(None));
        assert_eq!(see(16, 1_010), new(4));
        assert_eq!(see(17, 1_020), new(None));
    }

    #[test]
    fn a_unit_that_was_added_again_counts_anew() {
        let unit = Arc::from("api");
        let mut expected = Expected::default();
        let mut see = |sequence, ms| expected.place(&unit, sequence, Duration::from_millis(ms));
        assert_eq!(see(100, 5), new(None));
        assert_eq!(see(99, 4), Seen::Old);
        assert_eq!(see(0, 50), new(None));
        assert_eq!(see(1, 51), new(None));
    }
}
