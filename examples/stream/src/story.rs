//! What happens, for people.

use greenroom::supervisor::{Notice, SupervisorEvent, SupervisorEvents, UnitNotice};

/// Prints each event until the supervisor is gone.
pub(crate) async fn tell(mut events: SupervisorEvents) {
    while let Some(event) = events.next().await {
        if let Some(line) = line(&event) {
            println!("{:7.2} s  {line}", event.at.as_secs_f64());
        }
    }
}

fn line(event: &SupervisorEvent) -> Option<String> {
    match &event.notice {
        Notice::Unit { name, notice, .. } => {
            words(event, notice).map(|words| format!("{name} {words}"))
        }
        Notice::ShuttingDown { limit, .. } => {
            Some(format!("everything ends, within {} s", limit.as_secs()))
        }
        Notice::Blocked(blockers) => {
            let names = blockers.iter().map(|blocker| blocker.name.as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            Some(format!("still waiting for {names}"))
        }
        _ => None,
    }
}

fn words(event: &SupervisorEvent, notice: &UnitNotice) -> Option<String> {
    Some(match notice {
        UnitNotice::Started { pid: Some(pid) } => format!("runs as process {pid}"),
        UnitNotice::Ready { after } => format!("is ready after {} ms", after.as_millis()),
        UnitNotice::Stopping { step, why } => format!("is asked to end by {step}: {why}"),
        UnitNotice::Silent(silent_for) => {
            format!("has said nothing for {:.1} s", silent_for.as_secs_f64())
        }
        UnitNotice::Exited(exit) => match event.report.as_ref().and_then(|report| {
            let said = |line: &&String| !line.contains('=');
            report.last_lines.iter().rev().find(said)
        }) {
            Some(line) => format!("{}; its last words were: {line}", exit.reason),
            None => exit.reason.to_string(),
        },
        UnitNotice::RestartScheduled {
            delay, restarts, ..
        } => {
            format!(
                "will be restarted in {} ms (restart {restarts})",
                delay.as_millis()
            )
        }
        UnitNotice::Failed { why, .. } => format!("is given up: {why}"),
        _ => return None,
    })
}
