//! Time passes, now and then without the host.

use std::time::Duration;

use super::Supervisor;
use crate::Time;
use crate::unit::{Stage, Unit, UnitId};
use crate::worker::STALL_TOLERANCE;

/// While a deadline is pending that a frozen host would make unjust, it looks at the clock at least
/// this often, so that a freeze is measured to within this.
const LOOK_EVERY: Duration = Duration::from_millis(2_500);

impl Supervisor {
    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while nothing is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let units = self.units.values().filter_map(Unit::timeout).min();
        let rounds = self.teams.iter().filter_map(|(name, team)| {
            let due = team.round?;
            (!self.round_is_blocked(name)).then_some(due)
        });
        let unjust = self.units.values().any(Unit::can_be_wronged);
        let look = unjust.then(|| self.seen + LOOK_EVERY);
        [units, rounds.min(), self.shutdown_timeout(), look]
            .into_iter()
            .flatten()
            .min()
    }

    /// Time has passed. Calls before [`poll_timeout`](Self::poll_timeout) do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.catch_up(now);
        let due = |unit: &&Unit| unit.timeout().is_some_and(|at| at <= now);
        let due: Vec<UnitId> = self.units.values().filter(due).map(|it| it.id).collect();
        for id in due.into_iter().rev() {
            self.expire_unit(now, id);
        }
        self.expire_shutdown(now);
        self.settle(now);
    }

    fn expire_unit(&mut self, now: Time, id: UnitId) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        match &unit.stage {
            Stage::Running(_) => {
                unit.expire(now, &mut self.out);
                if unit.expire_ladder(now, &mut self.out) {
                    self.abandon(now, id);
                }
            }
            Stage::Backoff { due: Some(due), .. } if *due <= now => unit.wait(now),
            Stage::Failed {
                retry: Some(at), ..
            } if *at <= now => self.retry(now, id),
            _ => {}
        }
    }

    /// A call that comes later than was asked for shows that the host was frozen. Nobody else is to
    /// blame for that time.
    pub(super) fn catch_up(&mut self, now: Time) {
        if let Some(wanted) = self.poll_timeout() {
            let lateness = now - wanted.max(self.seen);
            if lateness > STALL_TOLERANCE {
                for unit in self.units.values_mut() {
                    unit.postpone(lateness, now);
                }
            }
        }
        self.seen = self.seen.max(now);
    }
}
