//! Units that run but do not do well.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::Duration;

use common_units::*;
use greenroom::supervisor::UnitNotice;
use greenroom::unit::{Check, OnFailure, Ready, UnitState};
use greenroom::{Command, ExitReason, Probe};
use greenroom_tests::{Scratch, UnitStory, is_there, process_gone, within};

fn check(on_failure: OnFailure) -> Check {
    Check {
        period: Duration::from_millis(20),
        threshold: 2,
        on_failure,
        ..Check::new("health")
    }
}

fn http(port: u16) -> Probe {
    Probe::http(format!("http://127.0.0.1:{port}/")).unwrap()
}

#[tokio::test]
async fn a_check_that_fails_restarts() {
    let scratch = Scratch::new();
    let (port, file) = (free_port(), scratch.file("status"));
    std::fs::write(&file, "200").unwrap();
    let web = unit("web", &format!("serve {port} {file} print up wait"))
        .ready_when(Ready::LogLine(regex_of("up")))
        .check(check(OnFailure::Restart), http(port))
        .restart_policy(quick());
    let supervisor = supervisor([web]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    std::fs::write(&file, "500").unwrap();
    let report = story.until_exited("web").await;
    assert!(
        matches!(&report.reason, ExitReason::CheckFailed { check, failures: 2, .. } if check == "health"),
        "{report}"
    );
    std::fs::write(&file, "200").unwrap();
    story.until_ready("web").await;
}

#[tokio::test]
async fn a_check_may_only_warn_and_recovers() {
    let scratch = Scratch::new();
    let file = scratch.file("good");
    std::fs::write(&file, "").unwrap();
    let probe = Probe::exec(&Command::new("test").args(["-e", &file])).unwrap();
    let web = unit("web", "wait").check(check(OnFailure::Warn), probe);
    let supervisor = supervisor([web]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    std::fs::remove_file(&file).unwrap();
    story
        .until_unit("web", |notice| {
            matches!(notice, UnitNotice::CheckFailed { failures: 2, .. }).then_some(())
        })
        .await;
    let report = within(5, supervisor.health_report()).await;
    assert_eq!(report[0].0, "web");
    assert!(report[0].1.contains("health"), "{report:?}");
    assert!(!within(5, supervisor.all_healthy()).await);
    std::fs::write(&file, "").unwrap();
    story
        .until_unit("web", |notice| {
            matches!(notice, UnitNotice::CheckRecovered { .. }).then_some(())
        })
        .await;
    assert!(within(5, supervisor.all_healthy()).await);
    assert_eq!(story.starts("web"), 1);
}

#[tokio::test]
async fn silence_may_restart() {
    let silent = unit("stream", "print frame wait")
        .activity(Duration::from_millis(150), OnFailure::Restart)
        .restart_policy(quick());
    let supervisor = supervisor([silent]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let report = story.until_exited("stream").await;
    assert!(
        matches!(report.reason, ExitReason::Silent { .. }),
        "{report}"
    );
    story.until_started("stream").await;
}

#[tokio::test]
async fn silence_may_only_warn_and_stdin_is_no_activity() {
    let silent = with_stdin("stream", "read")
        .activity(Duration::from_millis(300), OnFailure::Warn)
        .restart_policy(never());
    let supervisor = supervisor([silent]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    story
        .until_unit("stream", |notice| {
            matches!(notice, UnitNotice::Silent(_)).then_some(())
        })
        .await;
    let status = within(5, supervisor.status("stream")).await.unwrap();
    assert_eq!(
        (status.state, status.last_activity),
        (UnitState::Ready, None)
    );
    // What is written to it makes it speak, and only that counts.
    let wrote = supervisor.write_stdin("stream", "hello\n", Duration::from_secs(20));
    let mut lines = supervisor.output();
    within(20, wrote).await.unwrap();
    assert_eq!(line(&mut lines, "read ").await, "hello");
    let status = within(5, supervisor.status("stream")).await.unwrap();
    assert!(status.last_activity.is_some());
}

#[tokio::test]
async fn a_watchdog_that_is_not_fed_bites() {
    let fed =
        unit("fed", "beat 20 WATCHDOG=1 env WATCHDOG_USEC wait").watchdog(Duration::from_secs(20));
    let hungry = unit("hungry", "notify WATCHDOG=1 wait")
        .watchdog(Duration::from_millis(200))
        .restart_policy(never());
    let broken = unit("broken", "notify WATCHDOG=trigger wait")
        .watchdog(Duration::from_secs(60))
        .restart_policy(never());
    let supervisor = supervisor([fed, hungry, broken]);
    let mut lines = supervisor.output();
    let mut story = UnitStory::of(&supervisor);
    let _ = within(30, supervisor.start()).await;
    assert_eq!(line(&mut lines, "20000000").await, "");
    for unit in ["hungry", "broken"] {
        let mut story = UnitStory::of(&supervisor);
        let status = within(30, supervisor.status(unit)).await.unwrap();
        let reason = match status.exits.first() {
            Some(report) => report.reason.clone(),
            None => story.until_exited(unit).await.reason.clone(),
        };
        assert!(
            matches!(reason, ExitReason::Watchdog { .. }),
            "{unit} {reason}"
        );
    }
    story.until_ready("fed").await;
    assert_eq!(story.starts("fed"), 1);
}

#[tokio::test]
async fn the_memory_of_the_whole_group_is_limited() {
    let daemon = greenroom::Daemon::new(|| {
        // The parent is small, its child is not.
        let script = "\"$0\" grow 96 wait & wait";
        Command::new("sh").args(["-c", script, DAEMON])
    });
    let greedy = greenroom::Unit::new("greedy", daemon)
        .memory_sample(Duration::from_millis(100))
        .memory_limit(48 << 20)
        .restart_policy(never());
    let supervisor = supervisor([greedy]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let report = story.until_exited("greedy").await;
    assert!(
        matches!(report.reason, ExitReason::MemoryLimit { .. }),
        "{report}"
    );
    assert!(report.peak_memory > 48 << 20);
}

#[tokio::test]
async fn status_measures_the_whole_group() {
    let daemon = greenroom::Daemon::new(|| {
        let script = "\"$0\" grow 64 print up wait & wait";
        Command::new("sh").args(["-c", script, DAEMON])
    });
    let unit = greenroom::Unit::new("tree", daemon).ready_when(Ready::LogLine(regex_of("up")));
    let supervisor = supervisor([unit]);
    started(&supervisor).await;
    let status = within(20, supervisor.status("tree")).await.unwrap();
    assert_eq!(status.processes, 2);
    assert!(status.memory > 64 << 20, "{}", status.memory);
    assert!(status.peak_memory >= status.memory);
    assert!(status.uptime.is_some() && status.started.is_some());
}

#[tokio::test]
async fn what_a_check_has_left_behind_ends_with_its_unit() {
    let scratch = Scratch::new();
    let file = scratch.file("stray");
    // One only, however often it is checked. It leaves its group.
    let script = "set -C; { : >\"$1.once\"; } 2>/dev/null || exit 0; \
                  setsid sh -c 'echo $$; exec sleep 1000' >\"$1\" & \
                  while ! [ -s \"$1\" ]; do sleep 0.01; done";
    let probe = Probe::exec(&Command::new("sh").args(["-c", script, "sh", &file])).unwrap();
    let web = unit("web", "wait").ready_when(Ready::Probe {
        probe,
        period: Duration::from_millis(50),
        timeout: Duration::from_secs(20),
    });
    let supervisor = supervisor([web]);
    started(&supervisor).await;
    let stray: u32 = std::fs::read_to_string(&file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(is_there(stray));
    within(30, supervisor.stop_unit("web", "the test"))
        .await
        .unwrap();
    process_gone(stray).await;
}
