//! What people are told: events, log records, reports, callbacks.

use std::sync::Arc;
use std::time::SystemTime;

use greenroom_supervision::ExitReason;
use greenroom_supervision::supervisor::{Blocker, Notice, UnitNotice};
use greenroom_supervision::unit::{UnitExit, UnitId};

use super::task::Task;
use super::{SupervisorEvent, UnitReport};
use crate::clock;

impl Task {
    /// The report of a run that is over.
    pub(super) fn bury(&mut self, unit: UnitId, exit: &Arc<UnitExit>) -> Option<Arc<UnitReport>> {
        let slot = self.slots.get_mut(&unit)?;
        let remains = slot.remains.take().unwrap_or_default();
        let report = Arc::new(UnitReport {
            exit: Arc::clone(exit),
            at: clock::now() - self.origin,
            ended: SystemTime::now(),
            last_lines: remains.last_lines,
            dropped_lines: remains.dropped_lines,
            output_held_open: remains.output_held_open,
            strays: remains.strays,
        });
        slot.remember(Arc::clone(&report));
        Some(report)
    }

    pub(super) fn call_back(&self, unit: UnitId, notice: &UnitNotice) {
        let Some(slot) = self.slots.get(&unit) else {
            return;
        };
        let with_its_group =
            |exit: &UnitExit| matches!(exit.reason, ExitReason::GroupRestart { .. });
        let (which, callback) = match notice {
            UnitNotice::RestartScheduled { .. } => ("on_restart", &slot.unit.on_restart),
            UnitNotice::Exited(exit) if with_its_group(exit) => {
                ("on_restart", &slot.unit.on_restart)
            }
            UnitNotice::Failed { .. } => ("on_failure", &slot.unit.on_failure),
            _ => return,
        };
        if let (Some(callback), Some(report)) = (callback, slot.reports.back()) {
            let (callback, report) = (Arc::clone(callback), Arc::clone(report));
            self.callbacks.call(&slot.name, which, callback, report);
        }
    }

    pub(super) fn emit(&mut self, notice: Notice, report: Option<Arc<UnitReport>>) {
        log(&notice);
        let sequence = self.sequence;
        self.sequence += 1;
        // Nobody may be listening.
        let _ = self.events.send(SupervisorEvent {
            sequence,
            at: clock::now() - self.origin,
            notice,
            report,
        });
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Unit { name, notice, .. } => log_unit(name, notice),
        Notice::GroupGaveUp { group, culprit } => {
            tracing::error!(group, culprit, "a group was given up");
        }
        Notice::ShuttingDown { cause, limit } => {
            tracing::info!(?cause, ?limit, "everything is being stopped");
        }
        Notice::Blocked(blockers) => {
            for Blocker {
                name,
                state,
                step,
                age,
            } in blockers
            {
                let step = step.as_ref().map(ToString::to_string);
                tracing::warn!(unit = name, %state, step, ?age, "the shutdown waits for a unit");
            }
        }
        notice => tracing::debug!(?notice),
    }
}

fn log_unit(unit: &str, notice: &UnitNotice) {
    match notice {
        UnitNotice::Exited(exit) => {
            tracing::info!(unit, pid = exit.pid, reason = %exit.reason, "a unit has ended");
        }
        UnitNotice::Failed { why, .. } => tracing::error!(unit, why, "a unit has failed"),
        UnitNotice::CheckFailed {
            check,
            failures,
            message,
            ..
        } => tracing::warn!(
            unit,
            check,
            failures,
            problem = message,
            "a check has failed"
        ),
        UnitNotice::Silent(silent_for) => {
            tracing::warn!(unit, ?silent_for, "a unit prints nothing");
        }
        UnitNotice::MemoryHigh { bytes } => {
            tracing::warn!(unit, bytes, "a unit uses much memory");
        }
        UnitNotice::Unkillable { since_kill } => {
            tracing::error!(unit, ?since_kill, "a killed unit has not ended");
        }
        UnitNotice::RestartScheduled { delay, .. } => {
            tracing::info!(unit, ?delay, "a unit will be started again");
        }
        UnitNotice::Stopping { step, why } => {
            tracing::info!(unit, %step, why, "a unit is to end");
        }
        notice => tracing::debug!(unit, ?notice),
    }
}
