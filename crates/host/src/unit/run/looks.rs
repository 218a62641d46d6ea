//! Looks at a unit while it runs: probes, and its memory.

use std::sync::Arc;

use greenroom_supervision::supervisor::ProbeId;
use tokio::task::JoinSet;

use super::Fact;
use super::task::chain;
use crate::os::{self, Mark};
use crate::probe::Probe;
use crate::unit::{Ready, Unit};

/// Looks that are under way. They are given up with the run.
pub(super) struct Looks {
    unit: Arc<Unit>,
    /// What its checks leave behind is found by it.
    mark: Mark,
    /// The machine has each look taken once at a time, so that they are few.
    under_way: JoinSet<Fact>,
}

impl Looks {
    pub(super) fn new(unit: Arc<Unit>, mark: Mark) -> Self {
        Self {
            unit,
            mark,
            under_way: JoinSet::new(),
        }
    }

    pub(super) fn probe(&mut self, which: ProbeId) {
        let Some((probe, timeout)) = self.find(which) else {
            return;
        };
        let probe = probe.with_variable(self.mark.variable());
        self.under_way.spawn(async move {
            let result = probe.run(timeout).await;
            Fact::Probed(which, result.map_err(|failure| chain(&failure)))
        });
    }

    fn find(&self, which: ProbeId) -> Option<(Probe, std::time::Duration)> {
        match (which, &self.unit.ready) {
            (ProbeId::Readiness, Ready::Probe { probe, timeout, .. }) => {
                Some((probe.clone(), *timeout))
            }
            (ProbeId::Readiness, _) => None,
            (ProbeId::Check(position), _) => {
                let check = self.unit.spec.policy.checks.get(position)?;
                Some((self.unit.probes.get(position)?.clone(), check.timeout))
            }
        }
    }

    pub(super) fn measure(&mut self, group: u32) {
        self.under_way.spawn(async move {
            let usage = os::usage(vec![group]).await;
            Fact::Memory(usage.first().map_or(0, |usage| usage.memory))
        });
    }

    /// What the next look has shown. Cancel-safe.
    pub(super) async fn next(&mut self) -> Fact {
        while let Some(looked) = self.under_way.join_next().await {
            match looked {
                Ok(fact) => return fact,
                Err(error) => tracing::error!(%error, "a look at a unit has failed"),
            }
        }
        std::future::pending().await
    }
}
