//! What the driver has not fetched yet.

use std::collections::VecDeque;

use super::{Action, Notice, UnitNotice};
use crate::unit::{Run, UnitId};

#[derive(Debug, Default)]
pub(crate) struct Outbox(VecDeque<Action>);

impl Outbox {
    pub(crate) fn act(&mut self, action: Action) {
        self.0.push_back(action);
    }

    pub(crate) fn tell(&mut self, notice: Notice) {
        self.act(Action::Tell(notice));
    }

    pub(crate) fn say(&mut self, unit: UnitId, name: &str, notice: UnitNotice) {
        let name = name.to_owned();
        self.tell(Notice::Unit { unit, name, notice });
    }

    /// Takes back what was to be done to a run that is gone.
    pub(crate) fn forget(&mut self, gone: Run) {
        self.0.retain(|action| match action {
            Action::Start(run)
            | Action::Stop { run, .. }
            | Action::Probe { run, .. }
            | Action::SampleMemory(run) => *run != gone,
            Action::Abandon(_) | Action::Tell(_) | Action::Ended(_) => true,
        });
    }

    /// Takes back looks at a run that is being ended.
    pub(crate) fn forget_looks(&mut self, ending: Run) {
        self.0.retain(|action| match action {
            Action::Probe { run, .. } | Action::SampleMemory(run) => *run != ending,
            _ => true,
        });
    }

    pub(crate) fn pop(&mut self) -> Option<Action> {
        self.0.pop_front()
    }
}
