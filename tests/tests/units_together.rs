//! Units that depend on each other, belong together, or end everything; and who is called back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::sync::mpsc;
use std::time::Duration;

use common_units::*;
use greenroom::supervisor::{
    EndCause, Escalation, Group, Notice, Strategy, SupervisorBuilder, UnitNotice,
};
use greenroom::unit::{Condition, Ready, RestartPolicy, UnitState};
use greenroom::{ExitReason, Supervisor, Unit};
use greenroom_tests::{Kill, Scratch, UnitStory, kill, lines, within};

fn with(
    units: impl IntoIterator<Item = Unit>,
    groups: impl IntoIterator<Item = Group>,
) -> Supervisor {
    let builder = groups
        .into_iter()
        .fold(Supervisor::builder(), SupervisorBuilder::group);
    let builder = units.into_iter().fold(builder, SupervisorBuilder::unit);
    builder.build().unwrap()
}

#[tokio::test]
async fn units_start_after_those_they_need_and_stop_before_them() {
    let scratch = Scratch::new();
    let book = scratch.file("book");
    let script =
        "echo +$1 >> \"$0\"; trap 'echo -$1 >> \"$0\"; exit' TERM; echo up; sleep 600 & wait";
    let unit = |name: &'static str| {
        let book = book.clone();
        let daemon = greenroom::Daemon::new(move || {
            greenroom::Command::new("sh").args(["-c", script, &book, name])
        });
        Unit::new(name, daemon).ready_when(Ready::LogLine(regex_of("^up$")))
    };
    let supervisor = supervisor([
        unit("web").after("api", Condition::Ready),
        unit("api").after("database", Condition::Ready),
        unit("database"),
    ]);
    started(&supervisor).await;
    within(30, supervisor.stop("the test")).await;
    let order = ["+database", "+api", "+web", "-web", "-api", "-database"];
    assert_eq!(lines(&book), order);
}

#[tokio::test]
async fn a_unit_can_wait_for_work_to_be_done() {
    let migrate = unit("migrate", "sleep 50 exit 0");
    let broken = unit("broken", "exit 1").restart_policy(never());
    let api = unit("api", "wait").after("migrate", Condition::CompletedSuccessfully);
    let never = unit("never", "wait").after("broken", Condition::CompletedSuccessfully);
    let anyway = unit("anyway", "wait").after("broken", Condition::Completed);
    let supervisor = supervisor([api, migrate, broken, never, anyway]);
    let mut story = UnitStory::of(&supervisor);
    within(30, supervisor.start()).await.unwrap_err();
    story.until(|_| Some(())).await;
    for (unit, state) in [("api", UnitState::Ready), ("anyway", UnitState::Ready)] {
        let status = within(20, supervisor.start_unit(unit)).await;
        // It may be waiting for the other still.
        if status.is_err() {
            story.until_ready(unit).await;
        }
        let status = within(5, supervisor.status(unit)).await.unwrap();
        assert_eq!(status.state, state, "{unit}: {}", status.why);
    }
    let status = within(5, supervisor.status("never")).await.unwrap();
    assert_eq!(status.state, UnitState::Waiting);
    assert!(status.why.contains("broken"), "{}", status.why);
}

