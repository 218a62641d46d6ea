//! Whatever units go through, the host is left with the descriptors and children that it had. A
//! process of its own, so that no other test's are counted: one test only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::Duration;

use common_units::*;
use greenroom::unit::{OnFailure, Ready};
use greenroom::{Task, Unit};
use greenroom_tests::{UnitStory, children, descriptors, within};

fn two_hundred() -> Vec<Unit> {
    let kinds = (0..200).map(|number| {
        let name = format!("unit-{number}");
        match number % 8 {
            0 => unit(&name, "notify READY=1 wait").ready_when(Ready::Notify),
            1 => unit(&name, "print up wait").ready_when(Ready::LogLine(regex_of("up"))),
            2 => with_stdin(&name, "read"),
            3 => unit(&name, "wait").activity(Duration::from_secs(600), OnFailure::Warn),
            4 => Unit::new(
                name,
                Task::new(async |token| {
                    token.cancelled().await;
                    Ok(())
                }),
            ),
            _ => unit(&name, "wait"),
        }
    });
    kinds.collect()
}

async fn there_and_back() {
    let supervisor = supervisor(two_hundred());
    let mut story = UnitStory::of(&supervisor);
    within(120, supervisor.start()).await.unwrap();
    assert!(supervisor.all_healthy().await);
    within(120, supervisor.stop("the test")).await;
    assert!(children_but_guard().is_empty(), "{:?}", children());
    drop(supervisor);
    // Its task is gone when its events end.
    while let Some(_event) = within(20, story.next()).await {}
}

/// The guard of the daemons stays for the host's life.
fn children_but_guard() -> Vec<u32> {
    let mut children = children();
    children.retain(|pid| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !command.contains("greenroom")
    });
    children
}

#[tokio::test]
async fn two_hundred_units_leave_nothing() {
    // What belongs to the whole process is there after the first time.
    there_and_back().await;
    let before = descriptors();
    there_and_back().await;
    there_and_back().await;
    assert_eq!(descriptors(), before);
}
