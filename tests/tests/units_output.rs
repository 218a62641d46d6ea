//! What units print and read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::Duration;

use common_units::*;
use greenroom::supervisor::{OutputSource, UnitError};
use greenroom::unit::Ready;
use greenroom::{Command, Daemon, Unit};
use greenroom_tests::{Scratch, UnitStory, within};

#[tokio::test]
async fn lines_come_in_order_with_their_source() {
    let steps = "print one complain two sleep 20 print three exit 0";
    let supervisor = supervisor([unit("talker", steps)]);
    let mut lines = supervisor.output();
    let _ = within(20, supervisor.start()).await;
    let mut seen = Vec::new();
    for number in 0..3 {
        let line = within(20, lines.next()).await.unwrap();
        assert_eq!((line.sequence, &*line.unit), (number, "talker"));
        seen.push((line.source, line.text.to_string()));
    }
    assert!(seen.contains(&(OutputSource::Stdout, "one".into())));
    assert!(seen.contains(&(OutputSource::Stderr, "two".into())));
    assert_eq!(seen[2], (OutputSource::Stdout, "three".into()));
}

#[tokio::test]
async fn the_last_lines_are_kept_over_runs_and_a_flood_is_bounded() {
    let supervisor = supervisor([
        unit("loud", "flood 5000 print end wait").ready_when(Ready::LogLine(regex_of("^end$")))
    ]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    let status = within(20, supervisor.status("loud")).await.unwrap();
    assert_eq!(status.last_lines.len(), 50);
    let last = status.last_lines.last().unwrap();
    assert_eq!((&*last.text, last.sequence), ("end", 5_000));
    assert!(status.last_activity.is_some());
    within(20, supervisor.restart_unit("loud", "the test"))
        .await
        .unwrap();
    let report = story.until_exited("loud").await;
    assert!(report.dropped_lines > 0, "{}", report.dropped_lines);
    assert_eq!(report.last_lines.len(), 50);
    let status = within(20, supervisor.status("loud")).await.unwrap();
    let last = status.last_lines.last().unwrap();
    assert_eq!((last.sequence, last.generation), (10_001, 1));
}

#[tokio::test]
async fn what_would_command_a_terminal_stays_out_of_reports() {
    let daemon = Daemon::new(|| Command::new(DAEMON).args(["print", "\u{1b}[2Jboo", "exit", "1"]));
    let supervisor = supervisor([Unit::new("rude", daemon).restart_policy(never())]);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(20, supervisor.start()).await;
    let report = story.until_exited("rude").await;
    assert_eq!(report.last_lines, ["\u{fffd}[2Jboo"]);
}

#[tokio::test]
async fn stdin_takes_more_than_a_pipe_holds_and_does_not_wait_for_ever() {
    let scratch = Scratch::new();
    let gate = fifo(&scratch, "gate");
    let late = with_stdin("late", &format!("gate {gate} read"));
    let supervisor = supervisor([late]);
    let mut lines = supervisor.output();
    started(&supervisor).await;
    // A pipe holds 64 KiB; this is more, and nobody reads yet.
    let much = format!("{}\n", "x".repeat(100 << 10));
    let short = Duration::from_millis(100);
    let refused = within(20, supervisor.write_stdin("late", much, short)).await;
    assert!(
        matches!(refused, Err(UnitError::System { .. })),
        "{refused:?}"
    );
    open(&gate);
    let limit = Duration::from_secs(20);
    within(30, supervisor.write_stdin("late", "after\n", limit))
        .await
        .unwrap();
    // What was begun is not cut off in the middle.
    let heard = line(&mut lines, "read xxx").await;
    assert!(heard.len() < 9_000 && heard.ends_with(" bytes left out]"));
    let status = within(20, supervisor.status("late")).await.unwrap();
    assert!(
        status
            .last_lines
            .iter()
            .any(|line| line.text.len() > 60_000)
    );
    assert_eq!(line(&mut lines, "read after").await, "");
    within(30, supervisor.write_stdin("late", "q\n", limit))
        .await
        .unwrap();
}