#[tokio::test]
async fn a_group_that_is_one_for_all_restarts_together() {
    let group = Group::new("trio", Strategy::OneForAll);
    let member = |name| unit(name, "wait").group("trio").restart_policy(quick());
    let alone = unit("alone", "wait");
    let supervisor = with([member("a"), member("b"), member("c"), alone], [group]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let pid = story.until_started("b").await;
    kill(pid, Kill::Now);
    let reports = within(30, async {
        let mut reports = Vec::new();
        while reports.len() < 3 {
            let report = story.until(|event| event.report.clone()).await;
            reports.push(report);
        }
        reports
    })
    .await;
    for report in &reports[1..] {
        assert!(
            matches!(&report.reason, ExitReason::GroupRestart { culprit } if culprit == "b"),
            "{report}"
        );
    }
    within(30, async {
        while !supervisor.all_healthy().await {
            story.until(|_| Some(())).await;
        }
    })
    .await;
    for unit in ["a", "b", "c"] {
        assert_eq!(
            within(5, supervisor.status(unit)).await.unwrap().generation,
            Some(1)
        );
    }
    let alone = within(5, supervisor.status("alone")).await.unwrap();
    assert_eq!(alone.generation, Some(0));
}

#[tokio::test]
async fn a_group_that_may_not_fail_ends_everything() {
    let group = Group {
        escalation: Escalation::Shutdown,
        ..Group::new("core", Strategy::OneForOne)
    };
    let bad = unit("bad", "exit 9")
        .group("core")
        .restart_policy(RestartPolicy {
            max_restarts: Some(1),
            ..quick()
        });
    let supervisor = with([unit("good", "wait"), bad], [group]);
    let _ = within(30, supervisor.start()).await;
    let ending = within(30, supervisor.ended()).await;
    assert!(
        matches!(&ending.cause, EndCause::GroupGaveUp { group, .. } if group == "core"),
        "{ending:?}"
    );
    assert_eq!(ending.exit_code(), 9);
}

#[tokio::test]
async fn a_significant_unit_takes_the_others_and_its_code_with_it() {
    let deaf =
        Unit::new("deaf", deaf_daemon("print up wait")).ready_when(Ready::LogLine(regex_of("up")));
    let api = unit("api", "sleep 100 exit 42")
        .after("deaf", Condition::Ready)
        .significant(true)
        .restart_policy(never());
    let units = [deaf, unit("other", "wait"), api];
    let builder = Supervisor::builder().shutdown_timeout(Duration::from_millis(300));
    let builder = units.into_iter().fold(builder, SupervisorBuilder::unit);
    let supervisor = builder.build().unwrap();
    let mut story = UnitStory::of(&supervisor);
    let _ = within(30, supervisor.start()).await;
    let ending = within(30, supervisor.ended()).await;
    let EndCause::Significant(exit) = &ending.cause else {
        panic!("{ending:?}");
    };
    assert_eq!((&*exit.name, ending.exit_code()), ("api", 42));
    story
        .until(|event| matches!(event.notice, Notice::ShuttingDown { .. }).then_some(()))
        .await;
    // Everybody is gone, and can be started anew.
    for status in within(5, supervisor.statuses()).await {
        assert!(!status.state.is_running(), "{}", status.name);
    }
}

#[tokio::test]
async fn callbacks_are_told_and_can_neither_block_nor_break_the_supervisor() {
    let (told, tells) = mpsc::channel();
    let failed = told.clone();
    let bad = unit("bad", "exit 5")
        .restart_policy(RestartPolicy {
            max_restarts: Some(3),
            ..quick()
        })
        .on_restart(move |report| {
            told.send(format!("restart {}", report.reason)).unwrap();
            panic!("in a callback");
        })
        .on_failure(move |report| {
            failed.send(format!("failure {}", report.reason)).unwrap();
            // For ever, as far as the supervisor goes.
            loop {
                std::thread::park();
            }
        });
    let supervisor = supervisor([bad, unit("good", "wait")]);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(30, supervisor.start()).await;
    story.until_failed("bad").await;
    let limit = Duration::from_secs(20);
    let mut said: Vec<String> = (0..4).map(|_| tells.recv_timeout(limit).unwrap()).collect();
    said.sort();
    assert_eq!(said[0], "failure exited with code 5");
    assert_eq!(said[1..], ["restart exited with code 5"; 3]);
    within(30, supervisor.stop("the test")).await;
}

#[tokio::test]
async fn a_unit_that_has_failed_can_be_started_by_hand() {
    let scratch = Scratch::new();
    let file = scratch.file("there");
    let script = "test -e \"$0\" && exec sleep 600; exit 1";
    let path = file.clone();
    let daemon =
        greenroom::Daemon::new(move || greenroom::Command::new("sh").args(["-c", script, &path]));
    let api = Unit::new("api", daemon)
        .ready_when(Ready::Delay(Duration::from_millis(50)))
        .restart_policy(never());
    let supervisor = supervisor([api]);
    within(30, supervisor.start()).await.unwrap_err();
    std::fs::write(&file, "").unwrap();
    let status = within(30, supervisor.start_unit("api")).await.unwrap();
    assert_eq!(status.state, UnitState::Ready);
    let mut story = UnitStory::of(&supervisor);
    within(30, supervisor.stop("the test")).await;
    story
        .until_unit("api", |notice| {
            matches!(notice, UnitNotice::Stopped).then_some(())
        })
        .await;
}
