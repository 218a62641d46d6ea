//! A supervisor's machine with simulated units, in simulated time.
//!
//! Every action is held against what was promised as it is carried out: see [`Ledger`].
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test is a crate of its own and uses a part"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod ledger;
mod specs;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use greenroom_supervision::stop::StopAction;
use greenroom_supervision::supervisor::{
    Action, Ending, Notice, ProbeId, SupervisorPolicy, UnitNotice, UnitSnapshot,
};
use greenroom_supervision::unit::{Exit, Run, UnitId, UnitSpec, UnitState};
use greenroom_supervision::{SpawnFailure, Supervisor, Time};

pub use child::Child;
pub use ledger::Ledger;
pub use specs::*;

#[derive(Clone, Debug)]
enum Event {
    Spawned(Run),
    Refused(Run, SpawnFailure),
    Exit(Run, Exit),
    Ready(Run),
    Looked(Run, ProbeId, Result<(), String>),
    Prints(Run, Duration),
}

type Script = Box<dyn FnMut(u64) -> Child>;

/// The machine, its units and its clock.
pub struct Hall {
    pub now: Time,
    pub supervisor: Supervisor,
    pub ledger: Ledger,
    pub log: Vec<(Time, String)>,
    pub notices: Vec<(Time, Notice)>,
    pub endings: Vec<(Time, Ending)>,
    /// Runs in the order of their starts, with their names.
    pub starts: Vec<(Time, String)>,
    pub stops: Vec<(Time, String, StopAction)>,
    scripts: BTreeMap<UnitId, Script>,
    children: BTreeMap<Run, Child>,
    queue: BTreeMap<(Time, u64), Event>,
    queued: u64,
    gone: BTreeSet<Run>,
}

impl Hall {
    pub fn new() -> Self {
        Self::with(SupervisorPolicy::default())
    }

    pub fn with(policy: SupervisorPolicy) -> Self {
        Self {
            now: Time::ZERO,
            supervisor: Supervisor::new(policy),
            ledger: Ledger::default(),
            log: Vec::new(),
            notices: Vec::new(),
            endings: Vec::new(),
            starts: Vec::new(),
            stops: Vec::new(),
            scripts: BTreeMap::new(),
            children: BTreeMap::new(),
            queue: BTreeMap::new(),
            queued: 0,
            gone: BTreeSet::new(),
        }
    }

    /// Adds a unit all of whose runs behave like this.
    pub fn add(&mut self, spec: UnitSpec, child: Child) -> UnitId {
        self.add_script(spec, move |_| child.clone())
    }

    /// Adds a unit of which each run behaves as the script says for its number.
    pub fn add_script(
        &mut self,
        spec: UnitSpec,
        script: impl FnMut(u64) -> Child + 'static,
    ) -> UnitId {
        let id = self.supervisor.add(self.now, spec.clone()).unwrap();
        self.ledger.add(id, spec);
        self.scripts.insert(id, Box::new(script));
        id
    }

    pub fn id(&self, name: &str) -> UnitId {
        self.supervisor.find(name).unwrap()
    }

    pub fn look(&self, name: &str) -> UnitSnapshot {
        let id = self.id(name);
        self.supervisor.snapshot(self.now, id).unwrap()
    }

    pub fn state(&self, name: &str) -> UnitState {
        self.look(name).state
    }

    pub fn why(&self, name: &str) -> String {
        self.look(name).why
    }

    /// "a ready, b waiting" for all units in their order.
    pub fn states(&self) -> String {
        let units = self.supervisor.units();
        let states = units.iter().map(|id| {
            let unit = self.supervisor.snapshot(self.now, *id).unwrap();
            format!("{} {}", unit.name, unit.state)
        });
        states.collect::<Vec<_>>().join(", ")
    }

    pub fn run(&self, name: &str) -> Run {
        let unit = self.look(name);
        Run {
            unit: unit.unit,
            generation: unit.generation.unwrap(),
        }
    }

    // ---- commands

    pub fn start(&mut self) {
        self.supervisor.start(self.now);
        self.settle();
    }

    pub fn stop(&mut self) {
        self.supervisor.stop(self.now, "a person".into());
        self.settle();
    }

    pub fn kill(&mut self) {
        self.supervisor.kill(self.now, "a person".into());
        self.settle();
    }

    pub fn start_unit(&mut self, name: &str) {
        let id = self.id(name);
        self.supervisor.start_unit(self.now, id).unwrap();
        self.settle();
    }

    pub fn stop_unit(&mut self, name: &str) {
        let id = self.id(name);
        self.supervisor.stop_unit(self.now, id, "a person".into());
        self.settle();
    }

    pub fn restart_unit(&mut self, name: &str) {
        let id = self.id(name);
        let by = "a person".into();
        self.supervisor.restart_unit(self.now, id, by).unwrap();
        self.settle();
    }

    /// Tells the machine something about a unit's current run.
    pub fn tell(&mut self, name: &str, fact: impl FnOnce(&mut Supervisor, Time, Run)) {
        let run = self.run(name);
        fact(&mut self.supervisor, self.now, run);
        self.settle();
    }

    /// A unit's current run ends by itself now.
    pub fn exit(&mut self, name: &str, exit: Exit) {
        let run = self.run(name);
        self.happen(Event::Exit(run, exit));
    }

    // ---- time

