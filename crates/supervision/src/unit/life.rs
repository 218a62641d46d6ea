//! One run of a unit, from the order to start it until it is gone.

use std::time::Duration;

use super::descent::{Descent, grace};
use super::ending::Ending;
use super::look::{Checking, Look};
use super::signs::Sign;
use crate::Time;
use crate::allowance::Allowance;
use crate::deadline::Deadline;
use crate::memory::Memory;
use crate::unit::{Readiness, Run, UnitPolicy, UnitState};

#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) run: Run,
    pub(crate) pid: Option<u32>,
    /// When the order to start it was given.
    pub(crate) ordered: Time,
    pub(crate) spawned: Option<Time>,
    pub(crate) ready: Option<Time>,
    pub(crate) ending: Option<Ending>,
    pub(super) journey: Vec<(UnitState, Duration)>,
    pub(super) entered: Time,
    /// It has said that it is ready.
    pub(super) said_ready: bool,
    /// It must be ready by then.
    pub(super) start: Option<Deadline>,
    pub(super) start_allowance: Allowance,
    pub(super) readying: Option<Readying>,
    /// Why the last look for readiness failed.
    pub(super) not_ready: Option<String>,
    pub(super) checks: Vec<Checking>,
    pub(super) output: Option<Sign>,
    pub(super) watchdog: Option<Sign>,
    /// What its watchdog's interval is.
    pub(super) watchdog_interval: Option<Duration>,
    pub(super) memory: Memory,
    pub(super) sample: Option<Time>,
}

/// What makes it ready.
#[derive(Clone, Copy, Debug)]
pub(super) enum Readying {
    Delay(Time),
    Probe(Look),
}

impl Life {
    pub(super) fn new(run: Run, policy: &UnitPolicy, now: Time) -> Self {
        Self {
            run,
            pid: None,
            ordered: now,
            spawned: None,
            ready: None,
            ending: None,
            journey: Vec::new(),
            entered: now,
            said_ready: false,
            start: Some(Deadline::new(now + policy.start_timeout)),
            start_allowance: Allowance::default(),
            readying: None,
            not_ready: None,
            checks: Vec::new(),
            output: None,
            watchdog: None,
            watchdog_interval: policy.watchdog,
            memory: Memory::default(),
            sample: None,
        }
    }

    pub(crate) fn state(&self) -> UnitState {
        if self.descent().is_some() {
            UnitState::Stopping
        } else if self.ready.is_some() {
            UnitState::Ready
        } else if self.spawned.is_some() {
            UnitState::Started
        } else {
            UnitState::Starting
        }
    }

    pub(crate) fn descent(&self) -> Option<&Descent> {
        self.ending.as_ref()?.descent.as_ref()
    }

    pub(super) fn descent_mut(&mut self) -> Option<&mut Descent> {
        self.ending.as_mut()?.descent.as_mut()
    }

    /// Closes the current entry of the journey.
    pub(super) fn leave(&mut self, state: UnitState, now: Time) {
        self.journey.push((state, now - self.entered));
        self.entered = now;
    }

    /// From now on only its end is waited for.
    pub(super) fn stop_watching(&mut self) {
        self.start = None;
        self.readying = None;
        self.output = None;
        self.watchdog = None;
        self.sample = None;
        for check in &mut self.checks {
            check.look.stop();
        }
    }

    /// For how long it was ready at a stretch.
    pub(super) fn ready_for(&self, now: Time) -> Duration {
        let until = self.descent().map_or(now, Descent::begun);
        self.ready.map_or(Duration::ZERO, |since| until - since)
    }

    /// Its next deadline of whatever kind.
    pub(super) fn timeout(&self) -> Option<Time> {
        let readying = self.readying.and_then(|readying| match readying {
            Readying::Delay(at) => Some(at),
            Readying::Probe(look) => look.at(),
        });
        let checks = self.checks.iter().filter_map(|check| check.look.at()).min();
        [
            self.start.map(Deadline::at),
            readying,
            checks,
            self.output.and_then(|sign| sign.timeout()),
            self.watchdog.and_then(|sign| sign.timeout()),
            self.sample,
            self.descent().map(Descent::timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether a deadline is pending that would be unjust if the host was frozen meanwhile.
    pub(super) fn can_be_wronged(&self) -> bool {
        let readying = matches!(self.readying, Some(Readying::Probe(look)) if look.is_out());
        self.start.is_some()
            || readying
            || self.checks.iter().any(|check| check.look.is_out())
            || [self.output, self.watchdog]
                .into_iter()
                .flatten()
                .any(|sign| sign.timeout().is_some())
            || self.descent().is_some()
    }

    /// The host was late by so much: that is not this run's fault.
    pub(super) fn postpone(&mut self, lateness: Duration, now: Time, policy: &UnitPolicy) {
        if let Some(start) = &mut self.start {
            start.postpone(lateness);
            start.spare(now + grace(policy.start_timeout));
        }
        if let (Some(Readying::Probe(look)), Readiness::Probe { timeout, .. }) =
            (&mut self.readying, policy.readiness)
        {
            look.postpone(lateness, now, grace(timeout));
        }
        for (checking, check) in self.checks.iter_mut().zip(&policy.checks) {
            checking.look.postpone(lateness, now, grace(check.timeout));
        }
        for sign in [&mut self.output, &mut self.watchdog].into_iter().flatten() {
            sign.postpone(lateness, now);
        }
        if let Some(descent) = self.descent_mut() {
            descent.postpone(lateness, now, &policy.stop);
        }
    }
}
