//! What the supervisor's task keeps of one unit, beside what the machine does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use greenroom_supervision::supervisor::EXITS;
use greenroom_supervision::unit::Run;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use super::UnitReport;
use crate::unit::Unit;
use crate::unit::lines::Lines;
use crate::unit::run::{Order, Remains, Write};

pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) unit: Arc<Unit>,
    /// Empty while a run has them; if that is abandoned or panics, they are lost with it, and their
    /// numbers go on.
    pub(super) lines: Lines,
    pub(super) reports: VecDeque<Arc<UnitReport>>,
    pub(super) running: Option<Running>,
    /// Of the run that has just ended, until its end is told.
    pub(super) remains: Option<Remains>,
    /// What is still being done about the last run: the next one waits for it.
    pub(super) sweeping: Option<JoinHandle<()>>,
}

/// The way to a run.
pub(super) struct Running {
    pub(super) run: Run,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) writes: mpsc::Sender<Write>,
    pub(super) task: AbortHandle,
    pub(super) started: Option<SystemTime>,
}

impl Slot {
    pub(super) fn new(unit: Unit) -> Self {
        Self {
            name: unit.name().into(),
            unit: Arc::new(unit),
            lines: Lines::default(),
            reports: VecDeque::new(),
            running: None,
            remains: None,
            sweeping: None,
        }
    }

    /// The run, if it is still that one.
    pub(super) fn running(&self, run: Run) -> Option<&Running> {
        self.running.as_ref().filter(|running| running.run == run)
    }

    pub(super) fn remember(&mut self, report: Arc<UnitReport>) {
        if self.reports.len() == EXITS {
            self.reports.pop_front();
        }
        self.reports.push_back(report);
    }
}

impl Running {
    /// A run that has just ended needs no orders.
    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}
