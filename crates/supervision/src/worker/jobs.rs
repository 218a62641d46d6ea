//! The jobs that one worker has.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_protocol::CancelReason;

use crate::Time;
use crate::deadline::Deadline;

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) accepted: bool,
    /// Bytes of output that it may still send.
    pub(super) window: u64,
    /// Bytes that were used up and not granted again yet.
    pub(super) used: u64,
    pub(super) time: JobTime,
    /// What it was given in all, extensions included.
    pub(super) deadline: Duration,
    pub(super) extended: Duration,
}

/// Where a job stands against the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobTime {
    Unlimited,
    Until(Time),
    /// It was told to stop; its worker is killed if it has not by then.
    Cancelled {
        reason: CancelReason,
        kill: Deadline,
    },
}

impl Job {
    pub(super) fn wakes_at(&self) -> Option<Time> {
        match self.time {
            JobTime::Unlimited => None,
            JobTime::Until(at) => Some(at),
            JobTime::Cancelled { kill, .. } => Some(kill.at()),
        }
    }

    pub(super) fn cancelled_for(&self) -> Option<CancelReason> {
        match self.time {
            JobTime::Cancelled { reason, .. } => Some(reason),
            JobTime::Unlimited | JobTime::Until(_) => None,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    next: u64,
    running: BTreeMap<u64, Job>,
}

impl Jobs {
    pub(super) fn add(&mut self, job: Job) -> u64 {
        self.next += 1;
        self.running.insert(self.next, job);
        self.next
    }

    pub(super) fn get(&self, number: u64) -> Option<&Job> {
        self.running.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Job> {
        self.running.get_mut(&number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Job> {
        self.running.remove(&number)
    }

    pub(super) fn take_all(&mut self) -> BTreeMap<u64, Job> {
        std::mem::take(&mut self.running)
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.running.values().map(|job| job.id.clone()).collect()
    }

    pub(super) fn next_wake(&self) -> Option<Time> {
        self.running.values().filter_map(Job::wakes_at).min()
    }

    /// The numbers of the jobs whose time has come.
    pub(super) fn due(&self, now: Time) -> Vec<u64> {
        let due = |job: &Job| job.wakes_at().is_some_and(|at| at <= now);
        self.running
            .iter()
            .filter(|(_, job)| due(job))
            .map(|(number, _)| *number)
            .collect()
    }

    pub(super) fn postpone(&mut self, lateness: Duration, now: Time, grace: Duration) {
        for job in self.running.values_mut() {
            match &mut job.time {
                JobTime::Unlimited => {}
                JobTime::Until(at) => *at = *at + lateness,
                JobTime::Cancelled { kill, .. } => {
                    kill.postpone(lateness);
                    kill.spare(now + grace);
                }
            }
        }
    }
}
