//! What a run does and shows, from its spawn until it is told to end.

use std::time::Duration;

use super::ending::{Ending, Next, WORDS, Why};
use super::life::{Life, Readying};
use super::look::{Checking, Finding, Look};
use super::record::{Stage, Unit};
use super::signs::Sign;
use super::{Readiness, UnitState};
use crate::exit::ExitReason;
use crate::memory::Verdict;
use crate::supervisor::{Outbox, ProbeId, UnitNotice};
use crate::text::harmless;
use crate::{Time, unit::UnitPolicy};

/// A watchdog's shortest interval: a peer may not make the host spin.
const SHORTEST_WATCHDOG: Duration = Duration::from_millis(1);

impl Unit {
    /// The run, if it still matters what it shows, with its policy.
    pub(super) fn watched(&mut self) -> Option<(&mut Life, &UnitPolicy)> {
        match &mut self.stage {
            Stage::Running(life) if life.spawned.is_some() && life.descent().is_none() => {
                Some((life, &self.spec.policy))
            }
            _ => None,
        }
    }

    pub(crate) fn spawned(&mut self, now: Time, pid: Option<u32>, out: &mut Outbox) {
        let policy = &self.spec.policy;
        let Stage::Running(life) = &mut self.stage else {
            return;
        };
        if life.spawned.is_some() {
            return;
        }
        life.spawned = Some(now);
        life.pid = pid;
        if life.descent().is_some() {
            return self.say(UnitNotice::Started { pid }, out);
        }
        life.leave(UnitState::Starting, now);
        self.since = now;
        life.output = policy
            .activity
            .map(|activity| Sign::new(now, activity.timeout));
        if policy.memory_warn.is_some() || policy.memory_limit.is_some() {
            // It may grow from its first moment on.
            let hurry = life.memory.hurry(now, &policy.memory());
            life.sample = Some(hurry.unwrap_or(now));
        }
        let ready = match policy.readiness {
            Readiness::Started => true,
            Readiness::Told => life.said_ready,
            Readiness::Delay(delay) => {
                life.readying = Some(Readying::Delay(now + delay));
                false
            }
            Readiness::Probe { .. } => {
                life.readying = Some(Readying::Probe(Look::due(now)));
                false
            }
        };
        self.say(UnitNotice::Started { pid }, out);
        if ready {
            self.become_ready(now, out);
        }
    }

    /// It has said that it is ready, perhaps before its spawn was heard of.
    pub(crate) fn said_ready(&mut self, now: Time, out: &mut Outbox) {
        if self.spec.policy.readiness != Readiness::Told {
            return;
        }
        if let Some(life) = self.life_mut() {
            life.said_ready = true;
        }
        if self.state() == UnitState::Started {
            self.become_ready(now, out);
        }
    }

    pub(super) fn become_ready(&mut self, now: Time, out: &mut Outbox) {
        let Some((life, policy)) = self.watched() else {
            return;
        };
        if life.ready.is_some() {
            return;
        }
        life.leave(UnitState::Started, now);
        life.ready = Some(now);
        life.start = None;
        life.readying = None;
        life.not_ready = None;
        life.checks = policy
            .checks
            .iter()
            .map(|check| Checking::new(now, check))
            .collect();
        life.watchdog = life.watchdog_interval.map(|span| Sign::new(now, span));
        let after = now - life.ordered;
        self.since = now;
        self.say(UnitNotice::Ready { after }, out);
    }

    pub(crate) fn printed(&mut self, now: Time) {
        if let Some((life, _)) = self.watched()
            && let Some(output) = &mut life.output
        {
            output.seen(now);
        }
    }

    pub(crate) fn gave_sign(&mut self, now: Time) {
        if let Some((life, _)) = self.watched()
            && let Some(watchdog) = &mut life.watchdog
        {
            watchdog.seen(now);
        }
    }

    pub(crate) fn wants_watchdog(&mut self, now: Time, interval: Duration) {
        if let Some((life, _)) = self.watched() {
            let wanted = (!interval.is_zero()).then(|| interval.max(SHORTEST_WATCHDOG));
            life.watchdog_interval = wanted;
            if life.ready.is_some() {
                life.watchdog = wanted.map(|span| Sign::new(now, span));
            }
        }
    }

    pub(crate) fn triggered_watchdog(&mut self, now: Time, out: &mut Outbox) {
        if self.watched().is_some() {
            let silent_for = Duration::ZERO;
            self.fault(ExitReason::Watchdog { silent_for }, now, out);
        }
    }

