//! Everything ends, within one deadline.

use std::time::Duration;

use super::commands::words;
use super::{Action, Blocker, EndCause, Ending, Notice, Phase, Supervisor};
use crate::Time;
use crate::stop::KILL_WAIT;
use crate::unit::{Halt, Seen, Stage, Unit, UnitId};

/// How often people are told who is still waited for.
const TELL_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shutdown {
    cause: EndCause,
    limit: Duration,
    /// What still runs is killed then.
    deadline: Time,
    killed: bool,
    /// What is still there is let go of then, once it was killed.
    abandon_at: Time,
    next_notice: Time,
    pub(super) abandoned: Vec<String>,
}

impl Shutdown {
    fn new(cause: EndCause, now: Time, limit: Duration) -> Self {
        let deadline = now + limit;
        Self {
            cause,
            limit,
            deadline,
            killed: false,
            abandon_at: deadline + KILL_WAIT,
            next_notice: now + TELL_EVERY,
            abandoned: Vec::new(),
        }
    }

    /// When a unit's ladder must begin to fit before the deadline. One that takes more than half of
    /// the time waits for those that start after it during the other half all the same.
    pub(super) fn latest_turn(&self, unit: &Unit) -> Time {
        let total = unit.spec.policy.stop.total().min(self.limit / 2);
        let latest = self.deadline.since_origin().saturating_sub(total);
        Time::from_origin(latest)
    }

    fn timeout(&self) -> Time {
        let end = if self.killed {
            self.abandon_at
        } else {
            self.deadline
        };
        end.min(self.next_notice)
    }
}

impl Supervisor {
    /// Stops everything, dependents first, within the shutdown timeout; then
    /// [`Action::Ended`] comes, at once if nothing runs. A second call changes nothing, nor does
    /// one before anything was started.
    pub fn stop(&mut self, now: Time, by: String) {
        self.catch_up(now);
        let by = words(by);
        self.begin_shutdown(now, EndCause::Requested { by });
        self.settle(now);
    }

    /// Kills everything that still runs. Implies [`stop`](Self::stop).
    pub fn kill(&mut self, now: Time, by: String) {
        self.catch_up(now);
        let by = words(by);
        self.begin_shutdown(now, EndCause::Requested { by });
        self.kill_all(now, true);
        self.settle(now);
    }

    pub(super) fn begin_shutdown(&mut self, now: Time, cause: EndCause) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        let limit = self.policy.shutdown_timeout;
        let why = describe(&cause);
        let (notice, shutdown) = (cause.clone(), Shutdown::new(cause, now, limit));
        self.out.tell(Notice::ShuttingDown {
            cause: notice,
            limit,
        });
        self.phase = Phase::Stopping(shutdown);
        for team in self.teams.values_mut() {
            team.round = None;
        }
        let halt = Halt::Shutdown { why: why.clone() };
        for unit in self.units.values_mut() {
            if let Stage::Failed { retry, .. } = &mut unit.stage {
                *retry = None;
            }
            unit.stop_in_turn(now, &why, &halt, &mut self.out);
        }
    }

    /// When the shutdown wants to be woken.
    pub(super) fn shutdown_timeout(&self) -> Option<Time> {
        let Phase::Stopping(shutdown) = &self.phase else {
            return None;
        };
        let waiting = self.units.values().filter(|it| it.waits_for_its_turn());
        let turns = waiting.map(|unit| shutdown.latest_turn(unit)).min();
        [Some(shutdown.timeout()), turns]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn expire_shutdown(&mut self, now: Time) {
        let Phase::Stopping(shutdown) = &mut self.phase else {
            return;
        };
        let kill = shutdown.deadline <= now;
        let abandon = shutdown.killed && shutdown.abandon_at <= now;
        let tell = shutdown.next_notice <= now;
        if tell {
            shutdown.next_notice = now + TELL_EVERY;
        }
        if kill {
            self.kill_all(now, false);
        }
        if abandon {
            self.abandon_all(now);
        }
        if tell {
            self.tell_blockers(now);
        }
    }

    /// `wanted`: by a person, not because time was up.
    fn kill_all(&mut self, now: Time, wanted: bool) {
        let Phase::Stopping(shutdown) = &mut self.phase else {
            return;
        };
        if shutdown.killed {
            return;
        }
        shutdown.killed = true;
        // From now, not from the deadline: a host that comes late leaves the kill its time.
        shutdown.abandon_at = now + KILL_WAIT;
        for unit in self.units.values_mut().rev() {
            unit.kill(now, wanted, &mut self.out);
        }
    }

    fn abandon_all(&mut self, now: Time) {
        let running = self.units.values().filter_map(Unit::life);
        let ids: Vec<UnitId> = running.map(|life| life.run.unit).collect();
        for id in ids {
            self.abandon(now, id);
        }
    }

    /// Lets go of one that will not end.
    pub(super) fn abandon(&mut self, now: Time, id: UnitId) {
        let life = self.units.get(&id).and_then(Unit::life);
        if let Some(run) = life.map(|life| life.run) {
            self.over(now, id, Seen::Abandoned);
            self.out.act(Action::Abandon(run));
        }
    }

    fn tell_blockers(&mut self, now: Time) {
        let blocker = |unit: &Unit| {
            let ending = unit.life()?.ending.as_ref()?;
            Some(Blocker {
                name: unit.spec.name.clone(),
                state: unit.state(),
                step: unit.last_step(),
                age: now - ending.since,
            })
        };
        let blockers: Vec<_> = self.units.values().filter_map(blocker).collect();
        if !blockers.is_empty() {
            self.out.tell(Notice::Blocked(blockers));
        }
    }

    pub(super) fn end_if_empty(&mut self) {
        let gone = self.units.values().all(|unit| unit.life().is_none());
        if matches!(self.phase, Phase::Stopping(_)) && gone {
            let phase = std::mem::replace(&mut self.phase, Phase::Idle);
            for unit in self.units.values_mut() {
                unit.begun = false;
            }
            if let Phase::Stopping(shutdown) = phase {
                self.out.act(Action::Ended(Ending {
                    cause: shutdown.cause,
                    abandoned: shutdown.abandoned,
                }));
            }
        }
    }
}

fn describe(cause: &EndCause) -> String {
    match cause {
        EndCause::Requested { by } => by.clone(),
        EndCause::Significant(exit) => format!("{} {}", exit.name, exit.describe()),
        EndCause::GroupGaveUp { group, exit } => {
            format!("group {group} gave up: {} {}", exit.name, exit.describe())
        }
        EndCause::NeverStarted { unit, exit } => {
            format!("{unit} cannot start: {} {}", exit.name, exit.describe())
        }
    }
}
