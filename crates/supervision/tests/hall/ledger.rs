//! What was promised of every action, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_supervision::stop::StopAction;
use greenroom_supervision::supervisor::Action;
use greenroom_supervision::unit::{Condition, Run, UnitId, UnitSpec, UnitState};
use greenroom_supervision::{Supervisor, Time};

#[derive(Debug, Default)]
pub struct Ledger {
    specs: BTreeMap<UnitId, UnitSpec>,
    /// At most one of each unit.
    live: BTreeMap<UnitId, Run>,
    killed: BTreeSet<Run>,
    next: BTreeMap<UnitId, u64>,
    /// Whether an ending may come: something was started since the last one.
    pub may_end: bool,
}

impl Ledger {
    pub fn add(&mut self, id: UnitId, spec: UnitSpec) {
        self.specs.insert(id, spec);
    }

    pub fn name(&self, id: UnitId) -> String {
        self.specs[&id].name.clone()
    }

    pub fn live(&self) -> Vec<Run> {
        self.live.values().copied().collect()
    }

    /// A run has ended.
    pub fn gone(&mut self, run: Run) {
        if self.live.get(&run.unit) == Some(&run) {
            self.live.remove(&run.unit);
        }
    }

    /// Checks an action against all that was seen before it.
    pub fn check(&mut self, now: Time, action: &Action, supervisor: &Supervisor) {
        match action {
            Action::Start(run) => {
                let before = self.live.insert(run.unit, *run);
                assert_eq!(before, None, "two runs at {now:?}: {run:?}");
                let next = self.next.entry(run.unit).or_default();
                assert_eq!(run.generation, *next, "generations at {now:?}");
                *next += 1;
                self.check_dependencies(now, *run, supervisor);
                assert!(!supervisor.is_idle(), "a start while all is over");
            }
            Action::Stop { run, step } => {
                self.check_live(now, *run, action);
                if *step == StopAction::Kill {
                    assert!(self.killed.insert(*run), "killed twice at {now:?}: {run:?}");
                } else {
                    assert!(!self.killed.contains(run), "{step} after the kill");
                }
            }
            Action::Probe { run, .. } | Action::SampleMemory(run) => {
                self.check_live(now, *run, action);
            }
            Action::Abandon(run) => {
                self.check_live(now, *run, action);
                self.live.remove(&run.unit);
            }
            Action::Ended(_) => {
                assert!(self.live.is_empty(), "ended with {:?}", self.live);
                assert!(supervisor.is_idle());
            }
            _ => {}
        }
    }

    fn check_live(&self, now: Time, run: Run, action: &Action) {
        let live = self.live.get(&run.unit);
        assert_eq!(live, Some(&run), "at {now:?}: {action:?}");
    }

    /// Nothing that happens at one moment takes a condition away again.
    fn check_dependencies(&self, now: Time, run: Run, supervisor: &Supervisor) {
        for needed in &self.specs[&run.unit].after {
            let id = supervisor.find(&needed.unit).unwrap();
            let state = supervisor.snapshot(now, id).unwrap().state;
            let ended = matches!(state, UnitState::Completed);
            let holds = match needed.condition {
                Condition::Started => {
                    ended || matches!(state, UnitState::Started | UnitState::Ready)
                }
                Condition::Ready => ended || state == UnitState::Ready,
                Condition::Completed => ended || state == UnitState::Failed,
                Condition::CompletedSuccessfully => ended,
            };
            assert!(holds, "{run:?} started while {} was {state}", needed.unit);
        }
    }
}
