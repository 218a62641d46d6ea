//! `[group.NAME]`: units that live and die together.

use greenroom::supervisor::{Escalation, Group, Strategy};

use super::restart::max_restarts;
use super::span;
use super::table::Table;

const STRATEGIES: [(&str, Strategy); 3] = [
    ("one-for-one", Strategy::OneForOne),
    ("one-for-all", Strategy::OneForAll),
    ("rest-for-one", Strategy::RestForOne),
];

const ESCALATIONS: [(&str, Escalation); 3] = [
    ("isolate", Escalation::Isolate),
    ("stop-group", Escalation::StopGroup),
    ("shutdown", Escalation::Shutdown),
];

pub(super) fn read(name: String, mut table: Table<'_>) -> Group {
    let strategy = table.take("strategy");
    let strategy = strategy.and_then(|value| value.choice(&STRATEGIES));
    let mut group = Group::new(name, strategy.unwrap_or_default());
    let escalation = table.take("escalation");
    if let Some(escalation) = escalation.and_then(|value| value.choice(&ESCALATIONS)) {
        group.escalation = escalation;
    }
    if let Some(max) = table.take("max_restarts").and_then(max_restarts) {
        group.max_restarts = max;
    }
    span(&mut table, "window", &mut group.window);
    table.finish();
    group
}
