//! A daemon that ends is started again as its policy says, and given up when that does not help.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::{Duration, Instant};

use common_units::*;
use greenroom::ExitReason;
use greenroom::supervisor::UnitNotice;
use greenroom::unit::{ExitMatch, Exits, Restart, RestartPolicy, UnitState};
use greenroom_tests::{Kill, UnitStory, is_there, kill, within};

#[tokio::test]
async fn a_daemon_that_is_killed_is_replaced() {
    let supervisor = supervisor([unit("api", "wait").restart_policy(quick())]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let first = story.until_started("api").await;
    let killed = Instant::now();
    kill(first, Kill::Now);
    let report = story.until_exited("api").await;
    assert!(matches!(
        report.reason,
        ExitReason::Signal {
            signal: SIGKILL,
            ..
        }
    ));
    assert!(!is_there(first), "it is reaped before its end is told");
    let second = story.until_started("api").await;
    println!("replaced after {:?}", killed.elapsed());
    assert_ne!(first, second);
    let status = within(20, supervisor.status("api")).await.unwrap();
    assert_eq!((status.pid, status.restarts), (Some(second), 1));
    assert_eq!(status.exits.len(), 1);
    within(20, supervisor.stop("the test")).await;
    assert!(!is_there(second));
}

/// Lives scaled to the window: what would be 10 ms, 0.3 s, 1.2 s of the defaults' 10 minutes.
#[tokio::test]
async fn a_crash_loop_is_given_up_whatever_it_lives_for() {
    for life in [0, 30, 120] {
        let policy = RestartPolicy {
            max_restarts: Some(4),
            window: Duration::from_secs(60),
            // Spawning well resets nothing.
            reset_after: Duration::from_secs(30),
            ..quick()
        };
        let crash = unit("crash", &format!("sleep {life} exit 3")).restart_policy(policy);
        let supervisor = supervisor([crash]);
        let mut story = UnitStory::of(&supervisor);
        // Ready as soon as it runs: the start may succeed or not.
        let _ = within(30, supervisor.start()).await;
        let why = story.until_failed("crash").await;
        assert!(why.contains("code 3"), "{why}");
        assert_eq!(story.starts("crash"), 5, "{life}");
        let status = within(20, supervisor.status("crash")).await.unwrap();
        assert_eq!(status.state, UnitState::Failed);
        assert_eq!((status.restarts, status.exits.len()), (4, 5));
        within(20, supervisor.stop("the test")).await;
    }
}

#[tokio::test]
async fn code_0_is_judged_by_the_policy() {
    for (restart, state) in [
        (Restart::Never, UnitState::Completed),
        (Restart::OnFailure, UnitState::Completed),
        (Restart::Always, UnitState::Failed),
    ] {
        let policy = RestartPolicy {
            restart,
            max_restarts: Some(2),
            ..quick()
        };
        let supervisor = supervisor([unit("job", "exit 0").restart_policy(policy)]);
        let mut story = UnitStory::of(&supervisor);
        let _ = within(30, supervisor.start()).await;
        story
            .until_unit("job", |notice| {
                let over = matches!(notice, UnitNotice::Completed | UnitNotice::Failed { .. });
                over.then_some(())
            })
            .await;
        let status = within(20, supervisor.status("job")).await.unwrap();
        assert_eq!(status.state, state, "{restart:?}: {}", status.why);
        let starts = if restart == Restart::Always { 3 } else { 1 };
        assert_eq!(story.starts("job"), starts, "{restart:?}");
    }
}

#[tokio::test]
async fn a_named_code_is_fatal() {
    let policy = RestartPolicy {
        exits: Exits {
            fatal: vec![ExitMatch::Code(78)],
            ..Exits::default()
        },
        ..quick()
    };
    let supervisor = supervisor([unit("misconfigured", "exit 78").restart_policy(policy)]);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(30, supervisor.start()).await;
    story.until_failed("misconfigured").await;
    assert_eq!(story.starts("misconfigured"), 1);
}
