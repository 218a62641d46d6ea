//! The worker whose jobs are measured.

use std::process::ExitCode;

use bytes::Bytes;
use greenroom::{Job, Worker};
use worker::{Handler, JobContext, Start};

use crate::Outcome;

const FLOW: &str = "flow";

/// Sends back what a job brings; how many it does at a time, its host says.
struct Performer {
    slots: u32,
}

pub(crate) fn run() -> ExitCode {
    worker::run(Performer { slots: 1 })
}

/// This program as a worker that does so many jobs at a time.
pub(crate) fn worker(slots: usize) -> Outcome<Worker> {
    Ok(Worker::this_program()?.user_arguments(slots.to_string()))
}

/// A job that sends so many bytes, in pieces of this size.
pub(crate) fn flow(piece: usize, total: usize) -> Job {
    Job::new(Bytes::new())
        .name(FLOW)
        .metadata("piece", piece.to_string())
        .metadata("total", total.to_string())
}

impl Handler for Performer {
    async fn initialize(&mut self, start: &Start) -> worker::Result<()> {
        if !start.arguments().is_empty() {
            self.slots = std::str::from_utf8(start.arguments())?.parse()?;
        }
        Ok(())
    }

    async fn handle(&self, job: JobContext) -> worker::Result {
        if job.name() != FLOW {
            return Ok(job.input().clone());
        }
        let number = |key| job.metadata(key).unwrap_or_default().parse::<usize>();
        let (piece, total) = (Bytes::from(vec![7; number("piece")?]), number("total")?);
        for _ in 0..total.div_ceil(piece.len().max(1)) {
            job.output(piece.clone()).await?;
        }
        Ok(Bytes::new())
    }

    fn slots(&self) -> u32 {
        self.slots
    }
}
