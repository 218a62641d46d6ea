//! Units come and go, and what cannot be is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::Duration;

use common_units::*;
use greenroom::Supervisor;
use greenroom::supervisor::{SpecError, UnitError};
use greenroom::unit::{Condition, Ready, UnitState};
use greenroom_tests::{UnitStory, is_there, within};

#[tokio::test]
async fn units_are_added_replaced_and_removed_while_others_run() {
    let supervisor = supervisor([unit("old", "wait")]);
    let mut story = UnitStory::of(&supervisor);
    let mut lines = supervisor.output();
    started(&supervisor).await;
    let old = story.until_started("old").await;
    let new = unit("new", "print first wait").after("old", Condition::Ready);
    within(5, supervisor.add_unit(new)).await.unwrap();
    assert_eq!(within(5, supervisor.unit_names()).await, ["old", "new"]);
    let status = within(5, supervisor.status("new")).await.unwrap();
    assert_eq!(status.state, UnitState::Stopped);
    within(20, supervisor.start_unit("new")).await.unwrap();
    assert_eq!(line(&mut lines, "first").await, "");

    let other = unit("new", "print second wait");
    within(20, supervisor.replace_unit(other)).await.unwrap();
    let status = within(20, supervisor.start_unit("new")).await.unwrap();
    assert_eq!(line(&mut lines, "second").await, "");
    assert_eq!((status.generation, status.exits.len()), (Some(1), 1));

    within(20, supervisor.remove_unit("new")).await.unwrap();
    assert!(!is_there(status.pid.unwrap()));
    assert_eq!(within(5, supervisor.unit_names()).await, ["old"]);
    assert!(is_there(old), "the other was left alone");
    assert_eq!(story.starts("old"), 1);
}

#[tokio::test]
async fn names_keep_the_order_in_which_units_were_added() {
    let last = unit("last", "wait");
    let first = unit("first", "wait").after("last", Condition::Ready);
    let supervisor = supervisor([first, last]);
    assert_eq!(within(5, supervisor.unit_names()).await, ["first", "last"]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    story.until_ready("first").await;
    assert_eq!(story.starts("last"), 1, "it came before");
}

fn refused(units: impl IntoIterator<Item = greenroom::Unit>) -> SpecError {
    let builder = units
        .into_iter()
        .fold(Supervisor::builder(), |builder, unit| builder.unit(unit));
    match builder.build().unwrap_err() {
        UnitError::Spec(error) => error,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_starts() {
    let duplicate = refused([unit("a", "wait"), unit("a", "wait")]);
    assert!(
        matches!(duplicate, SpecError::Duplicate { .. }),
        "{duplicate}"
    );
    let unknown = refused([unit("a", "wait").after("b", Condition::Ready)]);
    assert!(
        matches!(unknown, SpecError::UnknownDependency { .. }),
        "{unknown}"
    );
    let circle = refused([
        unit("a", "wait").after("b", Condition::Ready),
        unit("b", "wait").after("c", Condition::Ready),
        unit("c", "wait").after("a", Condition::Ready),
    ]);
    assert!(
        matches!(&circle, SpecError::Cycle { units } if units.len() == 4),
        "{circle}"
    );
    let nowhere = refused([unit("a", "wait").group("nowhere")]);
    assert!(
        matches!(nowhere, SpecError::UnknownGroup { .. }),
        "{nowhere}"
    );
    let name = refused([unit("a b", "wait")]);
    assert!(matches!(name, SpecError::BadName { .. }), "{name}");
    let limit = refused([unit("a", "wait").start_timeout(Duration::ZERO)]);
    assert!(matches!(limit, SpecError::Policy { .. }), "{limit}");
}

#[tokio::test]
async fn commands_that_do_not_fit_say_why() {
    let needs = unit("needs", "wait").after("worker", Condition::Ready);
    let supervisor = supervisor([unit("worker", "wait"), needs]);
    let error = within(5, supervisor.status("wroker")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no unit wroker: did you mean worker?"
    );
    let error = within(5, supervisor.signal_unit("worker", SIGTERM))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            UnitError::NotRunning {
                state: UnitState::Stopped,
                ..
            }
        ),
        "{error}"
    );
    started(&supervisor).await;
    let error = within(20, supervisor.remove_unit("worker"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, UnitError::Spec(SpecError::Needed { .. })),
        "{error}"
    );
    let twice = within(5, supervisor.add_unit(unit("worker", "wait")))
        .await
        .unwrap_err();
    assert!(
        matches!(twice, UnitError::Spec(SpecError::Duplicate { .. })),
        "{twice}"
    );
    let limit = Duration::from_secs(5);
    let error = within(20, supervisor.write_stdin("needs", "x", limit))
        .await
        .unwrap_err();
    assert!(matches!(error, UnitError::NoStdin { .. }), "{error}");
    let error = within(5, supervisor.signal_unit("needs", 0))
        .await
        .unwrap_err();
    assert!(matches!(error, UnitError::System { .. }), "{error}");
}

#[tokio::test]
async fn a_signal_reaches_the_daemon() {
    let supervisor = supervisor([unit("api", "wait").restart_policy(never())]);
    let mut story = UnitStory::of(&supervisor);
    started(&supervisor).await;
    within(5, supervisor.signal_unit("api", 3)).await.unwrap();
    let report = story.until_exited("api").await;
    let signal = greenroom::ExitReason::Signal {
        signal: 3,
        core: false,
    };
    let core = greenroom::ExitReason::Signal {
        signal: 3,
        core: true,
    };
    assert!([signal, core].contains(&report.reason), "{report}");
}

#[tokio::test]
async fn events_are_numbered_without_gaps() {
    let supervisor = supervisor([unit("a", "wait"), unit("b", "exit 0")]);
    let mut story = UnitStory::of(&supervisor);
    let _ = within(20, supervisor.start()).await;
    within(20, supervisor.stop("the test")).await;
    story.until_exited("a").await;
    for (number, event) in (0..).zip(story.seen()) {
        assert_eq!(event.sequence, number);
    }
}

#[tokio::test]
async fn who_waits_for_a_unit_that_is_removed_is_not_told_that_the_host_has_ended() {
    let never_ready = unit("late", "wait").ready_when(Ready::Notify);
    let supervisor = supervisor([never_ready]);
    let mut story = UnitStory::of(&supervisor);
    let starting = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.start_unit("late").await }
    });
    story.until_started("late").await;
    within(20, supervisor.remove_unit("late")).await.unwrap();
    let error = within(20, starting).await.unwrap().unwrap_err();
    assert!(
        matches!(error, UnitError::NotReady(_) | UnitError::Unknown { .. }),
        "{error}"
    );
}
