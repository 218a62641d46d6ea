//! Async functions as units.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common_units::*;
use greenroom::supervisor::{UnitError, UnitNotice};
use greenroom::unit::{BoxError, Condition, OnFailure, Ready, Restart, RestartPolicy, UnitState};
use greenroom::{ExitReason, Task, Unit};
use greenroom_tests::{UnitStory, within};

async fn end_of(task: Task) -> ExitReason {
    let supervisor = supervisor([Unit::new("task", task).restart_policy(never())]);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(20, supervisor.start()).await;
    story.until_exited("task").await.reason.clone()
}

#[tokio::test]
async fn a_panic_is_a_failure_and_its_words_are_kept() {
    let task = Task::new(async |_| {
        assert_eq!(1 + 1, 2, "mathematics");
        panic!("the {} is broken", "machine")
    });
    let message = "the machine is broken".to_owned();
    assert_eq!(end_of(task).await, ExitReason::Panicked { message });
}

#[tokio::test]
async fn a_panic_before_the_first_step_is_one_too() {
    let task = Task::new(|_| -> std::future::Ready<Result<(), BoxError>> { panic!("at once") });
    let message = "at once".to_owned();
    assert_eq!(end_of(task).await, ExitReason::Panicked { message });
}

#[tokio::test]
async fn a_returned_error_is_a_failure_and_its_words_are_kept() {
    let task = Task::new(async |_| Err("no \u{1b}[31mdatabase".into()));
    let message = "no \u{fffd}[31mdatabase".to_owned();
    assert_eq!(end_of(task).await, ExitReason::Failed { message });
}

#[tokio::test]
async fn one_that_fails_is_started_again_until_it_does_not() {
    let tries = Arc::new(AtomicU32::new(0));
    let task = Task::new({
        let tries = Arc::clone(&tries);
        move |_| {
            let number = tries.fetch_add(1, Ordering::Relaxed);
            async move {
                match number {
                    0 => Err("not yet".into()),
                    1 => panic!("nor yet"),
                    _ => Ok(()),
                }
            }
        }
    });
    let unit = Unit::new("task", task).restart_policy(quick());
    let after = Unit::new("after", Task::new(async |_| Ok(())))
        .after("task", Condition::CompletedSuccessfully);
    let supervisor = supervisor([after, unit]);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(20, supervisor.start()).await;
    story
        .until_unit("after", |notice| {
            matches!(notice, greenroom::supervisor::UnitNotice::Completed).then_some(())
        })
        .await;
    assert_eq!(
        (tries.load(Ordering::Relaxed), story.starts("task")),
        (3, 3)
    );
    let status = within(5, supervisor.status("task")).await.unwrap();
    assert_eq!((status.state, status.pid), (UnitState::Completed, None));
}

#[tokio::test]
async fn one_that_is_told_to_end_by_its_token_has_ended_well() {
    let task = Task::new(async |token| {
        token.cancelled().await;
        Ok(())
    });
    let policy = RestartPolicy {
        restart: Restart::Always,
        ..quick()
    };
    let supervisor = supervisor([Unit::new("task", task).restart_policy(policy)]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let ending = within(20, supervisor.stop("the test")).await;
    assert!(ending.abandoned.is_empty());
    let report = story.until_exited("task").await;
    assert_eq!(
        report.class,
        greenroom::unit::ExitClass::Success,
        "{report}"
    );
    assert_eq!(story.starts("task"), 1);
}

#[tokio::test]
async fn one_that_ignores_its_token_is_dropped_at_its_next_wait() {
    struct Dropped(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, mut dropped) = tokio::sync::mpsc::unbounded_channel();
    let task = Task::new(move |_| {
        let guard = Dropped(sender.clone());
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok(())
        }
    });
    let unit = Unit::new("deaf", task).stop(ladder(&[(greenroom::unit::StopAction::Shutdown, 50)]));
    let supervisor = supervisor([unit]);
    started(&supervisor).await;
    let ending = within(20, supervisor.stop("the test")).await;
    assert!(ending.abandoned.is_empty());
    within(20, dropped.recv()).await.unwrap();
}

#[tokio::test]
async fn what_is_for_daemons_is_refused() {
    let task = || Unit::new("task", Task::new(async |_| Ok(())));
    let write = ladder(&[(greenroom::unit::StopAction::CloseStdin, 50)]);
    let units = [
        task().ready_when(Ready::Notify),
        task().ready_when(Ready::LogLine(regex_of("up"))),
        task().activity(Duration::from_secs(1), OnFailure::Warn),
        task().watchdog(Duration::from_secs(1)),
        task().memory_warn(1 << 20),
        task().memory_limit(1 << 20),
        task().stop(write),
        unit("daemon", "wait").stop(ladder(&[(greenroom::unit::StopAction::Shutdown, 50)])),
    ];
    for unit in units {
        let error = greenroom::Supervisor::builder()
            .unit(unit)
            .build()
            .unwrap_err();
        assert!(matches!(error, UnitError::WrongKind { .. }), "{error}");
    }
    let waits = Task::new(async |token| {
        token.cancelled().await;
        Ok(())
    });
    let supervisor = supervisor([Unit::new("task", waits)]);
    started(&supervisor).await;
    let errors = [
        within(5, supervisor.signal_unit("task", SIGTERM))
            .await
            .unwrap_err(),
        within(
            5,
            supervisor.write_stdin("task", "x", Duration::from_secs(5)),
        )
        .await
        .unwrap_err(),
        within(5, supervisor.pool("task")).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, UnitError::WrongKind { .. }), "{error}");
    }
}

/// They wait for a place, and none is left out.
#[tokio::test]
async fn many_callbacks_at_once_are_all_called() {
    const UNITS: u32 = 60;
    let (called, mut calls) = tokio::sync::mpsc::unbounded_channel();
    // Nobody gets through before all have failed.
    let (closed, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let units = (0..UNITS).map(|number| {
        let (called, gate) = (called.clone(), Arc::clone(&gate));
        Unit::new(
            format!("task-{number}"),
            Task::new(async |_| Err("no".into())),
        )
        .restart_policy(never())
        .on_failure(move |_| {
            let _open = gate.lock().unwrap().recv();
            let _ = called.send(number);
        })
    });
    let supervisor = supervisor(units);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(30, supervisor.start()).await;
    for number in 0..UNITS {
        let status = within(30, supervisor.status(&format!("task-{number}"))).await;
        if status.unwrap().state != UnitState::Failed {
            let failed =
                |notice: &UnitNotice| matches!(notice, UnitNotice::Failed { .. }).then_some(());
            story.until_unit(&format!("task-{number}"), failed).await;
        }
    }
    drop(closed);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < UNITS as usize {
        seen.insert(within(30, calls.recv()).await.unwrap());
    }
}

#[tokio::test]
async fn the_callbacks_of_one_unit_are_called_in_order() {
    let (called, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let unit = Unit::new("task", Task::new(async |_| Err("no".into())))
        .restart_policy(RestartPolicy {
            max_restarts: None,
            backoff: greenroom::unit::Backoff {
                initial: Duration::from_millis(1),
                max: Duration::from_millis(1),
            },
            ..RestartPolicy::default()
        })
        .on_restart(move |report| {
            let _ = called.send(report.run.generation);
        });
    let supervisor = supervisor([unit]);
    let _ = within(30, supervisor.start()).await;
    for generation in 0..20 {
        assert_eq!(within(30, calls.recv()).await, Some(generation));
    }
}
