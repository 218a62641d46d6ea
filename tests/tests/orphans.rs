//! A host that is killed leaves nobody behind, whatever its workers are doing.
//!
//! The promise is one second. What is asserted leaves room for a machine that is busy with other
//! tests; what was measured is printed.

mod common_b;

use std::time::Duration;

use common_b::*;
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(4);
const BRUTE: &str = env!("CARGO_BIN_EXE_brute");

fn nobody_is_left(host: &mut Host, mark: &str) -> Duration {
    host.kill();
    match extinction(|| marked(mark), LIMIT) {
        Ok(took) => took,
        Err(left) => {
            let states: Vec<_> = left.iter().map(|pid| describe(*pid)).collect();
            sweep(mark);
            panic!("{} are left after {LIMIT:?}: {states:?}", left.len());
        }
    }
}

#[tokio::test]
async fn twenty_workers_with_jobs_that_spin_and_fork_are_gone_with_their_host() {
    let mark = mark("crowd");
    let jobs = [
        "spin",
        "child-then-spin",
        "child",
        "blocking 60000",
        "block 60000",
    ];
    let mut arguments = vec!["crowd", BRUTE, "20"];
    arguments.extend(jobs);
    let mut host = Host::start(&arguments, &mark);
    host.says("ready").await;
    // The host, its workers, and a child of two fifths of them. One that is in the middle of `exec` does
    // not show its mark, so that several looks may be needed.
    let everybody = 1 + 20 + 8;
    let mut looks = (0..100).map(|_| marked(&mark).len());
    assert!(looks.any(|seen| seen == everybody), "{:?}", marked(&mark));
    println!("gone after {:?}", nobody_is_left(&mut host, &mark));
}

#[tokio::test]
async fn stopped_workers_are_gone_with_their_host() {
    let mark = mark("stopped");
    let mut host = Host::start(&["crowd", BRUTE, "3", "blocking 60000"], &mark);
    host.says("ready").await;
    let mut workers = marked(&mark);
    workers.retain(|pid| *pid != host.pid());
    assert_eq!(workers.len(), 3);
    for worker in workers {
        rustix::process::kill_process(worker, Signal::STOP).expect("it lives");
    }
    println!("gone after {:?}", nobody_is_left(&mut host, &mark));
}

#[tokio::test]
async fn a_host_that_is_killed_at_any_instant_leaves_nobody() {
    let marks: Vec<_> = (0..10)
        .map(|round| mark(&format!("churn-{round}")))
        .collect();
    for (round, mark) in (0..).zip(&marks) {
        let mut host = Host::start(&["churn", BRUTE, "3"], mark);
        // Even rounds while the first workers are being born, odd ones while they come and go.
        if round % 2 == 1 {
            host.says("ready").await;
        }
        tokio::time::sleep(Duration::from_millis(round * 7)).await;
        println!("gone after {:?}", nobody_is_left(&mut host, mark));
    }
    // Nor has anybody come up since who was not to be seen at that moment.
    for mark in marks {
        assert_eq!(marked(&mark), []);
    }
}
