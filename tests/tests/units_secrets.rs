//! What a unit is started with is shown nowhere. A process of its own, so that all that it logs is
//! looked at: one test only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common_units;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common_units::*;
use greenroom::supervisor::UnitNotice;
use greenroom::unit::{Check, OnFailure, Ready, StopAction};
use greenroom::{Command, Daemon, Probe, Unit};
use greenroom_tests::{UnitStory, within};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that is logged by this test's process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn arguments_and_environment_are_shown_nowhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    const SECRETS: [&str; 3] = ["argument-5ecret", "variable-5ecret", "stdin-5ecret"];
    let secretive = |program: &'static str, steps: &'static [&'static str]| {
        Daemon::new(move || {
            Command::new(program)
                .args(steps)
                .args(["env", SECRETS[0]])
                .env("TOKEN", SECRETS[1])
        })
    };
    let write = StopAction::Write(SECRETS[2].into());
    let bad = Command::new("test")
        .args(["-e", SECRETS[0]])
        .env("TOKEN", SECRETS[1]);
    let check = Check {
        period: Duration::from_millis(10),
        threshold: 1,
        on_failure: OnFailure::Warn,
        ..Check::new("exec")
    };
    let api = Unit::new("api", secretive(DAEMON, &["print", "up", "wait"]))
        .ready_when(Ready::LogLine(regex_of("up")))
        .check(check, Probe::exec(&bad).unwrap())
        .stop(ladder(&[(write, 50)]));
    let absent = Unit::new("absent", secretive("/nowhere", &[])).restart_policy(quick());
    let crash = Unit::new("crash", secretive(DAEMON, &["exit", "3"])).restart_policy(never());
    let shown = format!("{api:?} {absent:?}");
    let supervisor = supervisor([api, absent, crash]);
    let mut story = UnitStory::of(&supervisor);
    let failed = within(30, supervisor.start()).await.unwrap_err();
    story
        .until_unit("api", |notice| {
            matches!(notice, UnitNotice::CheckFailed { .. }).then_some(())
        })
        .await;
    let statuses = within(20, supervisor.statuses()).await;
    within(30, supervisor.stop("the test")).await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("greenroom::unit") && logged.contains("api"),
        "{logged}"
    );
    for secret in SECRETS {
        assert!(!logged.contains(secret), "{secret}");
    }
    let told = format!(
        "{shown} {failed} {failed:?} {statuses:?} {:?}",
        story.seen()
    );
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret}");
    }
}
