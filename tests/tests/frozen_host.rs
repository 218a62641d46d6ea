//! A host that was frozen blames nobody: it adds its own lateness to every deadline.

mod common_b;

use std::time::Duration;

use common_b::*;
use rustix::process::{Pid, Signal};

/// Twice the ping timeout, and twice the initialize timeout, of the host under test.
const FREEZE: Duration = Duration::from_secs(4);

const BRUTE: &str = env!("CARGO_BIN_EXE_brute");

/// Time itself is what is tested here; nothing is awaited by it.
async fn freeze(host: &Host, workers: &[Pid]) {
    let everybody = |signal| {
        for pid in workers {
            rustix::process::kill_process(*pid, signal).expect("it lives");
        }
    };
    host.signal(Signal::STOP);
    everybody(Signal::STOP);
    tokio::time::sleep(FREEZE).await;
    everybody(Signal::CONT);
    host.signal(Signal::CONT);
}

#[tokio::test]
async fn a_host_that_was_frozen_kills_nobody_and_goes_on_working() {
    let mut host = Host::start(&["frozen", BRUTE], &mark("frozen"));
    host.says("ready").await;
    freeze(&host, &[]).await;
    works_on(&mut host).await;
}

#[tokio::test]
async fn a_host_that_slept_with_its_workers_kills_nobody_and_goes_on_working() {
    let mark = mark("asleep");
    let mut host = Host::start(&["frozen", BRUTE], &mark);
    host.says("ready").await;
    let mut workers = marked(&mark);
    workers.retain(|pid| *pid != host.pid());
    assert_eq!(workers.len(), 2);
    freeze(&host, &workers).await;
    works_on(&mut host).await;
}

async fn works_on(host: &mut Host) {
    host.tell("go on");
    assert_eq!(host.says("idle").await, "fine");
    assert_eq!(host.says("busy").await, "fine");
    assert_eq!(host.says_number("lost").await, 0);
}

#[tokio::test]
async fn a_worker_that_became_ready_while_its_host_was_frozen_is_ready() {
    let mut host = Host::start(&["frozen-start", BRUTE], &mark("frozen-start"));
    host.says("started").await;
    freeze(&host, &[]).await;
    host.says("initialized").await;
}
