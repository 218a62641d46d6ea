//! What the stage was promised and what came.

use std::fmt;

use greenroom::JobError;

/// Faults that are kept word for word.
const KEPT: usize = 20;

/// How one launch went. There is exactly one for each.
pub(crate) enum Outcome {
    /// It was not accepted, and an error said why.
    Refused,
    /// It was accepted, and this came.
    Ended(End),
    /// It was accepted, and the stage has let go of it.
    LetGo,
    /// It was withdrawn while it waited; nobody knows whether it was accepted.
    Withdrawn,
}

/// What came of a job, after a look at it.
pub(crate) enum End {
    /// What its handler had to give: a result, or the failure that it was asked for.
    AsAsked,
    /// It was lost with its worker, stopped or not run again; the error says so.
    Lost(String),
    /// Its handler was refused something by the system.
    Starved,
}

/// Counts of one who launches jobs. Several are added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) asked: u64,
    pub(crate) refused: u64,
    pub(crate) withdrawn: u64,
    pub(crate) let_go: u64,
    pub(crate) as_asked: u64,
    pub(crate) lost: u64,
    pub(crate) starved: u64,
    pub(crate) unanswered: u64,
    pub(crate) wrong: u64,
    pub(crate) faults: Vec<String>,
    /// How the last job was lost, in the error's words.
    pub(crate) last_loss: Option<String>,
}

impl Tally {
    pub(crate) fn book(&mut self, outcome: &Outcome) {
        if let Outcome::Ended(End::Lost(how)) = outcome {
            self.last_loss = Some(how.clone());
        }
        *match outcome {
            Outcome::Refused => &mut self.refused,
            Outcome::Withdrawn => &mut self.withdrawn,
            Outcome::LetGo => &mut self.let_go,
            Outcome::Ended(End::AsAsked) => &mut self.as_asked,
            Outcome::Ended(End::Lost(_)) => &mut self.lost,
            Outcome::Ended(End::Starved) => &mut self.starved,
        } += 1;
    }

    /// What came is not what was promised.
    pub(crate) fn wrong(&mut self, fault: String) {
        self.wrong += 1;
        self.fault(fault);
    }

    /// Nothing came.
    pub(crate) fn unanswered(&mut self, fault: String) {
        self.unanswered += 1;
        self.fault(fault);
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < KEPT {
            self.faults.push(fault);
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.refused += other.refused;
        self.withdrawn += other.withdrawn;
        self.let_go += other.let_go;
        self.as_asked += other.as_asked;
        self.lost += other.lost;
        self.starved += other.starved;
        self.unanswered += other.unanswered;
        self.wrong += other.wrong;
        for fault in other.faults {
            self.fault(fault);
        }
        self.last_loss = other.last_loss.or(self.last_loss.take());
    }

    /// Jobs that were accepted for certain.
    pub(crate) fn accepted(&self) -> u64 {
        self.let_go + self.as_asked + self.lost + self.starved + self.unanswered + self.wrong
    }

    /// Every launch has come to one thing.
    pub(crate) fn adds_up(&self) -> bool {
        self.asked == self.accepted() + self.refused + self.withdrawn
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} launches: {} as asked, {} lost, {} starved, {} let go, {} withdrawn, {} refused, \
             {} wrong, {} unanswered",
            self.asked,
            self.as_asked,
            self.lost,
            self.starved,
            self.let_go,
            self.withdrawn,
            self.refused,
            self.wrong,
            self.unanswered
        )
    }
}

/// Whether a job may end with this whatever it is, because of what is done to its worker.
pub(crate) fn trouble(error: &JobError) -> Option<End> {
    match error {
        JobError::Lost { .. } | JobError::NotRunAgain(_) => Some(End::Lost(error.to_string())),
        // A handler that could not open or write a file. Its words are the system's.
        JobError::Failed { message, .. } if message.contains("os error") => Some(End::Starved),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_without_an_end_does_not_add_up() {
        let mut tally = Tally {
            asked: 3,
            ..Tally::default()
        };
        tally.book(&Outcome::Ended(End::AsAsked));
        tally.book(&Outcome::Withdrawn);
        assert!(!tally.adds_up());
        tally.unanswered("it never came".into());
        assert!(tally.adds_up());
        let mut sum = tally.clone();
        sum.add(tally);
        assert_eq!((sum.asked, sum.accepted()), (6, 4));
        assert_eq!(sum.faults.len(), 2);
    }
}
