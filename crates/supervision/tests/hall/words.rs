//! Notices as short lines of a log.

use greenroom_supervision::supervisor::{Blocker, Notice, UnitNotice};

/// A line for the log; none for what is in it already.
pub fn line(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Unit { notice, name, .. } => format!("{name}: {}", words(notice)?),
        Notice::GroupGaveUp { group, culprit } => format!("group {group} gave up: {culprit}"),
        Notice::ShuttingDown { limit, .. } => format!("shutting down within {limit:?}"),
        Notice::Blocked(blockers) => {
            let list: Vec<_> = blockers.iter().map(blocker).collect();
            format!("blocked by {}", list.join(", "))
        }
        other => format!("{other:?}"),
    })
}

fn blocker(it: &Blocker) -> String {
    let step = it.step.as_ref().map_or("-".into(), ToString::to_string);
    format!("{} {} {step} {:?}", it.name, it.state, it.age)
}

fn words(notice: &UnitNotice) -> Option<String> {
    Some(match notice {
        UnitNotice::Waiting(needed) => {
            let names: Vec<_> = needed.iter().map(|it| it.unit.as_str()).collect();
            format!("waits for {}", names.join(", "))
        }
        UnitNotice::Starting { .. } => "starting".into(),
        UnitNotice::Started { .. } => "started".into(),
        UnitNotice::Ready { after } => format!("ready after {after:?}"),
        // The step itself is in the log.
        UnitNotice::Stopping { .. } => return None,
        UnitNotice::Exited(exit) => exit.reason.to_string(),
        UnitNotice::RestartScheduled {
            restarts_in_window, ..
        } => format!("restart {restarts_in_window}"),
        UnitNotice::RestartedWith { culprit } => format!("restarts with {culprit}"),
        UnitNotice::Completed => "completed".into(),
        UnitNotice::Failed { .. } => "failed".into(),
        UnitNotice::CheckFailed {
            check, failures, ..
        } => format!("check {check} failed {failures}"),
        UnitNotice::CheckRecovered { check } => format!("check {check} recovered"),
        UnitNotice::Silent(span) => format!("silent for {span:?}"),
        UnitNotice::MemoryHigh { bytes } => format!("uses {bytes} bytes"),
        UnitNotice::Unkillable { since_kill } => format!("unkillable for {since_kill:?}"),
        UnitNotice::Stopped => "stopped".into(),
        other => format!("{other:?}"),
    })
}
