//! A unit with everything that is remembered of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::ending::{Halt, Judgement, Next, Seen, judge};
use super::life::Life;
use super::{Run, UnitExit, UnitId, UnitSpec, UnitState};
use crate::Time;
use crate::restart::Window;
use crate::supervisor::{Action, EXITS, Outbox, UnitNotice};

#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) id: UnitId,
    pub(crate) spec: UnitSpec,
    pub(crate) stage: Stage,
    pub(crate) since: Time,
    /// How many starts there were.
    pub(crate) starts: u64,
    /// Since it was added.
    pub(crate) restarts: u64,
    pub(crate) window: Window,
    /// In a row.
    pub(crate) failures: u32,
    /// Whether it was to run at any time since everything was last at rest.
    pub(crate) begun: bool,
    /// The last ones, oldest first.
    pub(crate) exits: VecDeque<Arc<UnitExit>>,
}

/// Where it stands, with what belongs to that.
#[derive(Debug)]
pub(crate) enum Stage {
    Stopped {
        halt: Halt,
        /// The run that was ended for this, if one was.
        last: Option<Arc<UnitExit>>,
    },
    Waiting {
        /// Whether people were told what for.
        told: bool,
    },
    Running(Box<Life>),
    Backoff {
        /// When it is over; `None`: when that of its group is.
        due: Option<Time>,
        /// What happened.
        why: String,
    },
    Completed {
        why: String,
    },
    Failed {
        why: String,
        retry: Option<Time>,
        /// A person wants no retry.
        called_off: bool,
    },
}

/// What is known of a run that is over.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) exit: Arc<UnitExit>,
    pub(crate) next: Next,
}

impl Stage {
    /// Nothing has happened yet.
    fn idle() -> Self {
        Self::Stopped {
            halt: Halt::NotStarted,
            last: None,
        }
    }
}

impl Unit {
    pub(crate) fn new(id: UnitId, spec: UnitSpec, now: Time) -> Self {
        Self {
            id,
            spec,
            stage: Stage::idle(),
            since: now,
            starts: 0,
            restarts: 0,
            window: Window::default(),
            failures: 0,
            begun: false,
            exits: VecDeque::new(),
        }
    }

    pub(crate) fn state(&self) -> UnitState {
        match &self.stage {
            Stage::Stopped { .. } => UnitState::Stopped,
            Stage::Waiting { .. } => UnitState::Waiting,
            Stage::Running(life) => life.state(),
            Stage::Backoff { .. } => UnitState::Backoff,
            Stage::Completed { .. } => UnitState::Completed,
            Stage::Failed { .. } => UnitState::Failed,
        }
    }

    pub(crate) fn life(&self) -> Option<&Life> {
        match &self.stage {
            Stage::Running(life) => Some(life),
            _ => None,
        }
    }

    pub(crate) fn life_mut(&mut self) -> Option<&mut Life> {
        match &mut self.stage {
            Stage::Running(life) => Some(life),
            _ => None,
        }
    }

