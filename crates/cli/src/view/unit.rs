//! A unit at one moment.

use greenroom::supervisor::UnitStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LineView, Origin, ReportView, millis, timestamp};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UnitView {
    pub(crate) name: String,
    /// `daemon`, `task` or `pool`.
    pub(crate) kind: String,
    pub(crate) group: Option<String>,
    /// `stopped`, `waiting`, `starting`, `started`, `ready`, `stopping`, `backoff`, `completed` or
    /// `failed`.
    pub(crate) state: String,
    /// For how long it has been in this state.
    pub(crate) state_ms: u64,
    /// Whether it is as it should be.
    pub(crate) healthy: bool,
    /// Why it is in this state, in words.
    pub(crate) why: String,
    /// Which run this is, from 0.
    pub(crate) generation: Option<u64>,
    pub(crate) pid: Option<u32>,
    pub(crate) processes: usize,
    pub(crate) started: Option<Timestamp>,
    pub(crate) uptime_ms: Option<u64>,
    /// Since it was added.
    pub(crate) restarts: u64,
    pub(crate) restarts_in_window: u32,
    pub(crate) next_start_ms: Option<u64>,
    pub(crate) last_activity_ms: Option<u64>,
    pub(crate) memory_bytes: u64,
    /// 0 if it was never measured.
    pub(crate) peak_memory_bytes: u64,
    pub(crate) cpu_ms: u64,
    pub(crate) failing_checks: Vec<FailingCheck>,
    /// What it says of itself.
    pub(crate) status_text: Option<String>,
    /// Its last ends, oldest first: only where one unit was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exits: Vec<ReportView>,
    /// Its last lines, oldest first: only where one unit was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) last_lines: Vec<LineView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FailingCheck {
    pub(crate) name: String,
    /// In a row.
    pub(crate) failures: u32,
    pub(crate) message: String,
}

impl UnitView {
    /// Without its past.
    pub(crate) fn brief(status: &UnitStatus) -> Self {
        let checks = status.failing_checks.iter();
        Self {
            name: status.name.clone(),
            kind: status.kind.to_string(),
            group: status.group.clone(),
            state: status.state.to_string(),
            state_ms: millis(status.for_the_last),
            healthy: status.healthy,
            why: status.why.clone(),
            generation: status.generation,
            pid: status.pid,
            processes: status.processes,
            started: status.started.map(timestamp),
            uptime_ms: status.uptime.map(millis),
            restarts: status.restarts,
            restarts_in_window: status.restarts_in_window,
            next_start_ms: status.next_start.map(millis),
            last_activity_ms: status.last_activity.map(millis),
            memory_bytes: status.memory,
            peak_memory_bytes: status.peak_memory,
            cpu_ms: millis(status.cpu_time),
            failing_checks: checks
                .map(|(name, failures, message)| FailingCheck {
                    name: name.clone(),
                    failures: *failures,
                    message: message.clone(),
                })
                .collect(),
            status_text: status.status_text.clone(),
            exits: Vec::new(),
            last_lines: Vec::new(),
        }
    }

    /// With its last ends and lines.
    pub(crate) fn full(status: &UnitStatus, origin: Origin) -> Self {
        let lines = status.last_lines.iter();
        Self {
            exits: status
                .exits
                .iter()
                .map(|report| (&**report).into())
                .collect(),
            last_lines: lines.map(|line| LineView::new(line, origin)).collect(),
            ..Self::brief(status)
        }
    }
}
