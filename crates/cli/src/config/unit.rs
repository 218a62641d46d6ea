//! What daemons and pools have in common.

use std::path::Path;

use greenroom::Unit;
use greenroom::unit::{Check, Condition, OnFailure};

use super::probe;
use super::table::Table;
use super::value::Value;
use super::{restart, span, stop, time};

const CONDITIONS: [(&str, Condition); 4] = [
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("completed", Condition::Completed),
    ("completed_successfully", Condition::CompletedSuccessfully),
];

pub(super) const ON_FAILURE: [(&str, OnFailure); 2] =
    [("restart", OnFailure::Restart), ("warn", OnFailure::Warn)];

/// A unit of the file.
#[derive(Clone)]
pub(crate) struct Described {
    /// As it is but for its dependencies: units can change places only if none holds on to another
    /// meanwhile.
    pub(crate) bare: Unit,
    dependencies: Vec<(String, Condition)>,
    pub(crate) group: Option<String>,
    pub(crate) autostart: bool,
}

impl Described {
    /// The unit with its dependencies.
    pub(crate) fn unit(&self) -> Unit {
        let each =
            |unit: Unit, (name, condition): &(String, Condition)| unit.after(name, *condition);
        self.dependencies.iter().fold(self.bare.clone(), each)
    }

    /// The units that it starts after.
    pub(crate) fn after(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().map(|(name, _)| name.as_str())
    }
}

/// Reads the keys of `table` that every kind of unit has into `unit`.
pub(super) fn read(table: &mut Table<'_>, mut unit: Unit, base: &Path) -> Described {
    let after = table.take("after");
    let after = after.and_then(|value| value.list("a list of units, for example [\"db\"]"));
    let dependencies = after.into_iter().flatten().filter_map(dependency);
    let dependencies = dependencies.collect();
    let group = table.take("group").and_then(Value::text);
    if let Some(group) = &group {
        unit = unit.group(group);
    }
    if let Some(significant) = table.take("significant").and_then(Value::boolean) {
        unit = unit.significant(significant);
    }
    let autostart = table.take("autostart").and_then(Value::boolean);
    let autostart = autostart.unwrap_or(true);
    unit = unit.autostart(autostart);
    if let Some(limit) = time(table, "start_timeout") {
        unit = unit.start_timeout(limit);
    }
    if let Some(limit) = time(table, "max_extension") {
        unit = unit.max_extension(limit);
    }
    if let Some(policy) = table.take("restart").and_then(restart::read) {
        unit = unit.restart_policy(policy);
    }
    if let Some(ladder) = table.take("stop").and_then(stop::read) {
        unit = unit.stop(ladder);
    }
    let checks = table.take("checks");
    let checks = checks.and_then(|value| {
        value.list("a list of tables, for example [{ name = \"port\", tcp = \"127.0.0.1:80\" }]")
    });
    for check in checks.into_iter().flatten() {
        if let Some((check, probe)) = read_check(check, base) {
            unit = unit.check(check, probe);
        }
    }
    Described {
        bare: unit,
        dependencies,
        group,
        autostart,
    }
}

/// A name, or a table of a name and how far that unit must have got.
fn dependency(value: Value<'_>) -> Option<(String, Condition)> {
    if value.is_text() {
        return Some((value.text()?, Condition::default()));
    }
    let mut table = value.table("a unit's name, or { unit = \"db\", condition = \"started\" }")?;
    let name = table.take("unit").and_then(Value::text);
    let condition = table.take("condition");
    let condition = condition.and_then(|value| value.choice(&CONDITIONS));
    if name.is_none() {
        table
            .mistake("a dependency needs a unit: write { unit = \"db\", condition = \"started\" }");
    }
    table.finish();
    Some((name?, condition.unwrap_or_default()))
}

fn read_check(value: Value<'_>, base: &Path) -> Option<(Check, greenroom::Probe)> {
    let mut table = value.table("a table, for example { tcp = \"127.0.0.1:80\" }")?;
    let name = table.take("name").and_then(Value::text);
    table.one_of(&probe::LOOKS);
    let look = probe::read(&mut table, base);
    // Without a name it is called by what it is.
    let what = look.as_ref().map_or("check", |(what, _)| what);
    let mut check = Check::new(name.unwrap_or_else(|| what.to_owned()));
    span(&mut table, "period", &mut check.period);
    span(&mut table, "timeout", &mut check.timeout);
    let threshold = table.take("threshold");
    if let Some(threshold) = threshold.and_then(|value| value.number(1..=1_000_000)) {
        check.threshold = u32::try_from(threshold).unwrap_or(u32::MAX);
    }
    let on_failure = table.take("on_failure");
    if let Some(on_failure) = on_failure.and_then(|value| value.choice(&ON_FAILURE)) {
        check.on_failure = on_failure;
    }
    table.finish();
    Some((check, look?.1))
}
