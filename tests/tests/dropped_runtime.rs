//! A runtime that is dropped takes its workers along, and leaves no zombies. A process of its own, so
//! that no other test's children are counted: one test only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use greenroom::{Pool, Worker};
use greenroom_tests::{children, within};

#[test]
fn a_runtime_that_is_dropped_takes_its_workers_along() {
    let pool = || Pool::builder(Worker::command(env!("CARGO_BIN_EXE_puppet"))).idle(4);
    for _ in 0..3 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let pool = runtime.block_on(within(20, pool().start())).unwrap();
        drop(runtime);
        drop(pool);
    }
    // The threads that reap them need a moment: their end is what is waited for.
    let limit = Instant::now() + Duration::from_secs(20);
    while !children().is_empty() {
        assert!(Instant::now() < limit, "{:?}", children());
        std::thread::yield_now();
    }
}