    /// Runs until then, waking the machine exactly when it wants.
    pub fn until(&mut self, end: Time) {
        loop {
            let event = self.queue.keys().next().copied();
            let wake = self.supervisor.poll_timeout();
            let event_at = event.map(|(at, _)| at);
            let Some(next) = [event_at, wake].into_iter().flatten().min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            // Facts that are there are read before the machine is woken.
            match event.filter(|(at, _)| *at <= next) {
                Some(key) => {
                    let event = self.queue.remove(&key).unwrap();
                    self.happen(event);
                }
                None => self.wake(),
            }
        }
        self.now = self.now.max(end);
    }

    pub fn advance(&mut self, span: Duration) {
        self.until(self.now + span);
    }

    /// The host is frozen: its units go on, but nobody listens. What they have said meanwhile is
    /// read afterwards, once the machine was woken.
    pub fn freeze(&mut self, span: Duration) {
        self.now = self.now + span;
        self.wake();
    }

    pub fn wake(&mut self) {
        self.supervisor.handle_timeout(self.now);
        self.settle();
        let next = self.supervisor.poll_timeout();
        let now = self.now;
        assert!(next.is_none_or(|at| at > now), "busy at {now:?}: {next:?}");
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Spawned(run) if self.gone.contains(&run) => {}
            Event::Spawned(run) => {
                let child = self.children[&run].clone();
                if let Some((span, exit)) = child.lives {
                    self.later(span, Event::Exit(run, exit));
                }
                if let Some(span) = child.says_ready {
                    self.later(span, Event::Ready(run));
                }
                if let Some(span) = child.prints {
                    self.later(span, Event::Prints(run, span));
                }
                self.supervisor.handle_spawned(now, run, Some(100));
            }
            Event::Refused(run, failure) => {
                self.gone.insert(run);
                self.ledger.gone(run);
                self.supervisor.handle_spawn_failed(now, run, failure);
            }
            Event::Exit(run, exit) => {
                if self.gone.insert(run) {
                    self.ledger.gone(run);
                    self.supervisor.handle_exit(now, run, exit);
                }
            }
            Event::Ready(run) => self.supervisor.handle_ready(now, run),
            Event::Looked(run, probe, result) => {
                self.supervisor.handle_probe(now, run, probe, result);
            }
            Event::Prints(run, every) => {
                if !self.gone.contains(&run) {
                    self.later(every, Event::Prints(run, every));
                    self.supervisor.handle_output(now, run);
                }
            }
        }
        self.settle();
    }

    fn later(&mut self, span: Duration, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + span, self.queued), event);
    }

    /// Carries out what the machine wants.
    pub fn settle(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            self.ledger.check(self.now, &action, &self.supervisor);
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        let now = self.now;
        match action {
            Action::Start(run) => {
                let child = self.scripts.get_mut(&run.unit).unwrap()(run.generation);
                self.starts.push((now, self.name(run.unit)));
                match (child.spawn, &child.refused) {
                    (None, _) => {}
                    (Some(span), Some(failure)) => {
                        self.later(span, Event::Refused(run, failure.clone()));
                    }
                    (Some(span), None) => self.later(span, Event::Spawned(run)),
                }
                self.children.insert(run, child);
            }
            Action::Stop { run, step } => {
                let child = &self.children[&run];
                let end = match step {
                    StopAction::Kill => child.dies.map(|span| (span, signal(SIGKILL))),
                    _ => child.yields.clone(),
                };
                if let Some((span, exit)) = end {
                    self.later(span, Event::Exit(run, exit));
                }
                let name = self.name(run.unit);
                self.log(format!("{name}: {step}"));
                self.stops.push((now, name, step));
            }
            Action::Probe { run, probe } => {
                if let Some(result) = self.children[&run].looks.clone() {
                    self.later(ms(1), Event::Looked(run, probe, result));
                }
            }
            Action::Abandon(run) => {
                self.gone.insert(run);
                let name = self.name(run.unit);
                self.log(format!("{name}: abandoned"));
            }
            Action::Tell(notice) => {
                if let Some(line) = words::line(&notice) {
                    self.log(line);
                }
                self.notices.push((now, notice));
            }
            Action::Ended(ending) => {
                self.log(format!("ended with code {}", ending.exit_code()));
                self.endings.push((now, ending));
            }
            _ => {}
        }
    }

    fn log(&mut self, line: String) {
        self.log.push((self.now, line));
    }

    fn name(&self, id: UnitId) -> String {
        self.ledger.name(id)
    }

    // ---- what was seen

    /// The whole log, one line each.
    pub fn story(&self) -> String {
        let mut story = String::new();
        for (at, line) in &self.log {
            story.push_str(&format!("{:>9} {line}\n", format!("{at:?}")));
        }
        story
    }

    pub fn starts_of(&self, name: &str) -> Vec<Time> {
        let starts = self.starts.iter().filter(|(_, of)| of == name);
        starts.map(|(at, _)| *at).collect()
    }

    /// When each line came.
    pub fn when(&self, line: &str) -> Vec<Time> {
        let found = self.log.iter().filter(|(_, it)| it == line);
        found.map(|(at, _)| *at).collect()
    }

    pub fn unit_notices(&self, name: &str) -> Vec<(Time, UnitNotice)> {
        let of = |(at, notice): &(Time, Notice)| match notice {
            Notice::Unit {
                name: of, notice, ..
            } if of == name => Some((*at, notice.clone())),
            _ => None,
        };
        self.notices.iter().filter_map(of).collect()
    }
}