    /// Why it is stopped, or is to be.
    pub(crate) fn halt_mut(&mut self) -> Option<&mut Halt> {
        match &mut self.stage {
            Stage::Stopped { halt, .. } => Some(halt),
            Stage::Running(life) => match &mut life.ending.as_mut()?.next {
                Next::Stay(halt) => Some(halt),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn say(&self, notice: UnitNotice, out: &mut Outbox) {
        out.say(self.id, &self.spec.name, notice);
    }

    pub(crate) fn enter(&mut self, stage: Stage, now: Time) {
        self.stage = stage;
        self.since = now;
    }

    /// It stays stopped. `last` is the run that was ended for this, if one was.
    pub(crate) fn rest(
        &mut self,
        halt: Halt,
        last: Option<Arc<UnitExit>>,
        now: Time,
        out: &mut Outbox,
    ) {
        self.enter(Stage::Stopped { halt, last }, now);
        self.say(UnitNotice::Stopped, out);
    }

    pub(crate) fn wait(&mut self, now: Time) {
        self.begun = true;
        self.enter(Stage::Waiting { told: false }, now);
    }

    /// It starts again with the member of its group because of which it was stopped, once its own
    /// window has room for it.
    pub(crate) fn come_back(&mut self, culprit: &str, now: Time) {
        if self.starts == 0 {
            return self.wait(now);
        }
        let policy = &self.spec.policy.restart;
        let room = self
            .window
            .room_from(now, policy.max_restarts, policy.window);
        // One that may never restart starts once within a window all the same.
        let due = room.unwrap_or(self.since + policy.window).max(now);
        self.window.admit(due, policy.window);
        self.restarts += 1;
        if due == now {
            return self.wait(now);
        }
        let why = format!("{culprit} of its group is tried again; restarts with it");
        let due = Some(due);
        self.enter(Stage::Backoff { due, why }, now);
    }

    /// A person wants it: what was counted before no longer counts.
    pub(crate) fn forgive(&mut self) {
        self.window.clear();
        self.failures = 0;
    }

    /// Gives the order to start it.
    pub(crate) fn launch(&mut self, now: Time, out: &mut Outbox) {
        let generation = self.starts;
        self.starts += 1;
        let run = Run {
            unit: self.id,
            generation,
        };
        let life = Life::new(run, &self.spec.policy, now);
        self.enter(Stage::Running(Box::new(life)), now);
        self.say(UnitNotice::Starting { generation }, out);
        out.act(Action::Start(run));
    }

    /// Its run is over. The caller says where it stands from now on.
    pub(crate) fn finish(&mut self, now: Time, seen: Seen, out: &mut Outbox) -> Option<Over> {
        let mut life = match std::mem::replace(&mut self.stage, Stage::idle()) {
            Stage::Running(life) => life,
            other => {
                self.stage = other;
                return None;
            }
        };
        life.leave(life.state(), now);
        let status = seen.status();
        let policy = &self.spec.policy.restart;
        if life.ready_for(now) >= policy.reset_after {
            self.failures = 0;
        }
        let Judgement {
            reason,
            class,
            abandoned,
        } = judge(seen, life.ending.as_ref(), now, &policy.exits);
        let exit = Arc::new(UnitExit {
            run: life.run,
            name: self.spec.name.clone(),
            pid: life.pid,
            reason,
            abandoned,
            status,
            class,
            journey: std::mem::take(&mut life.journey),
            peak_memory: life.memory.peak(),
        });
        if self.exits.len() == EXITS {
            self.exits.pop_front();
        }
        self.exits.push_back(exit.clone());
        out.forget(life.run);
        self.say(UnitNotice::Exited(exit.clone()), out);
        let next = life.ending.map_or(Next::Policy, |ending| ending.next);
        Some(Over { exit, next })
    }

    /// The end after which it is not started again, unless a person has called its retry off.
    pub(crate) fn final_failure(&self) -> Option<&Arc<UnitExit>> {
        match self.stage {
            Stage::Failed {
                retry: None,
                called_off: false,
                ..
            } => self.exits.back(),
            _ => None,
        }
    }

    pub(crate) fn timeout(&self) -> Option<Time> {
        match &self.stage {
            Stage::Running(life) => life.timeout(),
            Stage::Backoff { due, .. } => *due,
            Stage::Failed { retry, .. } => *retry,
            Stage::Stopped { .. } | Stage::Waiting { .. } | Stage::Completed { .. } => None,
        }
    }

    pub(crate) fn can_be_wronged(&self) -> bool {
        self.life().is_some_and(Life::can_be_wronged)
    }

    pub(crate) fn postpone(&mut self, lateness: Duration, now: Time) {
        if let Stage::Running(life) = &mut self.stage {
            life.postpone(lateness, now, &self.spec.policy);
        }
    }
}
