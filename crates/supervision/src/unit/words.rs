//! A run in words, and what is wrong with it.

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
                Some(descent) => match descent.step(&policy.stop) {
                    None => format!("is to end as soon as its start is answered: {why}"),
                    Some(step) => {
                        let since = Span(now - descent.begun());
                        format!("is being stopped for {since}, last with {step}: {why}")
                    }
                },
            };
        }
        match (self.state(), self.ready) {
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
        }
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
