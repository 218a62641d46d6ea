//! A death, told to people.

use console::Style;
use jiff::tz::TimeZone;

use super::amount::{Bytes, Time};
use crate::view::ReportView;

pub(crate) fn report(report: &ReportView) -> Vec<String> {
    let bold = Style::new().bold();
    let mut lines = vec![format!(
        "{} {}",
        bold.apply_to(&report.unit),
        Style::new().red().apply_to(&report.reason),
    )];
    let mut say = |what: &str, text: String| lines.push(format!("  {what:<13}{text}"));
    let ended = report.ended.to_zoned(TimeZone::system());
    say("when", ended.strftime("%F %T %Z").to_string());
    if let Some(pid) = report.pid {
        say("process", format!("pid {pid}, run {}", report.generation));
    }
    if let Some(status) = &report.status {
        say("exit status", status.clone());
    }
    say("counts as", class(&report.class).into());
    let journey = report.journey.iter();
    let journey: Vec<_> = journey
        .map(|phase| format!("{} {}", phase.state, Time::millis(phase.ms)))
        .collect();
    say("journey", journey.join(" -> "));
    let peak = match report.peak_memory_bytes {
        0 => "not measured".into(),
        peak => Bytes(peak).to_string(),
    };
    say("memory peak", peak);
    if !report.strays.is_empty() {
        let strays: Vec<_> = report.strays.iter().map(ToString::to_string).collect();
        say(
            "strays",
            format!("killed after it: pid {}", strays.join(", ")),
        );
    }
    if report.output_held_open {
        say(
            "output",
            "somebody outside its group still holds it open".into(),
        );
    }
    if report.dropped_lines > 0 {
        say(
            "dropped",
            format!("{} lines that came too fast", report.dropped_lines),
        );
    }
    if report.last_lines.is_empty() {
        say("last lines", "it printed nothing".into());
    } else {
        lines.push("  last lines".into());
        lines.extend(report.last_lines.iter().map(|line| format!("    | {line}")));
    }
    lines
}

fn class(class: &str) -> &str {
    match class {
        "fatal" => "fatal: another start can only fail again",
        class => class,
    }
}
