//! How it leaves when it is told to: its jobs first, then its last words.

use std::time::{Duration, Instant};

use greenroom_protocol::{Exiting, Retire, Shutdown, ShuttingDown, WorkerMessage};

use crate::LIFETIME;
use crate::fault::Fault;
use crate::jobs::{Doing, Job};
use crate::worker::Worker;

impl Worker {
    pub(crate) fn shutdown(&mut self, shutdown: Shutdown) {
        self.check_reason(shutdown.reason.name().is_some());
        if self.is(Fault::IgnoresShutdown) {
            return;
        }
        let due = Instant::now() + Duration::from_millis(shutdown.grace_ms / 2).min(LIFETIME);
        self.leaving = Some(self.leaving.map_or(due, |before| before.min(due)));
        let silent = [Fault::SendsNoShuttingDown, Fault::AcknowledgesLate];
        if !silent.iter().any(|fault| self.is(*fault)) {
            self.acknowledge();
        }
        if self.is(Fault::DropsItsJobsOnShutdown) {
            self.jobs.clear();
        }
        let waiting = |job: &Job| matches!(job.doing, Doing::Waiting);
        let told = self.jobs.iter().filter(|(_, job)| waiting(job));
        for number in told.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.end(number);
        }
    }

    fn acknowledge(&self) {
        let mut jobs = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        if self.is(Fault::MiscountsItsJobs) {
            jobs = 0;
        }
        self.outbox
            .send(&WorkerMessage::ShuttingDown(ShuttingDown { jobs }));
    }

    /// The time is up.
    pub(crate) fn end_jobs(&mut self) {
        if self.leaving.is_none() || self.is(Fault::OutstaysItsGrace) {
            return std::thread::sleep(Duration::from_millis(50));
        }
        for number in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.end(number);
        }
    }

    pub(crate) fn leave(&self) -> ! {
        if self.is(Fault::AcknowledgesLate) {
            self.acknowledge();
        }
        if !self.is(Fault::SendsNoExiting) {
            let reason = "told to".into();
            self.outbox
                .send(&WorkerMessage::Exiting(Exiting { reason }));
        }
        if self.is(Fault::SpeaksAfterExiting) {
            let reason = "tired".into();
            self.outbox.send(&WorkerMessage::Retire(Retire { reason }));
        }
        self.outbox.leave(self.is(Fault::ExitsWithOne).into())
    }
}
