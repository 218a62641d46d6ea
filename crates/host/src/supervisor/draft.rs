//! A status that is put together: the machine's part, the run's own, and what is measured.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use greenroom_supervision::Time;
use greenroom_supervision::supervisor::UnitSnapshot;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::{UnitReport, UnitStatus};
use crate::os::{self, GroupUsage};
use crate::unit::run::Live;

/// How long a run may take to answer, and the measuring thread. A run that cannot answer is busy
/// with what it does for its unit.
const LIMIT: Duration = Duration::from_secs(1);

/// A status as far as the supervisor's task knows it.
pub(super) struct Draft {
    pub(super) at: Time,
    pub(super) snapshot: UnitSnapshot,
    pub(super) reports: Vec<Arc<UnitReport>>,
    pub(super) started: Option<SystemTime>,
    pub(super) live: Asked,
}

/// What only the run knows, or the slot if nothing runs.
pub(super) enum Asked {
    Here(Live),
    Run(oneshot::Receiver<Live>),
}

/// Asks the runs and measures all groups at once. Takes at most 2 s.
pub(super) async fn finish(drafts: Vec<Draft>) -> Vec<UnitStatus> {
    let deadline = Instant::now() + LIMIT;
    let mut statuses = Vec::new();
    let mut groups = Vec::new();
    for draft in drafts {
        let live = match draft.live {
            Asked::Here(live) => live,
            Asked::Run(answer) => match timeout_at(deadline, answer).await {
                Ok(live) => live.unwrap_or_default(),
                Err(_) => {
                    let unit = draft.snapshot.name.as_str();
                    tracing::warn!(
                        unit,
                        "a unit's run did not say how it stands within {LIMIT:?}"
                    );
                    Live::default()
                }
            },
        };
        groups.push(live.groups.clone());
        statuses.push(status(
            draft.at,
            draft.snapshot,
            draft.reports,
            draft.started,
            live,
        ));
    }
    let usage = measure(groups.concat()).await;
    let mut usage = usage.into_iter();
    for (status, groups) in statuses.iter_mut().zip(groups) {
        for usage in usage.by_ref().take(groups.len()) {
            status.processes += usage.processes;
            status.memory += usage.memory;
            status.cpu_time += usage.cpu_time;
        }
        status.peak_memory = status.peak_memory.max(status.memory);
    }
    statuses
}

async fn measure(groups: Vec<u32>) -> Vec<GroupUsage> {
    if groups.is_empty() {
        return Vec::new();
    }
    let measured = tokio::time::timeout(LIMIT, os::usage(groups)).await;
    measured.unwrap_or_else(|_| {
        tracing::warn!("memory and processor time were not measured within {LIMIT:?}");
        Vec::new()
    })
}

fn status(
    at: Time,
    snapshot: UnitSnapshot,
    exits: Vec<Arc<UnitReport>>,
    started: Option<SystemTime>,
    live: Live,
) -> UnitStatus {
    let since_start = snapshot.started.map(|started| at - started);
    UnitStatus {
        name: snapshot.name,
        kind: snapshot.kind,
        group: snapshot.group,
        why: snapshot.why,
        for_the_last: at - snapshot.since,
        healthy: snapshot.healthy,
        generation: snapshot.generation,
        pid: snapshot.pid,
        started,
        uptime: since_start.filter(|_| snapshot.state.is_running()),
        state: snapshot.state,
        restarts: snapshot.restarts,
        restarts_in_window: snapshot.restarts_in_window,
        next_start: snapshot.next_start.map(|next| next - at),
        exits,
        last_lines: live.last_lines,
        last_activity: live.last_activity.map(|last| at - last),
        failing_checks: snapshot.failing_checks,
        status_text: live.status_text,
        processes: 0,
        memory: 0,
        cpu_time: Duration::ZERO,
        peak_memory: snapshot.peak_memory,
    }
}
