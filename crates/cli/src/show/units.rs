//! Units: in a table, and one by itself.

use console::Style;

use super::amount::{Bytes, Time};
use super::style;
use super::table::TextTable;
use crate::view::UnitView;

/// Of a unit's last lines; `greenroom logs` shows the others.
const SHOWN_LINES: usize = 10;

/// One line for each unit below a line of heads, none wider than `width`.
pub(crate) fn table(units: &[UnitView], width: Option<usize>) -> Vec<String> {
    let mut table = TextTable::new([
        "NAME", "KIND", "STATE", "PID", "UPTIME", "RESTARTS", "MEM", "CPU", "WHY",
    ]);
    let plain = |text: String| (text, Style::new());
    for unit in units {
        let runs = unit.pid.is_some() || unit.processes > 0;
        let uptime = unit.uptime_ms.map(|ms| Time::millis(ms).to_string());
        let memory = runs.then(|| Bytes(unit.memory_bytes).to_string());
        let cpu = runs.then(|| Time::millis(unit.cpu_ms).to_string());
        let state = style::of_state(&unit.state, unit.healthy);
        table.row([
            (unit.name.clone(), Style::new().bold()),
            plain(unit.kind.clone()),
            (unit.state.clone(), state),
            plain(or_dash(unit.pid.map(|pid| pid.to_string()))),
            plain(or_dash(uptime)),
            plain(unit.restarts.to_string()),
            plain(or_dash(memory)),
            plain(or_dash(cpu)),
            plain(why(unit)),
        ]);
    }
    // The processor time, the kind, the restarts, the memory.
    table.lines(width, &[7, 1, 5, 6])
}

/// Everything about one unit.
pub(crate) fn details(unit: &UnitView) -> Vec<String> {
    let state = style::of_state(&unit.state, unit.healthy);
    let mut lines = vec![format!(
        "{} ({}) {} for {}: {}",
        Style::new().bold().apply_to(&unit.name),
        unit.kind,
        state.apply_to(&unit.state),
        Time::millis(unit.state_ms),
        unit.why,
    )];
    let mut say = |what: &str, text: Option<String>| {
        lines.extend(text.map(|text| format!("  {what:<14}{text}")));
    };
    let time = |ms: u64| Time::millis(ms).to_string();
    say("pid", unit.pid.map(|pid| pid.to_string()));
    say("group", unit.group.clone());
    say("uptime", unit.uptime_ms.map(time));
    say("says", unit.status_text.clone());
    let restarts = format!(
        "{} ({} in its window)",
        unit.restarts, unit.restarts_in_window
    );
    say("restarts", Some(restarts));
    let next = unit.next_start_ms.map(time);
    say("next start", next.map(|time| format!("in {time}")));
    if unit.processes > 0 {
        let peak = Bytes(unit.peak_memory_bytes.max(unit.memory_bytes));
        let memory = format!("{}, at most {peak}", Bytes(unit.memory_bytes));
        say("processes", Some(unit.processes.to_string()));
        say("memory", Some(memory));
        say("cpu", Some(time(unit.cpu_ms)));
    }
    let activity = unit.last_activity_ms.map(time);
    say("last output", activity.map(|time| format!("{time} ago")));
    for check in &unit.failing_checks {
        let text = format!(
            "{} ({} in a row): {}",
            check.name, check.failures, check.message
        );
        say("check failing", Some(text));
    }
    for exit in &unit.exits {
        say("ended", Some(format!("{} {}", exit.ended, exit.reason)));
    }
    let skip = unit.last_lines.len().saturating_sub(SHOWN_LINES);
    for line in &unit.last_lines[skip..] {
        say("printed", Some(line.text.clone()));
    }
    lines
}

fn why(unit: &UnitView) -> String {
    let checks = unit.failing_checks.iter();
    let mut parts: Vec<_> = checks
        .map(|check| format!("check {} fails: {}", check.name, check.message))
        .collect();
    parts.extend(
        unit.next_start_ms
            .map(|ms| format!("starts in {}", Time::millis(ms))),
    );
    parts.extend(Some(unit.why.clone()).filter(|why| !why.is_empty()));
    parts.extend(unit.status_text.clone());
    parts.join("; ")
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".into())
}
