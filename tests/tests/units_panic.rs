//! A supervisor whose own task panics: in code of the host's that runs in it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::time::Duration;

use common_units::*;
use greenroom::supervisor::{EndCause, UnitError};
use greenroom_tests::{process_gone, within};
use tracing::Subscriber;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// A log that cannot bear to see a unit end.
struct Fragile;

impl<S: Subscriber> Layer<S> for Fragile {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut reason = false;
        let mut look = |field: &tracing::field::Field, _: &dyn std::fmt::Debug| {
            reason |= field.name() == "reason";
        };
        event.record(&mut look);
        assert!(!reason, "the log is broken");
    }
}

#[tokio::test]
async fn nobody_takes_it_for_an_end_on_request() {
    // Of this thread, on which the supervisor runs as well.
    let subscriber = tracing_subscriber::registry().with(Fragile);
    let _log = tracing::subscriber::set_default(subscriber);
    let supervisor = supervisor([unit("stays", "wait"), unit("ends", "wait")]);
    started(&supervisor).await;
    let status = within(20, supervisor.status("stays")).await.unwrap();
    let limit = Duration::from_secs(20);
    let ended = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.ended().await }
    });
    let killed = tokio::time::timeout(limit, supervisor.signal_unit("ends", SIGKILL)).await;
    killed.unwrap().unwrap();
    let ending = within(20, ended).await.unwrap();
    assert_ne!(ending.exit_code(), 0, "{ending:?}");
    assert!(
        matches!(&ending.cause, EndCause::Significant(exit) if exit.reason.to_string().contains("the log is broken")),
        "{ending:?}"
    );
    assert_eq!(within(20, supervisor.stop("the test")).await, ending);
    assert_eq!(within(20, supervisor.kill("the test")).await, ending);
    assert!(!within(20, supervisor.all_healthy()).await);
    assert!(!within(20, supervisor.health_report()).await.is_empty());
    let error = within(20, supervisor.status("stays")).await.unwrap_err();
    assert!(matches!(error, UnitError::HostEnded), "{error}");
    process_gone(status.pid.unwrap()).await;
}
