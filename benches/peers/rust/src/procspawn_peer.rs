//! procspawn: functions that run in other processes, by its pool or each in a process of its own.
//!
//! Its `Shmem` for large buffers cannot be used: the pool of 1.0.2 sends arguments outside of the
//! mode in which it receives them, so that the worker fails to decode one.

use std::sync::mpsc;
use std::time::Duration;

use procspawn::{JoinHandle, Pool as ProcspawnPool};
use serde_bytes::ByteBuf;

use crate::measure::{Failure, Outcome, Plan, Pool, at_once, in_turn};

/// No job of a healthy pool takes this long; a lost one must not hang us.
const PATIENCE: Duration = Duration::from_secs(120);

/// Up to so many bytes a socket takes without a reader, so that submitting never blocks; and one
/// thread is quicker here than two (measured).
const FITS: usize = 64 << 10;

pub(crate) struct Procspawn {
    pool: ProcspawnPool,
}

impl Pool for Procspawn {
    // A `Vec<u8>` would be serialized byte by byte.
    const NOTE: &str = "bytes, serialized in one piece; start method: posix_spawn";

    fn open(plan: &Plan) -> Outcome<Self> {
        Ok(Self {
            pool: ProcspawnPool::new(plan.workers)?,
        })
    }

    fn echo(&mut self, content: &[u8]) -> Outcome<Vec<u8>> {
        wait(self.pool.spawn(ByteBuf::from(content), echo))
    }

    fn echo_in_flight(&mut self, content: &[u8], jobs: usize, depth: usize) -> Outcome {
        let pool = &self.pool;
        let (running, handles) = mpsc::channel();
        let submit = move || Ok(running.send(pool.spawn(ByteBuf::from(content), echo))?);
        let receive = || match wait(handles.recv()?)?.len() {
            came if came == content.len() => Ok(()),
            came => Err(Failure::Failed(format!(
                "{came} bytes came back of {}",
                content.len()
            ))),
        };
        if content.len() <= FITS {
            in_turn(jobs, depth, submit, receive)
        } else {
            at_once(jobs, depth, submit, receive)
        }
    }

    fn echo_once(content: &[u8]) -> Outcome<Vec<u8>> {
        wait(procspawn::spawn(ByteBuf::from(content), echo))
    }

    fn close(self) -> Outcome {
        self.pool.shutdown();
        Ok(())
    }
}

fn wait(mut handle: JoinHandle<ByteBuf>) -> Outcome<Vec<u8>> {
    Ok(handle.join_timeout(PATIENCE)?.into_vec())
}

/// The job.
fn echo(content: ByteBuf) -> ByteBuf {
    content
}
