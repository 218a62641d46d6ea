//! Limits of a unit that cannot work.

use std::time::Duration;

use super::{Check, Readiness, UnitPolicy};
use crate::memory::MemoryPolicy;
use crate::policy_error::{LONGEST, PolicyError, check_span};

impl UnitPolicy {
    /// Refuses limits under which the unit could not live, or could not be given up.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.restart.check()?;
        self.stop.check()?;
        check_span("start_timeout", self.start_timeout)?;
        if self.max_extension > LONGEST {
            let span = format!("{:?}", self.max_extension);
            let advice = "it must be at most 366 days; 0 grants nothing";
            return Err(PolicyError::new("max_extension", span, advice));
        }
        self.check_readiness()?;
        for check in &self.checks {
            check.check()?;
        }
        if let Some(activity) = self.activity {
            check_span("activity", activity.timeout)?;
        }
        if let Some(interval) = self.watchdog {
            check_span("watchdog", interval)?;
        }
        check_span("memory_sample", self.memory_sample)?;
        self.memory().check()
    }

    fn check_readiness(&self) -> Result<(), PolicyError> {
        match self.readiness {
            Readiness::Started | Readiness::Told => Ok(()),
            Readiness::Delay(delay) => {
                check_span("readiness delay", delay)?;
                self.check_fits("readiness delay", delay)
            }
            Readiness::Probe { period, timeout } => {
                check_span("readiness period", period)?;
                check_span("readiness timeout", timeout)?;
                self.check_fits("readiness period", period)?;
                self.check_fits("readiness timeout", timeout)
            }
        }
    }

    fn check_fits(&self, option: &'static str, span: Duration) -> Result<(), PolicyError> {
        if span < self.start_timeout {
            return Ok(());
        }
        let limit = self.start_timeout;
        let advice = format!("it must be shorter than start_timeout, which is {limit:?}");
        Err(PolicyError::new(option, format!("{span:?}"), advice))
    }

    pub(crate) fn memory(&self) -> MemoryPolicy {
        MemoryPolicy {
            warn: self.memory_warn,
            limit: self.memory_limit,
            sample: self.memory_sample,
        }
    }
}

impl Check {
    fn check(&self) -> Result<(), PolicyError> {
        check_span("check period", self.period)?;
        check_span("check timeout", self.timeout)?;
        if self.threshold == 0 {
            let advice = "it must be at least 1: so many failures in a row count";
            return Err(PolicyError::new("check threshold", "0", advice));
        }
        Ok(())
    }
}