    pub(crate) fn wants_longer(&mut self, now: Time, extra: Duration) {
        let max = self.spec.policy.max_extension;
        let Stage::Running(life) = &mut self.stage else {
            return;
        };
        if let Some(descent) = life.descent_mut() {
            descent.extend(now, extra, max);
        } else if life.spawned.is_some()
            && let Some(start) = &mut life.start
        {
            let wanted = (now + extra) - start.at();
            start.postpone(life.start_allowance.extend(wanted, max));
        }
    }

    pub(crate) fn measured(&mut self, now: Time, bytes: u64, out: &mut Outbox) {
        let Some((life, policy)) = self.watched() else {
            return;
        };
        // Zero is what a dead process shows; and nobody measures what has no bounds.
        if bytes == 0 || life.sample.is_none() {
            return;
        }
        let memory = policy.memory();
        // A unit is always at work.
        let verdict = life.memory.observe(now, bytes, false, &memory);
        life.sample = Some(life.memory.next_sample(now, &memory));
        match verdict {
            Verdict::Fine => {}
            Verdict::Warn => self.say(UnitNotice::MemoryHigh { bytes }, out),
            Verdict::Kill { limit } => {
                let reason = ExitReason::MemoryLimit { rss: bytes, limit };
                self.fault_at_once(reason, now, out);
            }
        }
    }

    pub(crate) fn probed(
        &mut self,
        now: Time,
        probe: ProbeId,
        result: Result<(), String>,
        out: &mut Outbox,
    ) {
        let Some((life, _)) = self.watched() else {
            return;
        };
        let look = match (probe, &mut life.readying) {
            (ProbeId::Readiness, Some(Readying::Probe(look))) => Some(look),
            (ProbeId::Readiness, _) => None,
            (ProbeId::Check(index), _) => life.checks.get_mut(index).map(|it| &mut it.look),
        };
        if !look.is_some_and(Look::accepts_answer) {
            return;
        }
        let result = result.map_err(|message| harmless(&message, WORDS));
        match probe {
            ProbeId::Readiness => self.probed_readiness(now, result, out),
            ProbeId::Check(index) => self.checked(now, index, result, out),
        }
    }

    pub(super) fn probed_readiness(
        &mut self,
        now: Time,
        result: Result<(), String>,
        out: &mut Outbox,
    ) {
        let Some((life, policy)) = self.watched() else {
            return;
        };
        let (Some(Readying::Probe(look)), Readiness::Probe { period, .. }) =
            (&mut life.readying, policy.readiness)
        else {
            return;
        };
        look.rest_until(now + period);
        match result {
            Ok(()) => self.become_ready(now, out),
            Err(message) => life.not_ready = Some(message),
        }
    }

    pub(super) fn checked(
        &mut self,
        now: Time,
        index: usize,
        result: Result<(), String>,
        out: &mut Outbox,
    ) {
        let Some((life, policy)) = self.watched() else {
            return;
        };
        let (Some(checking), Some(check)) = (life.checks.get_mut(index), policy.checks.get(index))
        else {
            return;
        };
        let finding = checking.answer(now, check, result);
        let (failures, message) = (checking.failures, checking.message.clone());
        let (name, threshold) = (check.name.clone(), check.threshold);
        if finding == Finding::Recovered {
            self.say(UnitNotice::CheckRecovered { check: name }, out);
            return;
        }
        if finding == Finding::Nothing {
            return;
        }
        let notice = UnitNotice::CheckFailed {
            check: name.clone(),
            failures,
            threshold,
            message: message.clone(),
        };
        self.say(notice, out);
        if finding == Finding::Fatal {
            let reason = ExitReason::CheckFailed {
                check: name,
                failures,
                message,
            };
            self.fault(reason, now, out);
        }
    }

    /// It has broken a limit: it is ended by its ladder. If its end is ordered already it goes on
    /// waiting for its turn: those that lean on it are still there.
    pub(super) fn fault(&mut self, reason: ExitReason, now: Time, out: &mut Outbox) {
        if self.waits_for_its_turn() {
            return;
        }
        self.order(Why::Fault(reason), Next::Policy, now);
        self.descend(now, out);
    }

    /// It has broken a limit that cannot wait, whatever else is ordered.
    fn fault_at_once(&mut self, reason: ExitReason, now: Time, out: &mut Outbox) {
        let why = Why::Fault(reason);
        match self.life_mut().and_then(|life| life.ending.as_mut()) {
            Some(ending) => ending.why = why,
            None => self.order(why, Next::Policy, now),
        }
        self.kill(now, false, out);
    }

    /// Orders its end, unless that was done before: the first reason stands.
    pub(crate) fn order(&mut self, why: Why, next: Next, now: Time) {
        if let Stage::Running(life) = &mut self.stage {
            life.ending.get_or_insert(Ending {
                why,
                next,
                since: now,
                descent: None,
            });
        }
    }
}
