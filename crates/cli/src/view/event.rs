//! One turn of things.

use greenroom::supervisor::{Blocker, EndCause, Notice, SupervisorEvent, UnitNotice};
use greenroom::unit::UnitExit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Origin, ReportView, millis};
use crate::show::amount::{Bytes, Time};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventView {
    /// Its place in the supervisor's history, from 0, without gaps.
    pub(crate) sequence: u64,
    pub(crate) time: Timestamp,
    /// What kind of event it is, for example `exited`.
    pub(crate) event: String,
    /// Whom it concerns, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// For people.
    pub(crate) text: String,
    /// What else this kind of event has to say.
    #[serde(flatten)]
    pub(crate) details: Map<String, Value>,
}

/// The parts of an event that depend on its kind.
struct Told(&'static str, String, Value);

impl EventView {
    pub(crate) fn new(event: &SupervisorEvent, origin: Origin) -> Self {
        let (unit, told) = match &event.notice {
            Notice::Unit { name, notice, .. } => (Some(name.clone()), about_unit(notice)),
            notice => (None, about_all(notice)),
        };
        let Told(kind, text, details) = told;
        let mut details = match details {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        if let Some(report) = &event.report
            && let Ok(report) = serde_json::to_value(ReportView::from(&**report))
        {
            details.insert("report".into(), report);
        }
        Self {
            sequence: event.sequence,
            time: origin.time(event.at),
            event: kind.into(),
            unit,
            text: greenroom::harmless(&text.replace('\n', " "), 4096),
            details,
        }
    }
}

fn about_unit(notice: &UnitNotice) -> Told {
    match notice {
        UnitNotice::Waiting(units) => Told(
            "waiting",
            format!("waits for {}", list(units, |on| on.unit.clone())),
            json!({ "units": units.iter().map(|on| &on.unit).collect::<Vec<_>>() }),
        ),
        UnitNotice::Starting { generation } => Told(
            "starting",
            "starting".into(),
            json!({ "generation": generation }),
        ),
        UnitNotice::Started { pid: Some(pid) } => Told(
            "started",
            format!("started, pid {pid}"),
            json!({ "pid": pid }),
        ),
        UnitNotice::Started { pid: None } => Told("started", "started".into(), Value::Null),
        UnitNotice::Ready { after } => Told(
            "ready",
            format!("ready after {}", Time(*after)),
            json!({ "after_ms": millis(*after) }),
        ),
        UnitNotice::Stopping { step, why } => Told(
            "stopping",
            format!("stopping with {step}: {why}"),
            json!({ "step": step.to_string(), "why": why }),
        ),
        UnitNotice::Exited(exit) => exited(exit),
        UnitNotice::RestartScheduled {
            delay,
            restarts_in_window,
            restarts,
        } => Told(
            "restart_scheduled",
            format!(
                "starts again in {} (restart {restarts}, {restarts_in_window} in its window)",
                Time(*delay)
            ),
            json!({
                "delay_ms": millis(*delay),
                "restarts_in_window": restarts_in_window,
                "restarts": restarts,
            }),
        ),
        UnitNotice::RestartedWith { culprit } => Told(
            "restarted_with",
            format!("is restarted with its group, because {culprit} ended"),
            json!({ "culprit": culprit }),
        ),
        UnitNotice::Completed => Told("completed", "completed".into(), Value::Null),
        UnitNotice::Failed { why, retry_after } => Told(
            "failed",
            match retry_after {
                Some(after) => format!("has failed, tried again in {}: {why}", Time(*after)),
                None => format!("has failed: {why}"),
            },
            json!({ "why": why, "retry_after_ms": retry_after.map(millis) }),
        ),
        UnitNotice::CheckFailed {
            check,
            failures,
            threshold,
            message,
        } => Told(
            "check_failed",
            format!("check {check} failed ({failures} of {threshold}): {message}"),
            json!({
                "check": check,
                "failures": failures,
                "threshold": threshold,
                "message": message,
            }),
        ),
        UnitNotice::CheckRecovered { check } => Told(
            "check_recovered",
            format!("check {check} succeeds again"),
            json!({ "check": check }),
        ),
        UnitNotice::Silent(time) => Told(
            "silent",
            format!("has printed nothing for {}", Time(*time)),
            json!({ "silent_ms": millis(*time) }),
        ),
        UnitNotice::MemoryHigh { bytes } => Told(
            "memory_high",
            format!("uses {} of memory", Bytes(*bytes)),
            json!({ "memory_bytes": bytes }),
        ),
        UnitNotice::Unkillable { since_kill } => Told(
            "unkillable",
            format!("was killed {} ago and is still there", Time(*since_kill)),
            json!({ "since_kill_ms": millis(*since_kill) }),
        ),
        UnitNotice::Stopped => Told("stopped", "stopped".into(), Value::Null),
        _ => unknown(),
    }
}

/// The library may tell of more than this program knows words for.
fn unknown() -> Told {
    Told(
        "other",
        "something has happened that has no name here".into(),
        Value::Null,
    )
}

fn exited(exit: &UnitExit) -> Told {
    // The rest is in the report.
    Told("exited", exit.reason.to_string(), Value::Null)
}

fn about_all(notice: &Notice) -> Told {
    match notice {
        Notice::GroupGaveUp { group, culprit } => Told(
            "group_gave_up",
            format!("group {group} was given up: the last one to end was {culprit}"),
            json!({ "group": group, "culprit": culprit }),
        ),
        Notice::ShuttingDown { cause, limit } => Told(
            "shutting_down",
            format!(
                "stopping everything within {}: {}",
                Time(*limit),
                why(cause)
            ),
            json!({ "why": why(cause), "limit_ms": millis(*limit) }),
        ),
        Notice::Blocked(blockers) => Told(
            "blocked",
            format!("still waiting for {}", list(blockers, blocker)),
            json!({ "units": blockers.iter().map(blocker_details).collect::<Vec<_>>() }),
        ),
        _ => unknown(),
    }
}

/// Why everything ends, in words.
pub(crate) fn why(cause: &EndCause) -> String {
    match cause {
        EndCause::Requested { by } => by.clone(),
        EndCause::Significant(exit) => {
            format!("{}, which is significant, {}", exit.name, exit.reason)
        }
        EndCause::GroupGaveUp { group, exit } => {
            let UnitExit { name, reason, .. } = &**exit;
            format!("group {group} was given up; the last to end was {name}, which {reason}")
        }
        EndCause::NeverStarted { unit, exit } => {
            let UnitExit { name, reason, .. } = &**exit;
            format!(
                "{unit}, which is significant, can never start: it waits for {name}, which {reason}"
            )
        }
    }
}

fn blocker(blocker: &Blocker) -> String {
    let Blocker { name, state, .. } = blocker;
    match &blocker.step {
        Some(step) => format!("{name} ({state} for {}, {step} sent)", Time(blocker.age)),
        None => format!("{name} ({state}, waits for its dependents)"),
    }
}

fn blocker_details(blocker: &Blocker) -> Value {
    json!({
        "unit": blocker.name,
        "state": blocker.state.to_string(),
        "step": blocker.step.as_ref().map(ToString::to_string),
        "age_ms": millis(blocker.age),
    })
}

fn list<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(", ")
}
