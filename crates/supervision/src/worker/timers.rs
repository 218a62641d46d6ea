//! The deadlines of one worker, each at most once.

use std::time::Duration;

use crate::Time;
use crate::deadline::Deadline;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// It must be ready.
    Initialize,
    /// The next ping is due. It also bounds for how long a stall of the host can go unnoticed.
    Ping,
    /// The oldest unanswered ping is worth a warning.
    HighPing,
    /// It has been silent for too long.
    Silence,
    /// It must have left.
    Close,
    /// Its memory is to be measured.
    Memory,
    /// It should be dead by now.
    Killed,
}

impl Timer {
    pub(super) const ALL: [Self; 7] = [
        Self::Initialize,
        Self::Ping,
        Self::HighPing,
        Self::Silence,
        Self::Close,
        Self::Memory,
        Self::Killed,
    ];

    /// Whether something that the worker has said by then could have made it needless.
    const fn is_judgement(self) -> bool {
        !matches!(self, Self::Ping | Self::Memory | Self::Killed)
    }

    /// Whether the worker is killed when it expires.
    const fn is_lethal(self) -> bool {
        matches!(self, Self::Initialize | Self::Silence | Self::Close)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<Deadline>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Time) {
        self.0[timer as usize] = Some(Deadline::new(at));
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn clear_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn get(&self, timer: Timer) -> Option<Time> {
        self.0[timer as usize].map(Deadline::at)
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.iter().flatten().map(|deadline| deadline.at()).min()
    }

    pub(super) fn next_judgement(&self) -> Option<Time> {
        let judgements = Timer::ALL.into_iter().filter(|timer| timer.is_judgement());
        judgements.filter_map(|timer| self.get(timer)).min()
    }

    /// Takes one timer that has expired. Lethal ones come last: what a harmless timer does first
    /// may spare the worker.
    pub(super) fn take_expired(&mut self, now: Time) -> Option<Timer> {
        let expired = |timer: &Timer| self.get(*timer).is_some_and(|at| at <= now);
        let timer = Timer::ALL
            .into_iter()
            .filter(expired)
            .min_by_key(|timer| timer.is_lethal())?;
        self.clear(timer);
        Some(timer)
    }

    /// Moves every deadline by what the host was late, and leaves lethal ones at least `grace` once.
    pub(super) fn postpone(&mut self, lateness: Duration, now: Time, grace: Duration) {
        for timer in Timer::ALL {
            if let Some(deadline) = &mut self.0[timer as usize] {
                deadline.postpone(lateness);
                if timer.is_lethal() {
                    deadline.spare(now + grace);
                }
            }
        }
    }
}
