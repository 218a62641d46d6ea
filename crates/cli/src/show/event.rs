//! Events and lines, one below the other.

use console::{Alignment, Style, pad_str};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::style;
use crate::view::{EventView, LineView};

/// How wide the column of names is; longer names are not cut.
const NAME_WIDTH: usize = 10;

pub(crate) fn event(event: &EventView) -> String {
    // An end that was asked for is no cause for alarm.
    let wanted = event
        .details
        .get("report")
        .is_some_and(|report| report["class"] == "success");
    let style = match wanted {
        true => Style::new().dim(),
        false => style::of_state(&event.event, true),
    };
    format!(
        "{} {} {} {}",
        clock(event.time),
        name_column(event.unit.as_deref().unwrap_or("greenroom")),
        Style::new().dim().apply_to("*"),
        style.apply_to(&event.text),
    )
}

pub(crate) fn line(line: &LineView) -> String {
    format!(
        "{} {} {} {}",
        clock(line.time),
        name_column(&line.unit),
        Style::new().dim().apply_to("|"),
        line.text,
    )
}

fn name_column(name: &str) -> String {
    let padded = pad_str(name, NAME_WIDTH, Alignment::Left, None);
    style::of_unit(name).apply_to(padded).to_string()
}

/// The time of day, here.
fn clock(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::system()).time();
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let text = format!(
        "{hour:02}:{minute:02}:{second:02}.{:03}",
        time.millisecond()
    );
    Style::new().dim().apply_to(text).to_string()
}
