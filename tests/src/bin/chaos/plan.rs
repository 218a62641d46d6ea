//! What is to be done to the stage, drawn from a seed.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;

/// Who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// A worker of the pool.
    Worker,
    /// A worker of the pool that is a unit.
    Liar,
    /// A daemon.
    Daemon,
    /// The shell that ends daemons after their host.
    Guard,
}

impl Victim {
    const ALL: [Self; 4] = [Self::Worker, Self::Liar, Self::Daemon, Self::Guard];
}

/// What the host can be short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// EMFILE, except for the first few.
    Descriptors { spare: u64 },
    /// EAGAIN at spawn.
    Processes,
    /// ENOMEM at spawn.
    Memory,
    /// What is logged cannot be written.
    Disk,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// SIGKILL.
    Kill(Victim),
    /// All workers of both pools at once.
    KillAllWorkers,
    /// SIGSTOP for ever: somebody must notice.
    Stop(Victim),
    /// SIGSTOP, and SIGCONT after a while.
    Pause(Victim, Duration),
    /// The host does not run for a while.
    Freeze(Duration),
    /// For so long, and while it lasts some die who would be replaced.
    Shortage(Shortage, Duration),
    /// So many jobs at once.
    Flood(u64),
    /// The pool's program is replaced by itself.
    Reload,
}

/// How long the host is frozen at most; longer than its ping timeout.
const LONGEST_FREEZE: u64 = 5_500;

impl Trouble {
    /// Each kind, with figures drawn.
    fn kinds(dice: &mut Dice) -> Vec<Self> {
        let mut kinds: Vec<_> = Victim::ALL.map(Self::Kill).into();
        let mut ms = |least, most| Duration::from_millis(dice.between(least, most));
        kinds.extend([
            Self::KillAllWorkers,
            Self::Stop(Victim::Worker),
            Self::Stop(Victim::Daemon),
            Self::Pause(Victim::Worker, ms(1, 800)),
            Self::Pause(Victim::Liar, ms(1, 800)),
            Self::Pause(Victim::Daemon, ms(1, 800)),
            Self::Pause(Victim::Guard, ms(1, 800)),
            Self::Freeze(ms(100, LONGEST_FREEZE)),
            Self::Shortage(Shortage::Processes, ms(200, 1_500)),
            Self::Shortage(Shortage::Memory, ms(200, 1_500)),
            Self::Shortage(Shortage::Disk, ms(200, 1_500)),
        ]);
        let (spare, lasts) = (dice.below(12), dice.between(200, 1_500));
        let descriptors = Shortage::Descriptors { spare };
        kinds.push(Self::Shortage(descriptors, Duration::from_millis(lasts)));
        kinds.extend([Self::Flood(dice.between(20, 200)), Self::Reload]);
        kinds
    }
}

/// Troubles without end. The first ones are one of each kind.
pub(crate) struct Plan {
    dice: Dice,
    first: Vec<Trouble>,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut first = Trouble::kinds(&mut dice);
        dice.shuffle(&mut first);
        Self { dice, first }
    }

    /// One of each kind, and only the first time.
    pub(crate) fn one_of_each(&mut self) -> Vec<(Duration, Trouble)> {
        let first = std::mem::take(&mut self.first);
        first
            .into_iter()
            .map(|trouble| (self.pause(), trouble))
            .collect()
    }

    /// The next one, and how long it is quiet before it.
    pub(crate) fn next(&mut self) -> (Duration, Trouble) {
        let kinds = Trouble::kinds(&mut self.dice);
        // Deaths are what it is about: half of all are one.
        let bound = if self.dice.once_in(2) { 5 } else { kinds.len() };
        let chosen = self.dice.below(bound as u64) as usize;
        (self.pause(), kinds[chosen])
    }

    /// Which of several.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        // Thrown even if there is nobody: the rest of the plan is the same.
        let number = self.dice.throw() as usize;
        of.get(number.checked_rem(of.len())?).copied()
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.dice.between(0, 300))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Vec<(Duration, Trouble)> {
        let mut plan = Plan::new(seed);
        let mut all = plan.one_of_each();
        all.extend((0..200).map(|_| plan.next()));
        all
    }

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_kind_comes_in_the_first_round() {
        let kinds = Trouble::kinds(&mut Dice::new(0));
        let first = Plan::new(3).one_of_each();
        assert_eq!(first.len(), kinds.len());
        for kind in kinds {
            let same = |other: &Trouble| match (kind, *other) {
                (Trouble::Kill(one), Trouble::Kill(other)) => one == other,
                (Trouble::Stop(one), Trouble::Stop(other)) => one == other,
                (one, other) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
            };
            assert!(first.iter().any(|(_, trouble)| same(trouble)), "{kind}");
        }
    }
}
