//! Whatever workers and pools go through, the host is left with the descriptors, threads and children
//! that it had. A process of its own, so that no other test's are counted: one test only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use greenroom::{Pool, Process, Worker, WorkerPolicy};
use greenroom_tests::{
    Kill, Story, begun, children, descriptors, given_up_at_its_first_wait, job, job_with, kill,
    process_gone, text, threads, within,
};

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

fn new_process(worker: &Worker) -> Process {
    Process::new(worker, WorkerPolicy::default()).unwrap()
}

/// A pool whose jobs end in all the ways that there are.
async fn a_busy_pool() {
    let (pool, events) = Pool::builder(puppet())
        .idle(2)
        .close_timeout(Duration::from_millis(500))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    for name in ["echo", "fail", "panic", "abort", "log", "print"] {
        let handle = within(20, pool.launch(job_with(name, "x"))).await.unwrap();
        let _ = within(20, handle.output()).await;
    }
    let long = job("sleep")
        .metadata("ms", "600000")
        .metadata("announce", "1");
    let mut handle = within(20, pool.launch(long.clone())).await.unwrap();
    begun(&mut handle).await;
    handle.kill();
    within(20, handle.finished()).await.unwrap_err();
    let mut handle = within(20, pool.launch(long)).await.unwrap();
    begun(&mut handle).await;
    drop(handle);
    drop(within(20, pool.reserve()).await.unwrap());
    drop(pool);
    story.to_the_end().await;
}

/// Workers that never become ready.
async fn failing_starts() {
    let failing = puppet().args(["--initialize-fail", "no"]);
    let quick = Duration::from_millis(5);
    let builder = Pool::builder(failing).idle(2).backoff(quick, quick);
    within(20, builder.start()).await.unwrap_err();
    let slow = puppet().args(["--initialize-sleep-ms", "600000"]);
    let mut process = new_process(&slow);
    within(20, process.start()).await.unwrap();
    within(20, process.close()).await.unwrap();
    let mut process = new_process(&slow);
    assert!(given_up_at_its_first_wait(process.start()).await);
    within(20, process.kill()).await.unwrap();
    drop(new_process(&slow));
}

/// A worker killed from outside, one whose handle was dropped, and one that has left somebody behind.
async fn rude_ends() {
    let mut process = new_process(&puppet());
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    kill(process.pid().unwrap(), Kill::Now);
    within(20, process.join()).await.unwrap();

    let mut process = new_process(&puppet());
    within(20, process.start()).await.unwrap();
    let pid = process.pid().unwrap();
    drop(process);
    process_gone(pid).await;

    let mut process = new_process(&puppet());
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    let family = job("grandchild").metadata("setsid", "1");
    let handle = within(20, process.launch(family)).await.unwrap();
    let grandchild = text(&within(20, handle.output()).await.unwrap())
        .parse()
        .unwrap();
    let report = within(20, process.close()).await.unwrap();
    assert!(report.output_held_open);
    kill(grandchild, Kill::Now);
    process_gone(grandchild).await;
}

async fn everything() {
    a_busy_pool().await;
    failing_starts().await;
    rude_ends().await;
}

/// Descriptors, children and threads of this host once its runtime is gone.
fn after_a_run() -> (usize, Vec<u32>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(everything());
    drop(runtime);
    (descriptors(), children(), threads())
}

#[test]
fn nothing_is_left_in_the_host() {
    // The first run starts the threads that every later one uses.
    let (descriptors, children, threads) = after_a_run();
    assert!(children.is_empty(), "{children:?}");
    for _ in 0..5 {
        assert_eq!(after_a_run(), (descriptors, Vec::new(), threads));
    }
}
