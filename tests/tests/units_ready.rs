//! When a unit counts as ready, and who waits for that.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::io;
use std::time::Duration;

use common_units::*;
use greenroom::supervisor::{UnitError, UnitNotice};
use greenroom::unit::{Condition, Ready, RestartPolicy, UnitState};
use greenroom::{Command, Daemon, ExitReason, Probe, Unit};
use greenroom_tests::{Scratch, UnitStory, within};

async fn state(supervisor: &greenroom::Supervisor, unit: &str) -> UnitState {
    within(20, supervisor.status(unit)).await.unwrap().state
}

#[tokio::test]
async fn it_may_say_so_by_notify() {
    let scratch = Scratch::new();
    let gate = fifo(&scratch, "gate");
    let steps = format!("print up gate {gate} notify READY=1\\nSTATUS=all\u{7}well wait");
    let supervisor = supervisor([unit("service", &steps).ready_when(Ready::Notify)]);
    let mut lines = supervisor.output();
    let (result, ()) = within(30, async {
        tokio::join!(supervisor.start(), async {
            line(&mut lines, "up").await;
            assert_eq!(state(&supervisor, "service").await, UnitState::Started);
            open(&gate);
        })
    })
    .await;
    result.unwrap();
    let status = within(20, supervisor.status("service")).await.unwrap();
    assert_eq!(status.state, UnitState::Ready);
    assert_eq!(status.status_text.unwrap(), "all\u{fffd}well");
}

#[tokio::test]
async fn it_may_say_so_by_a_line() {
    let ready = Ready::LogLine(regex_of(r"^listening on \d+$"));
    let daemon = Daemon::new(|| Command::new(DAEMON).args(["complain", "listening on 80", "wait"]));
    let supervisor = supervisor([Unit::new("web", daemon).ready_when(ready)]);
    started(&supervisor).await;
    assert_eq!(state(&supervisor, "web").await, UnitState::Ready);
}

#[tokio::test]
async fn it_may_be_seen_by_tcp_and_http() {
    let scratch = Scratch::new();
    let port = free_port();
    let file = scratch.file("status");
    let probe = |probe: Probe| Ready::Probe {
        probe,
        period: Duration::from_millis(20),
        timeout: Duration::from_secs(3),
    };
    let tcp = probe(Probe::tcp(format!("127.0.0.1:{port}")).unwrap());
    let web = unit("web", &format!("serve {port} {file} print up wait")).ready_when(tcp);
    let http = probe(Probe::http(format!("http://127.0.0.1:{port}/health")).unwrap());
    let page = unit("page", "wait")
        .after("web", Condition::Ready)
        .ready_when(http);
    let supervisor = supervisor([page, web]);
    let mut lines = supervisor.output();
    let mut story = UnitStory::of(&supervisor);
    let (result, ()) = within(30, async {
        tokio::join!(supervisor.start(), async {
            line(&mut lines, "up").await;
            story.until_ready("web").await;
            story.until_started("page").await;
            assert_eq!(state(&supervisor, "page").await, UnitState::Started);
            std::fs::write(&file, "204").unwrap();
        })
    })
    .await;
    result.unwrap();
    story.until_ready("page").await;
}

