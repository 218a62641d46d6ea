//! Pools of workers as units.

use std::path::Path;

use crate::running::{Up, text};

/// The worker that is built with these tests.
fn worker() -> String {
    let test = std::env::current_exe().unwrap();
    let worker = test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/moody");
    assert!(worker.exists(), "run cargo build --examples first");
    worker.to_str().unwrap().to_owned()
}

#[test]
fn a_pool_is_warm_when_it_is_ready_and_can_be_scaled() {
    let worker = worker();
    let mut up = Up::start(&format!(
        "[pool.work]\nworker = [{worker:?}]\nidle = 1\n\
         [daemon.api]\ncommand = [\"sleep\", \"1000\"]\nautostart = false\n"
    ));
    up.event("work", "ready");
    let workers = |up: &Up| up.status("work")["processes"].as_u64().unwrap();
    assert_eq!(workers(&up), 1);
    up.ask(&["scale", "work", "2"]);
    // Each question is a round trip through the supervisor.
    assert!(
        (0..1_000).any(|_| workers(&up) == 2),
        "{}",
        up.status("work")
    );
    let output = up.run(&["scale", "api", "2"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "greenroom: api is a daemon: only pools can be scaled\n"
    );
    let output = up.run(&["signal", "work", "TERM"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("work is a pool"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_pool_whose_worker_is_none_says_why() {
    let mut up = Up::start("[pool.work]\nworker = [\"true\"]\nidle = 1\nrestart = \"never\"\n");
    let failed = up.event("work", "failed");
    assert!(
        failed["text"].as_str().unwrap().contains("worker"),
        "{failed}"
    );
}
