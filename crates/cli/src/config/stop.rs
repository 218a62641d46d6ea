//! `stop`: how a unit is asked to end, ever more firmly.

use std::time::Duration;

use bytes::Bytes;
use greenroom::unit::{StopAction, StopLadder, StopStep};

use super::signal::SignalNumber;
use super::span;
use super::value::Value;

const EXPECTED: &str = "a list of steps, for example \
                        [{ signal = \"INT\", wait = \"3s\" }, { signal = \"TERM\", wait = \"5s\" }]";

pub(super) fn read(value: Value<'_>) -> Option<StopLadder> {
    let at = value.at.clone();
    let mistakes = value.mistakes();
    let steps = value.list(EXPECTED)?.into_iter().filter_map(step);
    let ladder = StopLadder {
        steps: steps.collect(),
    };
    if let Err(error) = ladder.check() {
        mistakes.add(at, error.to_string());
        return None;
    }
    Some(ladder)
}

fn step(value: Value<'_>) -> Option<StopStep> {
    let mut table = value.table("a table, for example { signal = \"INT\", wait = \"3s\" }")?;
    let mut wait = Duration::from_secs(10);
    span(&mut table, "wait", &mut wait);
    table.one_of(&["signal", "stdin", "close_stdin", "shutdown"]);
    let signal = table.take("signal");
    let signal = signal.and_then(|value| value.parsed::<SignalNumber>("the name of a signal"));
    let stdin = table.take_secret("stdin").and_then(Value::text);
    let close_stdin = table.take("close_stdin").and_then(only_true);
    let shutdown = table.take("shutdown").and_then(only_true);
    let action = signal
        .map(|signal| StopAction::Signal(signal.0))
        .or(stdin.map(|text| StopAction::Write(Bytes::from(text))))
        .or(close_stdin.map(|()| StopAction::CloseStdin))
        .or(shutdown.map(|()| StopAction::Shutdown));
    table.finish();
    Some(StopStep {
        action: action?,
        wait,
    })
}

/// A step that is not to be taken is better left out.
fn only_true(value: Value<'_>) -> Option<()> {
    let at = value.at.clone();
    let mistakes = value.mistakes();
    if value.boolean()? {
        return Some(());
    }
    mistakes.add(at, "false means nothing here: leave the step out");
    None
}
