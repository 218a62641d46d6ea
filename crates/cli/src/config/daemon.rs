//! `[daemon.NAME]`: a process of any program.

use std::path::Path;
use std::time::Duration;

use greenroom::unit::Ready;
use greenroom::{Daemon, Unit};
use regex::Regex;

use super::command::Program;
use super::probe;
use super::table::Table;
use super::unit::Described;
use super::value::Value;
use super::{size, span, time, unit};

pub(super) fn read(name: &str, mut table: Table<'_>, base: &Path) -> Option<Described> {
    let program = Program::read(&mut table, "command", base);
    let stdin = table.take("stdin").and_then(Value::boolean);
    // Even without a program the rest is read, so that its mistakes are found.
    let daemon = {
        let program = program.clone();
        let build = move || program.as_ref().map(Program::command).ok_or("no program");
        Daemon::fallible(build).stdin(stdin.unwrap_or_default())
    };
    let mut unit = Unit::new(name, daemon);
    if let Some(ready) = table
        .take("ready")
        .and_then(|value| read_ready(value, base))
    {
        unit = unit.ready_when(ready);
    }
    if let Some(activity) = table.take("activity") {
        unit = read_activity(activity, unit);
    }
    if let Some(interval) = time(&mut table, "watchdog") {
        unit = unit.watchdog(interval);
    }
    if let Some(bytes) = size(&mut table, "memory_warn") {
        unit = unit.memory_warn(bytes);
    }
    if let Some(bytes) = size(&mut table, "memory_limit") {
        unit = unit.memory_limit(bytes);
    }
    let unit = unit::read(&mut table, unit, base);
    table.finish();
    program.map(|_| unit)
}

fn read_ready(value: Value<'_>, base: &Path) -> Option<Ready> {
    if value.is_text() {
        let notify = value.choice(&[("started", false), ("notify", true)])?;
        return Some(if notify {
            Ready::Notify
        } else {
            Ready::Started
        });
    }
    let mut table = value.table(
        "\"started\", \"notify\" or a table such as { log = \"listening\" }, \
         { tcp = \"127.0.0.1:80\" }, { http = \"http://127.0.0.1/health\" }, { delay = \"1s\" }",
    )?;
    table.one_of(&["log", "delay", "tcp", "http", "exec"]);
    let pattern = table.take("log").and_then(pattern);
    let delay = time(&mut table, "delay");
    let probe = probe::read(&mut table, base);
    let mut period = Duration::from_millis(250);
    span(&mut table, "period", &mut period);
    let mut timeout = Duration::from_secs(3);
    span(&mut table, "timeout", &mut timeout);
    let looked = probe.map(|(_, probe)| Ready::Probe {
        probe,
        period,
        timeout,
    });
    let ready = pattern.map(Ready::LogLine);
    let ready = ready.or(delay.map(Ready::Delay)).or(looked);
    table.finish();
    ready
}

fn pattern(value: Value<'_>) -> Option<Regex> {
    let at = value.at.clone();
    let mistakes = value.mistakes();
    match Regex::new(&value.text()?) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            // The lines before the last one draw what is shown here anyway.
            let error = error.to_string();
            let what = error.lines().last().unwrap_or_default();
            let what = what.trim_start_matches("error: ");
            mistakes.add(at, format!("this is no regular expression: {what}"));
            None
        }
    }
}

fn read_activity(value: Value<'_>, unit: Unit) -> Unit {
    const EXPECTED: &str = "a table, for example { timeout = \"30s\", on_silence = \"restart\" }";
    let Some(mut table) = value.table(EXPECTED) else {
        return unit;
    };
    let timeout = time(&mut table, "timeout");
    let on_silence = table.take("on_silence");
    let on_silence = on_silence.and_then(|value| value.choice(&unit::ON_FAILURE));
    if timeout.is_none() {
        table.mistake("activity needs a timeout, for example { timeout = \"30s\" }");
    }
    table.finish();
    match timeout {
        Some(timeout) => unit.activity(timeout, on_silence.unwrap_or_default()),
        None => unit,
    }
}
