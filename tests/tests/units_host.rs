//! What becomes of daemons whose host is stopped or killed.

mod common_b;

use std::time::Duration;

use common_b::*;
use rustix::process::Signal;

const UNIT_HOST: &str = env!("CARGO_BIN_EXE_unit_host");
const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Twice the silence, watchdog and check timeouts of the host's units.
const FREEZE: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_host_that_was_frozen_restarts_nothing() {
    let mut host = Host::start_program(UNIT_HOST, &["frozen", DAEMON], &mark("units-frozen"));
    host.says("ready").await;
    host.signal(Signal::STOP);
    // Time itself is what is tested here; nothing is awaited by it.
    tokio::time::sleep(FREEZE).await;
    host.signal(Signal::CONT);
    host.tell("go on");
    assert_eq!(host.says_number("ends").await, 0);
    assert_eq!(host.says_number("healthy").await, 1);
}

#[tokio::test]
async fn a_host_that_slept_with_its_daemons_restarts_nothing() {
    let mark = mark("units-asleep");
    let mut host = Host::start_program(UNIT_HOST, &["frozen", DAEMON], &mark);
    host.says("ready").await;
    let mut everybody = marked(&mark);
    everybody.retain(|pid| *pid != host.pid());
    assert_eq!(everybody.len(), 3, "its daemons");
    host.signal(Signal::STOP);
    for pid in &everybody {
        rustix::process::kill_process(*pid, Signal::STOP).expect("it lives");
    }
    tokio::time::sleep(FREEZE).await;
    for pid in everybody {
        rustix::process::kill_process(pid, Signal::CONT).expect("it lives");
    }
    host.signal(Signal::CONT);
    host.tell("go on");
    assert_eq!(host.says_number("ends").await, 0);
    assert_eq!(host.says_number("healthy").await, 1);
}

#[tokio::test]
async fn a_host_that_is_killed_leaves_no_daemon() {
    let mark = mark("units-killed");
    let mut host = Host::start_program(UNIT_HOST, &["crowd", DAEMON], &mark);
    host.says("ready").await;
    // The host; five daemons, five that were left behind in sessions of their own.
    assert_eq!(marked(&mark).len(), 1 + 10);
    host.kill();
    match extinction(|| marked(&mark), LIMIT) {
        Ok(took) => println!("gone after {took:?}"),
        Err(left) => {
            let states: Vec<_> = left.iter().map(|pid| describe(*pid)).collect();
            sweep(&mark);
            panic!("{} are left after {LIMIT:?}: {states:?}", left.len());
        }
    }
}

/// How often all threads of a process have waited for something so far.
fn waits(host: &Host) -> u64 {
    let tasks = format!("/proc/{}/task", host.pid().as_raw_nonzero());
    let tasks = std::fs::read_dir(tasks).expect("the host lives");
    let waits = tasks.map(|task| {
        let status = task.expect("/proc").path().join("status");
        let status = std::fs::read_to_string(status).expect("its threads stay");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let number = line.expect("Linux says so").trim().parse::<u64>();
        number.expect("a number")
    });
    waits.sum()
}

#[tokio::test]
async fn two_hundred_idle_units_wake_nobody() {
    let mut host = Host::start_program(UNIT_HOST, &["idle", DAEMON], &mark("units-idle"));
    host.says("ready").await;
    // What is left of the start, and threads that end when they are idle for 10 s.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let before = waits(&host);
    // Time itself is what is tested here: one wake-up a second for each unit would be 400.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let woken = waits(&host) - before;
    println!("woken {woken} times in 2 s");
    assert!(woken < 20, "{woken}");
}
