//! The one task of a supervisor: facts of its units and commands of its handles go into the machine,
//! the machine's actions go to the units' runs and to people.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greenroom_supervision::supervisor::{Action, Ending, Notice, UnitNotice};
use greenroom_supervision::unit::{Run, UnitId};
use greenroom_supervision::{Supervisor as Machine, Time};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::callback::Callbacks;
use super::command::{Command, Reply};
use super::event::{OutputLine, SupervisorEvent};
use super::slot::{Running, Slot};
use super::waiting::Waiter;
use crate::clock;
use crate::unit::lines::Audience;
use crate::unit::run::{Fact, Order, Over, Start};

/// Facts that may wait for the supervisor; runs with more to say wait themselves.
pub(super) const FACTS: usize = 1_024;
/// Writes that may wait for one daemon's standard input.
const WRITES: usize = 16;

pub(super) struct Task {
    /// Its number among those of this process.
    number: u64,
    pub(super) machine: Machine,
    pub(super) slots: BTreeMap<UnitId, Slot>,
    commands: mpsc::Receiver<Command>,
    pub(super) facts: mpsc::Receiver<(Run, Fact)>,
    to_self: mpsc::Sender<(Run, Fact)>,
    pub(super) runs: JoinSet<Over>,
    pub(super) run_of: HashMap<tokio::task::Id, Run>,
    pub(super) waiters: Vec<Waiter>,
    /// Units that have got somewhere since the waiters were looked at.
    pub(super) changed: BTreeSet<UnitId>,
    pub(super) end_waiters: Vec<Reply<Ending>>,
    pub(super) ended: watch::Sender<Option<Ending>>,
    pub(super) events: broadcast::Sender<SupervisorEvent>,
    output: broadcast::Sender<OutputLine>,
    pub(super) sequence: u64,
    pub(super) origin: Time,
    pub(super) callbacks: Callbacks,
}

/// The other ends of a task's channels.
pub(super) struct Channels {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: broadcast::Sender<SupervisorEvent>,
    pub(super) output: broadcast::Sender<OutputLine>,
    pub(super) ended: watch::Sender<Option<Ending>>,
}

enum Happened {
    Fact(Run, Fact),
    Over(Result<(tokio::task::Id, Over), JoinError>),
    Command(Command),
    /// Nobody has a handle any more.
    Deserted,
    Alarm,
}

impl Task {
    pub(super) fn new(machine: Machine, slots: BTreeMap<UnitId, Slot>, channels: Channels) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (to_self, facts) = mpsc::channel(FACTS);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            machine,
            slots,
            commands: channels.commands,
            facts,
            to_self,
            runs: JoinSet::new(),
            run_of: HashMap::new(),
            waiters: Vec::new(),
            changed: BTreeSet::new(),
            end_waiters: Vec::new(),
            ended: channels.ended,
            events: channels.events,
            output: channels.output,
            sequence: 0,
            origin: clock::now(),
            callbacks: Callbacks::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut deserted = false;
        loop {
            self.perform();
            if deserted && self.machine.is_idle() {
                return;
            }
            match self.next(deserted).await {
                Happened::Fact(run, fact) => self.fact(run, fact),
                Happened::Over(over) => {
                    // What a run has said comes before its end.
                    self.take_facts();
                    self.over(over);
                }
                Happened::Command(command) => {
                    self.take_what_is_over();
                    self.obey(command);
                }
                Happened::Deserted => {
                    deserted = true;
                    let by = "its handles were dropped";
                    self.machine.kill(clock::now(), by.into());
                }
                Happened::Alarm => {
                    self.catch_up().await;
                    self.machine.handle_timeout(clock::now());
                }
            }
        }
    }

    async fn next(&mut self, deserted: bool) -> Happened {
        let due = self.due();
        let alarm = async {
            match due {
                Some(due) => tokio::time::sleep_until(clock::instant(due)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some((run, fact)) = self.facts.recv() => Happened::Fact(run, fact),
            Some(over) = self.runs.join_next_with_id() => Happened::Over(over),
            command = self.commands.recv(), if !deserted => match command {
                Some(command) => Happened::Command(command),
                None => Happened::Deserted,
            },
            () = alarm => Happened::Alarm,
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        let waiters = self.waiters.iter().map(|waiter| waiter.deadline).min();
        [self.machine.poll_timeout(), waiters]
            .into_iter()
            .flatten()
            .min()
    }

    // ---- actions

    pub(super) fn perform(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Start(run) => self.start(run),
                Action::Stop { run, step } => self.order(run, Order::Stop(step)),
                Action::Probe { run, probe } => self.order(run, Order::Probe(probe)),
                Action::SampleMemory(run) => self.order(run, Order::SampleMemory),
                Action::Abandon(run) => self.abandon(run),
                Action::Tell(notice) => self.tell(notice),
                Action::Ended(ending) => self.all_ended(&ending),
                action => tracing::error!(?action, "this driver does not know an action"),
            }
        }
        self.look_at_waiters();
    }

    fn start(&mut self, run: Run) {
        let Some(slot) = self.slots.get_mut(&run.unit) else {
            return;
        };
        let (orders, order_queue) = mpsc::unbounded_channel();
        let (writes, write_queue) = mpsc::channel(WRITES);
        let start = Start {
            supervisor: self.number,
            run,
            unit: Arc::clone(&slot.unit),
            audience: Audience {
                unit: Arc::clone(&slot.name),
                generation: run.generation,
                origin: self.origin,
                listeners: self.output.clone(),
            },
            lines: slot.lines.hand_over(),
            facts: self.to_self.clone(),
            orders: order_queue,
            writes: write_queue,
            sweeping: slot.sweeping.take(),
        };
        let task = self.runs.spawn(start.live());
        self.run_of.insert(task.id(), run);
        slot.remains = None;
        slot.running = Some(Running {
            run,
            orders,
            writes,
            task,
            started: None,
        });
    }

    fn order(&self, run: Run, order: Order) {
        let slot = self.slots.get(&run.unit);
        if let Some(running) = slot.and_then(|slot| slot.running(run)) {
            running.order(order);
        }
    }

    /// Its process, if it has one, is killed once more where its task is dropped.
    fn abandon(&mut self, run: Run) {
        if let Some(slot) = self.slots.get_mut(&run.unit)
            && slot.running(run).is_some()
            && let Some(running) = slot.running.take()
        {
            running.task.abort();
        }
    }

    pub(super) fn all_ended(&mut self, ending: &Ending) {
        self.ended.send_replace(Some(ending.clone()));
        for reply in self.end_waiters.drain(..) {
            // Who has waited may have gone.
            let _ = reply.send(ending.clone());
        }
    }

    fn tell(&mut self, notice: Notice) {
        let mut report = None;
        if let Notice::Unit { unit, notice, .. } = &notice {
            self.changed.insert(*unit);
            if let UnitNotice::Exited(exit) = notice {
                report = self.bury(*unit, exit);
            }
            self.call_back(*unit, notice);
        }
        self.emit(notice, report);
    }
}
