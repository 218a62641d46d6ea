//! Code of the host's own that fails: the pool copes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use greenroom::{Bytes, Call, Pool, PoolBuilder, Worker};
use greenroom_tests::{job, job_with, text, within};

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

fn one() -> PoolBuilder {
    Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
}

/// The call fails, its job goes on, and the worker serves the next.
async fn survives(pool: PoolBuilder) {
    let pool = within(20, pool.start()).await.unwrap();
    for _ in 0..3 {
        let calling = job("call").metadata("method", "anything");
        let handle = within(20, pool.launch(calling)).await.unwrap();
        let error = within(20, handle.output()).await.unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    let handle = within(20, pool.launch(job_with("echo", "next")))
        .await
        .unwrap();
    assert_eq!(text(&within(20, handle.output()).await.unwrap()), "next");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_call_handler_that_panics_fails_its_call() {
    survives(one().on_call(async |_: Call| -> Result<Bytes, String> { panic!("later") })).await;
    fn at_once(_: Call) -> std::future::Ready<Result<Bytes, String>> {
        panic!("at once")
    }
    survives(one().on_call(at_once)).await;
}

#[tokio::test]
async fn a_pool_of_which_not_every_worker_can_start_starts_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (once, script) = (
        directory.path().join("once"),
        directory.path().join("worker"),
    );
    let text = format!(
        "#!/bin/sh\nif mkdir {} 2>/dev/null; then exec {}; fi\nexit 1\n",
        once.display(),
        env!("CARGO_BIN_EXE_puppet")
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let quick = Duration::from_millis(10);
    let pool = Pool::builder(Worker::command(&script))
        .idle(2)
        .backoff(quick, quick)
        .start();
    let pool = within(20, pool).await.unwrap();
    within(20, pool.close()).await;
}
