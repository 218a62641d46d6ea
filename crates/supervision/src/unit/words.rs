//! A run in words, and what is wrong with it.

use std::time::Duration;

use super::life::Life;
use super::record::Unit;
use crate::Time;
use crate::text::Span;
use crate::unit::{UnitPolicy, UnitState};

impl Life {
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory.peak()
    }

    /// Where it stands and why.
    pub(crate) fn describe(&self, now: Time, policy: &UnitPolicy) -> String {
        if let Some(ending) = &self.ending {
            let why = ending.why.describe();
            return match &ending.descent {
                None => format!("is to end once those that start after it are gone: {why}"),
                Some(descent) => {
                    let since = Span(now - descent.begun());
                    let step = descent.step(&policy.stop);
                    let step = step.map_or(String::new(), |step| format!(", last with {step}"));
                    format!("is being stopped for {since}{step}: {why}")
                }
            };
        }
        let mut words = match (self.state(), self.ready) {
            (UnitState::Starting, _) => "is being started".to_owned(),
            (_, Some(ready)) => {
                let mut words = format!("ready after {}", Span(ready - self.ordered));
                for (name, failures, message) in self.failing_checks(policy) {
                    words.push_str(&format!(
                        "; check {name} failed {failures} times in a row: {message}"
                    ));
                }
                words
            }
            _ => match &self.not_ready {
                Some(message) => format!("runs and is not ready yet: {message}"),
                None => "runs and is not ready yet".to_owned(),
            },
        };
        if let Some(silent_for) = self.silent_for(now) {
            let silent_for = Span(silent_for);
            words.push_str(&format!("; it has printed nothing for {silent_for}"));
        }
        words
    }

    /// For how long it has printed nothing, if that is longer than it may.
    pub(crate) fn silent_for(&self, now: Time) -> Option<Duration> {
        self.output?.overdue(now)
    }

    fn failing_checks(&self, policy: &UnitPolicy) -> Vec<(String, u32, String)> {
        let failing = self.checks.iter().zip(&policy.checks);
        failing
            .filter(|(checking, _)| checking.failures > 0)
            .map(|(checking, check)| {
                let message = checking.message.clone();
                (check.name.clone(), checking.failures, message)
            })
            .collect()
    }
}

impl Unit {
    /// Checks that fail at the moment: name, failures in a row, last message.
    pub(crate) fn failing_checks(&self) -> Vec<(String, u32, String)> {
        self.life()
            .map_or_else(Vec::new, |life| life.failing_checks(&self.spec.policy))
    }
}
