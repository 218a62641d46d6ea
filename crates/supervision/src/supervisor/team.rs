//! A group at work: what its members have cost it, and a restart of many at once.

use super::Group;
use crate::Time;
use crate::restart::Window;

#[derive(Debug)]
pub(super) struct Team {
    pub(super) group: Group,
    pub(super) window: Window,
    /// A restart of several members is under way: they start again then, or as soon after as all
    /// of them are gone.
    pub(super) round: Option<Time>,
}

impl Team {
    pub(super) fn new(group: Group) -> Self {
        Self {
            group,
            window: Window::default(),
            round: None,
        }
    }

    pub(super) fn has_room(&self, now: Time) -> bool {
        let group = &self.group;
        let room = self.window.has_room(now, group.max_restarts, group.window);
        !group.restarts_together() || room
    }

    /// Another restart, of which the culprit's part is due then.
    pub(super) fn begin_round(&mut self, now: Time, due: Time) {
        self.window.admit(now, self.group.window);
        self.round = Some(self.round.map_or(due, |round| round.max(due)));
    }
}
