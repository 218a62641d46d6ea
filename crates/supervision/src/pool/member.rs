//! A worker as the plan sees it.

use super::replace::Due;
use crate::time::Time;

#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// 0 while it starts.
    pub(super) slots: usize,
    pub(super) busy: usize,
    /// Jobs that it may still be given.
    pub(super) jobs_left: Option<u64>,
    /// Which program it was started from: the number of reloads before it.
    pub(super) program: u64,
    /// Its share of each limit.
    pub(super) share: f64,
    /// When it has grown old.
    pub(super) old_at: Option<Time>,
    /// It serves until another does in its place.
    pub(super) due: Option<Due>,
    /// No longer given jobs.
    pub(super) retiring: bool,
    /// Was asked to leave.
    pub(super) leaving: bool,
    /// Is ending without having been asked.
    pub(super) dying: bool,
    pub(super) idle_since: Time,
}

impl Member {
    pub(super) fn starting(program: u64, jobs_left: Option<u64>, share: f64, now: Time) -> Self {
        Self {
            slots: 0,
            busy: 0,
            jobs_left,
            program,
            share,
            old_at: None,
            due: None,
            retiring: false,
            leaving: false,
            dying: false,
            idle_since: now,
        }
    }

    pub(super) fn is_starting(&self) -> bool {
        self.slots == 0 && !self.leaving
    }

    /// Is ready, and may be given another job sooner or later.
    pub(super) fn serves(&self) -> bool {
        let stays = !self.retiring && !self.leaving && !self.dying;
        self.slots > 0 && stays && self.jobs_left != Some(0)
    }

    pub(super) fn free(&self) -> usize {
        if !self.serves() {
            return 0;
        }
        let free = self.slots.saturating_sub(self.busy);
        let left = self.jobs_left.unwrap_or(u64::MAX);
        free.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Free places that count for the future: those of one that is to be replaced do not.
    pub(super) fn lasting(&self) -> usize {
        if self.due.is_some() { 0 } else { self.free() }
    }

    /// Has nothing to do and will never have again.
    pub(super) fn is_spent(&self) -> bool {
        self.slots > 0 && self.busy == 0 && !self.leaving && !self.dying && self.free() == 0
    }
}
