//! Spans, ends and units, briefly.

use std::time::Duration;

use greenroom_supervision::restart::RestartPolicy;
use greenroom_supervision::stop::StopLadder;
use greenroom_supervision::unit::{Condition, Dependency, Exit, UnitKind, UnitPolicy, UnitSpec};
use greenroom_supervision::{ExitStatus, SpawnFailure, Time};

pub const SIGTERM: i32 = 15;
pub const SIGKILL: i32 = 9;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub const fn at(millis: u64) -> Time {
    Time::from_origin(ms(millis))
}

pub fn code(code: i32) -> Exit {
    Exit::Process(ExitStatus::Code(code))
}

pub fn signal(signal: i32) -> Exit {
    Exit::Process(ExitStatus::Signal {
        signal,
        core: false,
    })
}

pub fn spawn_failure(permanent: bool) -> SpawnFailure {
    SpawnFailure {
        step: "run /bin/none".into(),
        errno: Some(if permanent { 2 } else { 11 }),
        message: if permanent {
            "no such file"
        } else {
            "try again"
        }
        .into(),
        permanent,
    }
}

/// A daemon of this name with all defaults.
pub fn daemon(name: &str) -> UnitSpec {
    UnitSpec {
        name: name.into(),
        kind: UnitKind::Daemon,
        group: None,
        after: Vec::new(),
        significant: false,
        autostart: true,
        policy: UnitPolicy::new(UnitKind::Daemon),
    }
}

pub fn task(name: &str) -> UnitSpec {
    UnitSpec {
        kind: UnitKind::Task,
        policy: UnitPolicy::new(UnitKind::Task),
        ..daemon(name)
    }
}

pub fn after(spec: UnitSpec, needed: &[(&str, Condition)]) -> UnitSpec {
    let depend = |(unit, condition): &(&str, Condition)| Dependency {
        unit: (*unit).into(),
        condition: *condition,
    };
    UnitSpec {
        after: needed.iter().map(depend).collect(),
        ..spec
    }
}

pub fn restarting(spec: UnitSpec, restart: RestartPolicy) -> UnitSpec {
    let mut spec = spec;
    spec.policy.restart = restart;
    spec
}

/// SIGTERM, and a kill after so long.
pub fn terminate_within(wait: Duration) -> StopLadder {
    let mut ladder = StopLadder::terminate();
    ladder.steps[0].wait = wait;
    ladder
}
