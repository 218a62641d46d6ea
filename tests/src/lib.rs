//! Whole-system tests with real processes, and what they share.
//!
//! # Theory of operation
//!
//! The files in `tests/` hold the promises, one theme each, and are the hosts. Their workers are two
//! programs of this package: `puppet` links the `worker` crate and does odd things on demand, its
//! source begins with the list; `rogue` speaks the protocol by hand and breaks it. Their daemons are a
//! third, `daemon`, which does not know the library.
//!
//! Nothing here sleeps in order to wait. A test awaits an event of the pool, an update of a job, or
//! the end of a process, always [`within`] a bound that only a hang exceeds. A limit that is meant to
//! expire is short; one that is not is long. So a busy machine makes a test slow, not red.

mod files;
mod processes;
mod story;
mod unit_story;

use std::future::Future;
use std::panic::Location;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use greenroom::{Job, JobHandle};

pub use files::{Lines, Scratch, lines};
pub use processes::{
    Kill, children, descriptors, is_there, kill, process_gone, process_gone_within, threads,
};
pub use story::Story;
pub use unit_story::UnitStory;

/// What the future comes to, or a panic that names the place of the call after so many seconds.
#[track_caller]
pub fn within<F: Future>(seconds: u64, future: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(seconds), future).await {
            Ok(result) => result,
            Err(_) => panic!("still waiting after {seconds} s: {place}"),
        }
    }
}

/// Lets a future take its first step: true if it waits then.
pub async fn waits(future: &mut (impl Future + Unpin)) -> bool {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

/// Starts a future and gives it up at its first wait: true if it had not ended by then.
pub async fn given_up_at_its_first_wait(future: impl Future) -> bool {
    waits(&mut Box::pin(future)).await
}

/// A job that the puppet knows by this name.
pub fn job(command: &str) -> Job {
    Job::new(Bytes::new()).name(command)
}

/// A job with an input.
pub fn job_with(command: &str, input: impl Into<Bytes>) -> Job {
    Job::new(input).name(command)
}

/// Waits until a job with the metadata `announce` is where its command begins.
///
/// # Panics
///
/// If it says anything else, or ends.
pub async fn begun(handle: &mut JobHandle) {
    let chunk = within(20, handle.chunk()).await;
    assert_eq!(chunk.as_deref(), Some(&b"begun"[..]), "{handle:?}");
}

/// Output as text.
///
/// # Panics
///
/// If it is none.
pub fn text(output: &Bytes) -> &str {
    std::str::from_utf8(output).expect("the puppet writes UTF-8")
}

/// The bytes that the puppet's `stream` and `result` send, from the start.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|position| (position % 251) as u8).collect()
}
