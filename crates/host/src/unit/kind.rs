//! What can be said of some kinds of units only.

use greenroom_supervision::stop::StopAction;
use greenroom_supervision::unit::{Readiness, UnitKind, UnitSpec};

use super::{Body, Ready, Unit};
use crate::supervisor::UnitError;

impl Unit {
    /// Refuses what does not fit its kind.
    pub(crate) fn check_kind(&self) -> Result<(), UnitError> {
        if self.spec.kind != UnitKind::Daemon {
            let policy = &self.spec.policy;
            let of_daemons = [
                (matches!(self.ready, Ready::Notify), "readiness by notify"),
                (
                    matches!(self.ready, Ready::LogLine(_)),
                    "readiness by log line",
                ),
                (policy.activity.is_some(), "activity"),
                (policy.watchdog.is_some(), "watchdog"),
                (policy.memory_warn.is_some(), "memory_warn"),
                (policy.memory_limit.is_some(), "memory_limit"),
                (self.stops_by_stdin(), "a stop step on stdin"),
            ];
            for (used, option) in of_daemons {
                if used {
                    return Err(self.wrong_kind(option, "daemons"));
                }
            }
        } else if self.stops_by(|step| *step == StopAction::Shutdown) {
            return Err(self.wrong_kind("the stop step shutdown", "tasks and pools"));
        }
        Ok(())
    }

    /// What the machine is told of it.
    pub(crate) fn spec(&self) -> UnitSpec {
        let mut spec = self.spec.clone();
        spec.policy.readiness = match (&self.ready, spec.kind) {
            (Ready::Started, UnitKind::Pool) => Readiness::Told,
            (Ready::Started, _) => Readiness::Started,
            (Ready::Delay(delay), _) => Readiness::Delay(*delay),
            (Ready::Notify | Ready::LogLine(_), _) => Readiness::Told,
            (
                Ready::Probe {
                    period, timeout, ..
                },
                _,
            ) => Readiness::Probe {
                period: *period,
                timeout: *timeout,
            },
        };
        spec
    }

    /// Whether its standard input is a pipe, to write to or to close.
    pub(crate) fn has_stdin(&self) -> bool {
        match &self.body {
            Body::Daemon(daemon) => daemon.stdin || self.stops_by_stdin(),
            Body::Task(_) | Body::Pool(_) => false,
        }
    }

    fn stops_by_stdin(&self) -> bool {
        self.stops_by(|step| matches!(step, StopAction::Write(_) | StopAction::CloseStdin))
    }

    fn stops_by(&self, is: impl Fn(&StopAction) -> bool) -> bool {
        let steps = &self.spec.policy.stop.steps;
        steps.iter().any(|step| is(&step.action))
    }

    pub(crate) fn wrong_kind(&self, option: &'static str, right: &'static str) -> UnitError {
        UnitError::WrongKind {
            unit: self.spec.name.clone(),
            kind: self.spec.kind,
            option,
            right,
        }
    }
}
