//! `restart`: when a unit is started again, and when no more.

use std::time::Duration;

use greenroom::unit::{ExitMatch, Restart, RestartPolicy};

use super::signal::SignalNumber;
use super::table::Table;
use super::value::Value;
use super::{span, time};

const POLICIES: [(&str, Restart); 3] = [
    ("on-failure", Restart::OnFailure),
    ("always", Restart::Always),
    ("never", Restart::Never),
];

/// One of the words, or a table with all the limits.
pub(super) fn read(value: Value<'_>) -> Option<RestartPolicy> {
    let mut policy = RestartPolicy::default();
    if value.is_text() {
        policy.restart = value.choice(&POLICIES)?;
        return Some(policy);
    }
    let at = value.at.clone();
    let mut table = value.table("\"on-failure\", \"always\", \"never\" or a table of limits")?;
    let table_mistakes = table.mistakes;
    if let Some(restart) = table
        .take("policy")
        .and_then(|value| value.choice(&POLICIES))
    {
        policy.restart = restart;
    }
    if let Some(max) = table.take("max_restarts").and_then(max_restarts) {
        policy.max_restarts = max;
    }
    span(&mut table, "window", &mut policy.window);
    span(&mut table, "backoff_initial", &mut policy.backoff.initial);
    let longest = time(&mut table, "backoff_max");
    span(&mut table, "reset_after", &mut policy.reset_after);
    policy.retry_after = time(&mut table, "retry_after");
    policy.exits.success = exits(&mut table, "success_codes");
    policy.exits.fatal = exits(&mut table, "fatal_codes");
    table.finish();
    policy.backoff.max = longest.unwrap_or_else(|| longest_backoff(&policy));
    if let Err(error) = policy.check() {
        table_mistakes.add(at, format!("restart: {error}"));
    }
    Some(policy)
}

/// Unless somebody has said, short enough that the window can fill.
fn longest_backoff(policy: &RestartPolicy) -> Duration {
    let fits = match policy.max_restarts {
        Some(restarts) => policy.window / restarts.saturating_add(1),
        None => policy.backoff.max,
    };
    policy.backoff.max.min(fits).max(policy.backoff.initial)
}

/// A number, or `"none"` for no limit.
pub(super) fn max_restarts(value: Value<'_>) -> Option<Option<u32>> {
    if value.is_text() {
        return value.choice(&[("none", None)]);
    }
    let number = value.number(0..=1_000_000)?;
    Some(u32::try_from(number).ok())
}

fn exits(table: &mut Table<'_>, key: &'static str) -> Vec<ExitMatch> {
    const EXPECTED: &str = "a list of exit codes and signals, for example [3, \"SIGTERM\"]";
    let list = table.take(key).and_then(|value| value.list(EXPECTED));
    let each = |value: Value<'_>| {
        if value.is_number() {
            let code = value.number(0..=255)?;
            return i32::try_from(code).ok().map(ExitMatch::Code);
        }
        let signal: SignalNumber = value.parsed("an exit code or the name of a signal")?;
        Some(ExitMatch::Signal(signal.0))
    };
    list.into_iter().flatten().filter_map(each).collect()
}
