//! Those who wait until units have got somewhere.

use std::collections::BTreeMap;

use greenroom_supervision::Time;
use greenroom_supervision::unit::{UnitId, UnitState};

use super::UnitError;
use super::command::{Reply, Waited};

/// One who waits.
pub(super) struct Waiter {
    pub(super) goal: Goal,
    /// All that are waited for, in order.
    pub(super) units: Vec<UnitId>,
    /// How far those are that have not got there.
    pub(super) pending: BTreeMap<UnitId, Standing>,
    pub(super) deadline: Time,
    pub(super) reply: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Every unit is ready or completed. Any may wait for others, and may be tried again.
    AllStarted,
    /// The unit is ready or completed. It has missed that if it has to wait for others.
    Started,
    /// Nothing of the unit runs.
    Stopped,
}

/// How far a unit is from a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    There,
    OnItsWay,
    /// It waits for others, which may be in vain.
    Waiting,
    Missed,
}

/// Who is told, and in which form.
pub(super) enum Answer {
    All(Reply<Waited>),
    One(Reply<Result<Waited, UnitError>>),
}

impl Waiter {
    /// Takes note of where a unit stands now.
    pub(super) fn note(&mut self, unit: UnitId, state: UnitState) {
        match self.goal.judge(state) {
            Standing::There => drop(self.pending.remove(&unit)),
            standing => drop(self.pending.insert(unit, standing)),
        }
    }

    pub(super) fn has_missed(&self) -> bool {
        self.pending
            .values()
            .any(|standing| *standing == Standing::Missed)
    }

    /// Whether those that are left can only be helped by others.
    pub(super) fn only_waits(&self) -> bool {
        let waits = |standing: &Standing| *standing == Standing::Waiting;
        !self.pending.is_empty() && self.pending.values().all(waits)
    }
}

impl Goal {
    fn judge(self, state: UnitState) -> Standing {
        use UnitState as State;
        match (self, state) {
            (Self::Stopped, state) if state.is_running() => Standing::OnItsWay,
            (Self::Stopped, _) | (_, State::Ready | State::Completed) => Standing::There,
            (Self::Started, State::Waiting | State::Backoff) => Standing::Missed,
            (_, State::Waiting) => Standing::Waiting,
            (_, State::Starting | State::Started | State::Stopping | State::Backoff) => {
                Standing::OnItsWay
            }
            (_, State::Failed | State::Stopped) => Standing::Missed,
        }
    }
}

impl Answer {
    pub(super) fn send(self, waited: Waited) {
        // Who has waited may have gone.
        match self {
            Self::All(reply) => drop(reply.send(waited)),
            Self::One(reply) => drop(reply.send(Ok(waited))),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::All(reply) => reply.is_closed(),
            Self::One(reply) => reply.is_closed(),
        }
    }
}
