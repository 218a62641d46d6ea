//! Whatever a unit does against it, it ends in time, and nothing of it stays.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common_units::*;
use greenroom::supervisor::{EndCause, Notice, UnitNotice};
use greenroom::unit::{Ready, StopAction, UnitState};
use greenroom::{Command, Daemon, ExitReason, ExitStatus, Supervisor, Task, Unit};
use greenroom_tests::{UnitStory, is_there, process_gone, within};

fn up() -> Ready {
    Ready::LogLine(regex_of("^up$"))
}

const KILLED: Option<ExitStatus> = Some(ExitStatus::Signal {
    signal: SIGKILL,
    core: false,
});

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed() {
    let deaf = Unit::new("deaf", deaf_daemon("print up wait"))
        .ready_when(up())
        .stop(ladder(&[(StopAction::Signal(SIGTERM), 200)]));
    let supervisor = supervisor([deaf]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let pid = story.until_started("deaf").await;
    let status = within(30, supervisor.stop_unit("deaf", "the test")).await;
    assert_eq!(status.unwrap().state, UnitState::Stopped);
    assert!(!is_there(pid));
    assert_eq!(story.until_exited("deaf").await.status, KILLED);
    let steps: Vec<_> = story
        .notices("deaf")
        .into_iter()
        .filter_map(|notice| match notice {
            UnitNotice::Stopping { step, .. } => Some(step.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [StopAction::Signal(SIGTERM), StopAction::Kill]);
}

#[tokio::test]
async fn what_has_left_the_group_ends_with_its_unit() {
    let supervisor = supervisor([unit("parent", "escape wait")]);
    let mut story = UnitStory::of(&supervisor);
    let mut lines = supervisor.output();
    started(&supervisor).await;
    let escaped: u32 = line(&mut lines, "left ").await.parse().unwrap();
    within(30, supervisor.stop("the test")).await;
    assert!(!is_there(escaped) || zombie(escaped));
    let report = story.until_exited("parent").await;
    assert_eq!(report.strays, [escaped]);
    assert!(!report.output_held_open);
}

#[tokio::test]
async fn output_that_is_held_open_after_the_exit_is_not_waited_for() {
    let supervisor = supervisor([unit("parent", "hold print bye exit 7").restart_policy(never())]);
    let mut story = UnitStory::of(&supervisor);
    let mut lines = supervisor.output();
    let _ = within(30, supervisor.start()).await;
    let holder: u32 = line(&mut lines, "left ").await.parse().unwrap();
    let report = story.until_exited("parent").await;
    assert!(report.output_held_open);
    assert_eq!(report.last_lines.last().unwrap(), "bye");
    assert_eq!(report.reason, ExitReason::Code { code: 7 });
    assert_eq!(report.strays, [holder]);
    process_gone(holder).await;
}

#[tokio::test]
async fn units_stop_side_by_side() {
    let slow = "trap 'sleep 1; exit 0' TERM; echo up; sleep 600 & wait";
    let units = (0..10).map(|number| {
        let daemon = Daemon::new(move || Command::new("sh").args(["-c", slow]));
        Unit::new(format!("slow-{number}"), daemon).ready_when(up())
    });
    let supervisor = supervisor(units);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let begun = Instant::now();
    let ending = within(30, supervisor.stop("the test")).await;
    let took = begun.elapsed();
    println!("ten that need 1 s each were stopped after {took:?}");
    // One after another would be 10 s.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((ending.abandoned.len(), ending.exit_code()), (0, 0));
    story.until_exits(10).await;
    let of = |wanted: fn(&UnitNotice) -> bool| {
        let positions = story.seen().iter().enumerate();
        positions.filter_map(move |(position, event)| match &event.notice {
            Notice::Unit { notice, .. } if wanted(notice) => Some(position),
            _ => None,
        })
    };
    let last_order = of(|notice| matches!(notice, UnitNotice::Stopping { .. })).max();
    let first_exit = of(|notice| matches!(notice, UnitNotice::Exited(_))).min();
    assert!(last_order < first_exit, "all are told before one has gone");
}

#[tokio::test]
async fn the_shutdown_timeout_holds_whatever_the_ladders_say() {
    let patient = ladder(&[(StopAction::Signal(SIGTERM), 600_000)]);
    let deaf = Unit::new("deaf", deaf_daemon("print up wait"))
        .ready_when(up())
        .stop(patient);
    let supervisor = Supervisor::builder()
        .shutdown_timeout(Duration::from_millis(300))
        .unit(deaf)
        .build()
        .unwrap();
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let ending = within(30, supervisor.stop("the test")).await;
    assert!(ending.abandoned.is_empty());
    assert_eq!(story.until_exited("deaf").await.status, KILLED);
}

#[tokio::test]
async fn a_daemon_can_be_told_by_its_stdin() {
    let write = StopAction::Write("q\n".into());
    for (step, said) in [(write, "read q"), (StopAction::CloseStdin, "end of input")] {
        let reader = unit("reader", "print up read").ready_when(up());
        let supervisor = supervisor([reader.stop(ladder(&[(step, 60_000)]))]);
        let mut story = UnitStory::of(&supervisor);
        started(&supervisor).await;
        within(30, supervisor.stop("the test")).await;
        let report = story.until_exited("reader").await;
        assert_eq!(report.status, Some(ExitStatus::Code(0)));
        assert_eq!(report.last_lines.last().unwrap(), said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_does_not_yield_is_named_and_abandoned() {
    let release = Arc::new(AtomicBool::new(false));
    let stubborn = Task::new({
        let release = Arc::clone(&release);
        move |_| {
            let release = Arc::clone(&release);
            async move {
                while !release.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(())
            }
        }
    });
    let supervisor = Supervisor::builder()
        .shutdown_timeout(Duration::from_millis(1_500))
        .unit(Unit::new("stubborn", stubborn))
        .unit(unit("good", "wait"))
        .build()
        .unwrap();
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let ending = within(30, supervisor.stop("the test")).await;
    assert_eq!(ending.abandoned, ["stubborn"]);
    assert!(matches!(ending.cause, EndCause::Requested { .. }));
    let blockers = story
        .until(|event| match &event.notice {
            Notice::Blocked(blockers) => Some(blockers.clone()),
            _ => None,
        })
        .await;
    assert_eq!(blockers[0].name, "stubborn");
    assert_eq!(blockers[0].step, Some(StopAction::Shutdown));
    release.store(true, Ordering::Relaxed);
}

#[tokio::test]
async fn everybody_who_stops_or_waits_sees_the_same_end() {
    let supervisor = supervisor([
        unit("a", "wait"),
        unit("b", "wait").after("a", Default::default()),
    ]);
    started(&supervisor).await;
    let (stopped, again, ended) = within(30, async {
        tokio::join!(
            supervisor.stop("the first"),
            supervisor.stop("the second"),
            supervisor.ended()
        )
    })
    .await;
    assert_eq!((&stopped, &stopped), (&again, &ended));
    let by = "the first".to_owned();
    assert_eq!(stopped.cause, EndCause::Requested { by });
    assert_eq!(within(5, supervisor.ended()).await, stopped);
    assert_eq!(within(5, supervisor.stop("the third")).await, stopped);
}

#[tokio::test]
async fn what_was_stopped_can_be_started_again() {
    let supervisor = supervisor([unit("api", "wait")]);
    let mut story = UnitStory::of(&supervisor);
    let mut pids = Vec::new();
    for _ in 0..3 {
        started(&supervisor).await;
        pids.push(story.until_started("api").await);
        assert!(within(5, supervisor.all_healthy()).await);
        within(30, supervisor.stop("the test")).await;
    }
    pids.dedup();
    assert_eq!(pids.len(), 3);
    let status = within(5, supervisor.status("api")).await.unwrap();
    assert_eq!((status.generation, status.restarts), (Some(2), 0));
}

#[tokio::test]
async fn what_never_began_is_stopped_at_once() {
    let supervisor = supervisor([unit("api", "wait")]);
    let ending = within(5, supervisor.stop("the test")).await;
    assert_eq!(ending.exit_code(), 0);
    assert_eq!(within(5, supervisor.ended()).await, ending);
    started(&supervisor).await;
    let mut ended = Box::pin(supervisor.ended());
    assert!(
        greenroom_tests::waits(&mut ended).await,
        "it has begun anew"
    );
}

#[tokio::test]
async fn the_last_handle_takes_everything_with_it() {
    let deaf = Unit::new("deaf", deaf_daemon("print up wait")).ready_when(up());
    let supervisor = supervisor([deaf]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let pid = story.until_started("deaf").await;
    drop(supervisor.clone());
    assert!(is_there(pid));
    drop(supervisor);
    process_gone(pid).await;
}

#[tokio::test]
async fn a_kill_waits_for_no_ladder() {
    let patient = ladder(&[(StopAction::Signal(SIGTERM), 600_000)]);
    let deaf = Unit::new("deaf", deaf_daemon("print up wait"))
        .ready_when(up())
        .stop(patient);
    let supervisor = supervisor([deaf]);
    started(&supervisor).await;
    let mut stopping = Box::pin(supervisor.stop("the first signal"));
    assert!(greenroom_tests::waits(&mut stopping).await);
    let (stopped, killed) = within(30, async {
        tokio::join!(stopping, supervisor.kill("the second signal"))
    })
    .await;
    assert_eq!(stopped, killed);
    assert!(killed.abandoned.is_empty());
}
