//! What the host says about jobs: from the first piece of input to the running handler.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use greenroom_protocol::{CancelJob, JobAccepted, JobInput, JobWindow, StartJob, WorkerMessage};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Session;
use crate::connection::Fault;
use crate::perform::{Outcome, perform};
use crate::{Handler, JobContext};

/// What is reserved for a guess at most.
const HINT: usize = 16 << 20;

/// A job whose input is not complete.
pub(super) struct Assembly {
    start: StartJob,
    begun: Instant,
    input: Vec<u8>,
}

impl<H: Handler> Session<H> {
    /// A job may end this process in its first instruction: the host must have been told by then.
    pub(super) fn start_announced(&mut self) {
        if self.announced.is_empty() || self.connection.unsent() > 0 {
            return;
        }
        for (job, callbacks) in self.announced.drain(..) {
            let handler = Rc::clone(&self.handler);
            self.tasks
                .spawn_local(perform(handler, job, callbacks, self.lag.clone()));
        }
    }

    pub(super) fn on_start_job(&mut self, start: StartJob, data: Bytes) -> Result<(), Fault> {
        let job = start.job;
        if self.assembling.contains_key(&job) || self.running.contains_key(&job) {
            return Err(Fault::out_of_place(
                "GR-5.4-7",
                format!("job number {job} is in use"),
            ));
        }
        if self.link.shutdown.get().is_some() {
            return self.reject(job, "the worker is shutting down");
        }
        if self.assembling.len() + self.running.len() >= self.slots {
            let message = format!("all {} slots of the worker are taken", self.slots);
            return self.reject(job, &message);
        }
        let begun = Instant::now();
        if start.last {
            self.check_payload(job, data.len())?;
            return self.announce(start, data, begun);
        }
        let mut input = Vec::new();
        if self.assembling.is_empty() {
            // Only a hint: if there is not so much, it may still do.
            let _ = input.try_reserve(self.last_input.min(HINT));
        }
        let assembly = Assembly {
            start,
            begun,
            input,
        };
        self.assembling.insert(job, assembly);
        self.on_input(JobInput { job, last: false }, &data)
    }

    pub(super) fn on_input(
        &mut self,
        JobInput { job, last }: JobInput,
        data: &[u8],
    ) -> Result<(), Fault> {
        if self.running.contains_key(&job) {
            return Err(Fault::out_of_place(
                "GR-5.4-8",
                format!("input for job {job} after its last"),
            ));
        }
        let Some(assembly) = self.assembling.get_mut(&job) else {
            // On its way when the job was rejected or cancelled.
            return Ok(());
        };
        let length = assembly.input.len() + data.len();
        assembly.input.extend_from_slice(data);
        self.check_payload(job, length)?;
        if last && let Some(assembly) = self.assembling.remove(&job) {
            self.last_input = length;
            let mut input = assembly.input;
            if input.capacity() / 2 > length {
                input.shrink_to_fit();
            }
            return self.announce(assembly.start, input.into(), assembly.begun);
        }
        Ok(())
    }

    fn check_payload(&self, job: u64, length: usize) -> Result<(), Fault> {
        let max = self.link.limits.max_payload;
        if length as u64 > max {
            return Err(Fault::out_of_place(
                "GR-5.4-9",
                format!("the input of job {job} has more than the {max} bytes agreed on"),
            ));
        }
        Ok(())
    }

    fn announce(&mut self, start: StartJob, input: Bytes, begun: Instant) -> Result<(), Fault> {
        let job = start.job;
        let (context, callbacks) = JobContext::new(start, input, begun, Arc::clone(&self.link));
        self.running.insert(job, Arc::clone(&context.state));
        self.announced.push((context, callbacks));
        self.connection
            .send(&WorkerMessage::JobAccepted(JobAccepted { job }))
    }

    pub(super) fn on_cancel(&mut self, CancelJob { job, reason }: CancelJob) -> Result<(), Fault> {
        if self.assembling.remove(&job).is_some() {
            return self.finish(job, Outcome::Cancelled);
        }
        // A job that is not there has just ended.
        if let Some(state) = self.running.get(&job) {
            state.cancel.raise(reason);
        }
        Ok(())
    }

    /// A window may grow for ever; beyond what can be counted, more makes no difference.
    pub(super) fn on_window(&self, JobWindow { job, bytes }: JobWindow) {
        if let Some(state) = self.running.get(&job) {
            let room = Semaphore::MAX_PERMITS - state.window.available_permits();
            state.window.add_permits(room.min(bytes as usize));
        }
    }
}