#[tokio::test]
async fn it_may_just_take_its_time() {
    let delay = Duration::from_millis(200);
    let supervisor = supervisor([unit("slow", "wait").ready_when(Ready::Delay(delay))]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let after = story
        .until_unit("slow", |notice| match notice {
            UnitNotice::Ready { after } => Some(*after),
            _ => None,
        })
        .await;
    assert!(after >= delay, "{after:?}");
}

#[tokio::test]
async fn one_that_is_not_ready_in_time_has_failed() {
    let silent = unit("silent", "wait")
        .ready_when(Ready::Notify)
        .start_timeout(Duration::from_millis(150))
        .restart_policy(RestartPolicy {
            max_restarts: Some(1),
            ..quick()
        });
    let supervisor = supervisor([silent]);
    let mut story = UnitStory::of(&supervisor);
    let failed = within(30, supervisor.start()).await.unwrap_err();
    assert_eq!(failed.not_ready.len(), 1);
    assert_eq!(failed.not_ready[0].state, UnitState::Failed);
    let report = story.until_exited("silent").await;
    assert!(
        matches!(report.reason, ExitReason::StartTimeout { .. }),
        "{report}"
    );
}

#[tokio::test]
async fn one_that_asks_for_more_time_gets_it() {
    let steps = "notify EXTEND_TIMEOUT_USEC=30000000 sleep 600 notify READY=1 wait";
    let slow = unit("slow", steps)
        .ready_when(Ready::Notify)
        .start_timeout(Duration::from_millis(500))
        .restart_policy(never());
    let supervisor = supervisor([slow]);
    started(&supervisor).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_tried_once() {
    let nowhere = Unit::new("nowhere", Daemon::new(|| Command::new("/nowhere/at/all")));
    let waiting = unit("waiting", "wait").after("nowhere", Condition::Started);
    let supervisor = supervisor([nowhere.restart_policy(quick()), waiting]);
    let mut story = UnitStory::of(&supervisor);
    let failed = within(30, supervisor.start()).await.unwrap_err();
    let names: Vec<_> = failed.not_ready.iter().map(|unit| &*unit.name).collect();
    assert_eq!(names, ["nowhere", "waiting"]);
    assert_eq!(failed.not_ready[1].state, UnitState::Waiting);
    let text = failed.to_string();
    assert!(text.contains("/nowhere/at/all does not exist"), "{text}");
    story.until_failed("nowhere").await;
    let starting = |notice: &&&UnitNotice| matches!(notice, UnitNotice::Starting { .. });
    assert_eq!(story.notices("nowhere").iter().filter(starting).count(), 1);
}

#[tokio::test]
async fn a_command_that_cannot_be_built_is_built_anew() {
    let scratch = Scratch::new();
    let tries = scratch.file("tries");
    let daemon = Daemon::fallible(move || {
        use io::Write;
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&tries)?;
        file.write_all(b"x\n")?;
        match std::fs::read_to_string(&tries)?.lines().count() {
            1 => Err(io::Error::other("no token yet")),
            2 => panic!("a bad token"),
            _ => Ok(Command::new(DAEMON).arg("wait")),
        }
    });
    let supervisor = supervisor([Unit::new("api", daemon).restart_policy(quick())]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let first = story.until_exited("api").await.reason.to_string();
    assert!(first.contains("no token yet"), "{first}");
    let second = story.until_exited("api").await.reason.to_string();
    assert!(second.contains("a bad token"), "{second}");
    assert_eq!(state(&supervisor, "api").await, UnitState::Ready);
}

#[tokio::test]
async fn start_unit_says_what_it_waits_for() {
    let first = unit("first", "wait").autostart(false);
    let second = unit("second", "wait").after("first", Condition::Ready);
    let supervisor = supervisor([first, second.autostart(false)]);
    started(&supervisor).await;
    let error = within(20, supervisor.start_unit("second"))
        .await
        .unwrap_err();
    let UnitError::NotReady(status) = error else {
        panic!("{error}");
    };
    assert_eq!(status.state, UnitState::Waiting);
    assert!(status.why.contains("first"), "{}", status.why);
    within(20, supervisor.start_unit("first")).await.unwrap();
    let status = within(20, supervisor.start_unit("second")).await.unwrap();
    assert_eq!(status.state, UnitState::Ready);
}

#[tokio::test]
async fn a_restart_on_request_gives_a_new_process_and_no_failure() {
    let supervisor = supervisor([unit("api", "wait").restart_policy(never())]);
    started(&supervisor).await;
    let first = within(20, supervisor.status("api")).await.unwrap();
    let second = within(20, supervisor.restart_unit("api", "the test"))
        .await
        .unwrap();
    assert_eq!(second.state, UnitState::Ready);
    assert_ne!(first.pid, second.pid);
    assert_eq!((second.generation, second.restarts), (Some(1), 0));
}

#[tokio::test]
async fn what_it_says_just_before_its_end_counts() {
    let units = (0..20).map(|number| {
        unit(&format!("brief-{number}"), "notify READY=1 exit 0")
            .ready_when(Ready::Notify)
            .restart_policy(never())
    });
    let supervisor = supervisor(units);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(30, supervisor.start()).await;
    for number in 0..20 {
        let name = format!("brief-{number}");
        let status = within(30, supervisor.status(&name)).await.unwrap();
        if status.exits.is_empty() {
            story.until_exited(&name).await;
        }
    }
    let status = within(30, supervisor.statuses()).await;
    for status in status {
        let journey = &status.exits[0].journey;
        let ready = journey.iter().any(|(state, _)| *state == UnitState::Ready);
        assert!(ready, "{} {journey:?}", status.name);
    }
}

#[tokio::test]
async fn one_that_leaves_says_so() {
    let steps = "notify STOPPING=1 notify READY=1 wait";
    let supervisor = supervisor([unit("leaver", steps).ready_when(Ready::Notify)]);
    started(&supervisor).await;
    let status = within(20, supervisor.status("leaver")).await.unwrap();
    assert_eq!(status.status_text.as_deref(), Some("stopping"));
}
