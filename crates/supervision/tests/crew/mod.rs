//! A pool's plan and the workers it orders, in simulated time.
//!
//! Every action of the plan is held against what was promised, whatever the test is about.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use greenroom_protocol::ShutdownReason;
use greenroom_supervision::exit::InitializePhase;
use greenroom_supervision::pool::{PoolAction, PoolNotice, Refusal, RequestId};
use greenroom_supervision::{ExitReason, Pool, PoolPolicy, SpawnFailure, Time, WorkerId};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn at(since_origin: Duration) -> Time {
    Time::from_origin(since_origin)
}

pub(crate) type Key = Arc<str>;

/// What becomes of the workers that are started from now on.
#[derive(Clone, Debug)]
pub(crate) enum Starts {
    Ready { slots: usize },
    Fail(ExitReason),
}

#[derive(Clone, Debug)]
enum Fact {
    Ready(WorkerId, usize),
    Released(WorkerId),
    Exited(WorkerId, ExitReason),
}

/// A worker that was started and has not exited.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// 0 until it is ready.
    pub(crate) slots: usize,
    pub(crate) busy: usize,
    /// The keys of the jobs that it runs, the oldest first.
    pub(crate) keys: Vec<Option<Key>>,
    /// Jobs that it was given, less places that were given back unused.
    pub(crate) jobs: u64,
    pub(crate) closed: Option<ShutdownReason>,
    pub(crate) unavailable: bool,
    /// Which program it was started from.
    pub(crate) program: u64,
}

pub(crate) struct Crew {
    pub(crate) now: Time,
    pub(crate) pool: Pool,
    policy: PoolPolicy,
    pub(crate) log: Vec<(Time, PoolAction)>,
    pub(crate) held: BTreeMap<WorkerId, Held>,
    pub(crate) waiting: BTreeSet<RequestId>,
    pub(crate) closed: bool,
    pub(crate) starts: Starts,
    /// What becomes of those that are started from a later program, if it is something else.
    pub(crate) new_starts: Option<Starts>,
    /// Of which build workers say to be from now on.
    pub(crate) build: &'static str,
    /// The keys of requests that have one.
    keys: BTreeMap<RequestId, Key>,
    /// Who has died of each key since it was last cleared, as told to the pool.
    died_of: BTreeMap<Key, BTreeSet<WorkerId>>,
    /// Workers may be replaced before they are gone: then there may be one more.
    spare: usize,
    warm: bool,
    /// The fewest ready places since it was warm, at the end of any moment.
    pub(crate) fewest_ready: Option<usize>,
    /// How long a start takes, well or badly.
    pub(crate) starting: Duration,
    /// How long each job runs; `None`: until [`Crew::release`].
    pub(crate) works: Option<Duration>,
    /// How long a ready worker lives before it dies by itself.
    pub(crate) lives: Option<Duration>,
    pub(crate) leaving: Duration,
    requested: u64,
    generations: BTreeMap<u32, u64>,
    facts: BTreeMap<(Time, u64), Fact>,
    numbered: u64,
}

impl Crew {
    pub(crate) fn new(policy: PoolPolicy) -> Self {
        Self::with(policy, |_| {})
    }

    /// `set` says how workers behave, before the first ones are started.
    pub(crate) fn with(policy: PoolPolicy, set: impl FnOnce(&mut Self)) -> Self {
        policy.check().unwrap();
        let mut crew = Self {
            now: Time::ZERO,
            pool: Pool::new(policy.clone(), Time::ZERO),
            log: Vec::new(),
            held: BTreeMap::new(),
            waiting: BTreeSet::new(),
            closed: false,
            starts: Starts::Ready { slots: 1 },
            new_starts: None,
            build: "",
            keys: BTreeMap::new(),
            died_of: BTreeMap::new(),
            spare: usize::from(policy.max_age.is_some()),
            warm: false,
            fewest_ready: None,
            starting: ms(100),
            works: None,
            lives: None,
            leaving: ms(10),
            requested: 0,
            generations: BTreeMap::new(),
            facts: BTreeMap::new(),
            numbered: 0,
            policy,
        };
        set(&mut crew);
        crew.settle();
        crew
    }

    /// A pool whose idle workers are ready.
    pub(crate) fn warm(policy: PoolPolicy) -> Self {
        let mut crew = Self::new(policy);
        while !crew.noticed(&PoolNotice::Warm) {
            assert!(crew.step(), "it never gets warm");
        }
        crew
    }

    fn later(&mut self, after: Duration, fact: Fact) {
        self.numbered += 1;
        self.facts.insert((self.now + after, self.numbered), fact);
    }

    // ---- commands

    pub(crate) fn request(&mut self) -> Result<RequestId, Refusal> {
        self.request_for(None)
    }

    /// For a job with this key.
    pub(crate) fn request_with(&mut self, key: &str) -> Result<RequestId, Refusal> {
        self.request_for(Some(key.into()))
    }

    fn request_for(&mut self, key: Option<Key>) -> Result<RequestId, Refusal> {
        self.requested += 1;
        let request = RequestId(self.requested);
        self.waiting.insert(request);
        if let Some(key) = &key {
            self.keys.insert(request, Arc::clone(key));
        }
        let result = self.pool.request(self.now, request, key);
        if let Err(refusal) = &result {
            self.check_refusal(request, refusal);
            self.waiting.remove(&request);
        } else {
            let key = self.keys.get(&request);
            assert!(key.is_none_or(|key| !self.is_quarantined(key)));
        }
        self.settle();
        result.map(|()| request)
    }

    pub(crate) fn request_again(&mut self, request: RequestId) {
        assert!(self.waiting.insert(request), "it waits already");
        let key = self.keys.get(&request).cloned();
        self.pool.request_again(self.now, request, key);
        self.settle();
    }

    pub(crate) fn release_key(&mut self, key: &str) -> bool {
        let was = self.is_quarantined(key);
        self.died_of.remove(key);
        assert_eq!(self.pool.release_key(key), was);
        self.settle();
        was
    }

    pub(crate) fn withdraw(&mut self, request: RequestId) -> bool {
        let waited = self.waiting.remove(&request);
        assert_eq!(self.pool.withdraw(self.now, request), waited);
        self.settle();
        waited
    }

    pub(crate) fn reload(&mut self) -> Option<u64> {
        self.spare = 1;
        let program = self.pool.reload(self.now);
        self.settle();
        program
    }

    pub(crate) fn drain(&mut self) {
        self.pool.drain(self.now);
        self.settle();
    }

    pub(crate) fn close(&mut self) {
        self.pool.close(self.now);
        self.settle();
    }

    pub(crate) fn set_target_idle(&mut self, idle: usize) {
        self.pool.set_target_idle(self.now, idle);
        self.settle();
    }

    // ---- facts

    /// The oldest job of a worker has ended well.
    pub(crate) fn succeed(&mut self, worker: WorkerId) {
        let key = self.held[&worker].keys.first().cloned().flatten();
        if let Some(key) = key {
            self.pool.handle_succeeded(&key);
            if !self.is_quarantined(&key) {
                self.died_of.remove(&key);
            }
        }
        self.release(worker, true);
    }

    pub(crate) fn release(&mut self, worker: WorkerId, used: bool) {
        if let Some(held) = self.held.get_mut(&worker) {
            if !held.keys.is_empty() {
                held.keys.remove(0);
            }
            held.busy = held.busy.saturating_sub(1);
            held.jobs -= u64::from(!used);
        }
        self.pool.handle_released(self.now, worker, used);
        self.settle();
    }

    /// A release that comes twice: there is nothing to give back.
    pub(crate) fn release_again(&mut self, worker: WorkerId) {
        self.pool.handle_released(self.now, worker, false);
        self.settle();
    }

    pub(crate) fn outgrown(&mut self, worker: WorkerId) {
        self.spare = 1;
        self.pool.handle_outgrown(self.now, worker);
        self.settle();
    }

    pub(crate) fn retire(&mut self, worker: WorkerId) {
        self.pool.handle_retiring(self.now, worker);
        self.held.get_mut(&worker).unwrap().unavailable = true;
        self.settle();
    }

    /// It has begun to end by itself; a little later it has.
    pub(crate) fn unavailable(&mut self, worker: WorkerId) {
        self.later(self.leaving, Fact::Exited(worker, crashed()));
        self.pool.handle_unavailable(self.now, worker);
        self.held.get_mut(&worker).unwrap().unavailable = true;
        self.settle();
    }

    pub(crate) fn dies(&mut self, worker: WorkerId, reason: &ExitReason) {
        let held = self.held.get(&worker).cloned();
        if let Some(held) = held {
            let suspicious = held.closed.is_none() && *reason == crashed();
            for key in held.keys.iter().flatten() {
                if suspicious && !self.is_quarantined(key) {
                    let died = self.died_of.entry(Arc::clone(key)).or_default();
                    died.insert(worker);
                }
                self.pool.handle_died_of(self.now, worker, key, reason);
            }
        }
        self.held.remove(&worker);
        self.pool.handle_exited(self.now, worker, reason);
        self.settle();
    }

    fn tell(&mut self, fact: Fact) {
        match fact {
            Fact::Ready(worker, slots) => {
                let build = self.build;
                let serves = self.pool.handle_ready(self.now, worker, slots, build);
                if let Some(held) = self.held.get_mut(&worker)
                    && serves
                {
                    held.slots = slots;
                    if let Some(after) = self.lives {
                        self.later(after, Fact::Exited(worker, crashed()));
                    }
                }
                self.settle();
            }
            Fact::Released(worker) => self.release(worker, true),
            Fact::Exited(worker, reason) => self.dies(worker, &reason),
        }
    }

    fn settle(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            assert!(!self.closed, "after the end: {action:?}");
            self.log.push((self.now, action.clone()));
            match action {
                PoolAction::Start {
                    worker, program, ..
                } => self.started(worker, program),
                PoolAction::Assign(request, worker) => self.assigned(request, worker),
                PoolAction::Refuse(request, refusal) => {
                    self.check_refusal(request, &refusal);
                    assert!(self.waiting.remove(&request), "{request:?} did not wait");
                }
                PoolAction::Close(worker, reason) => {
                    let held = self.held.get_mut(&worker).expect("a living worker");
                    assert_eq!(held.closed, None, "asked twice");
                    held.closed = Some(reason);
                    self.later(self.leaving, Fact::Exited(worker, ExitReason::Clean));
                }
                PoolAction::Notice(notice) => self.warm |= notice == PoolNotice::Warm,
                PoolAction::Closed => {
                    self.closed = true;
                    self.died_of.clear();
                    assert!(self.held.is_empty(), "somebody is still there");
                    assert!(self.waiting.is_empty(), "somebody still waits");
                }
            }
        }
        assert_eq!(self.pool.waiting(), self.waiting.len());
        self.check_quarantine();
        if self.warm && !self.closed {
            let ready = self.ready_places();
            self.fewest_ready = Some(self.fewest_ready.map_or(ready, |least| least.min(ready)));
        }
    }

    // ---- quarantine

    pub(crate) fn is_quarantined(&self, key: &str) -> bool {
        let died = self.died_of.get(key).map_or(0, BTreeSet::len);
        let after = self.policy.quarantine_after;
        after.is_some_and(|after| died >= after as usize)
    }

    /// Only a key that so many workers have died of is a reason to refuse.
    fn check_refusal(&self, request: RequestId, refusal: &Refusal) {
        if let Refusal::Quarantined { key, died, .. } = refusal {
            assert_eq!(Some(key), self.keys.get(&request));
            assert_eq!(*died as usize, self.died_of[key].len(), "{key}");
            assert!(self.is_quarantined(key), "{key} is a good one");
        }
    }

    /// While there is room for all, the pool knows what was told.
    fn check_quarantine(&self) {
        if self.died_of.len() > self.policy.quarantine_keys {
            return;
        }
        let pool: Vec<_> = self.pool.quarantined();
        let pool: Vec<_> = pool.iter().map(|it| (&it.key, it.died as usize)).collect();
        let told = self.died_of.iter();
        let told = told.filter(|(key, _)| self.is_quarantined(key));
        let told: Vec<_> = told.map(|(key, died)| (key, died.len())).collect();
        assert_eq!(pool, told);
    }

    /// Places of workers that are ready and stay, busy or not.
    pub(crate) fn ready_places(&self) -> usize {
        let stays = |held: &&Held| held.closed.is_none() && !held.unavailable;
        let held = self.held.values().filter(stays);
        held.map(|held| held.slots).sum()
    }

    fn started(&mut self, worker: WorkerId, program: u64) {
        assert!(
            self.held.keys().all(|held| held.slot != worker.slot),
            "the place of {worker} is taken"
        );
        let generation = self.generations.entry(worker.slot).or_default();
        assert_eq!(worker.generation, *generation, "generations are counted");
        *generation += 1;
        let held = Held {
            slots: 0,
            busy: 0,
            keys: Vec::new(),
            jobs: 0,
            closed: None,
            unavailable: false,
            program,
        };
        self.held.insert(worker, held);
        assert!(
            self.held.len() <= self.policy.max_workers + self.spare,
            "too many workers"
        );
        let starting = self
            .held
            .values()
            .filter(|held| held.slots == 0 && held.closed.is_none());
        assert!(
            starting.count() <= self.policy.init_concurrency + self.spare,
            "too many start at once"
        );
        let new = self.new_starts.as_ref().filter(|_| program > 0);
        let fact = match new.unwrap_or(&self.starts) {
            Starts::Ready { slots } => Fact::Ready(worker, *slots),
            Starts::Fail(reason) => Fact::Exited(worker, reason.clone()),
        };
        self.later(self.starting, fact);
    }

    fn assigned(&mut self, request: RequestId, worker: WorkerId) {
        assert!(self.waiting.remove(&request), "{request:?} did not wait");
        let key = self.keys.get(&request).cloned();
        if let Some(key) = &key {
            assert!(!self.is_quarantined(key), "{key} runs again");
        }
        let held = self.held.get_mut(&worker).expect("a living worker");
        held.keys.push(key);
        assert!(held.slots > 0, "it is not ready");
        assert!(
            held.closed.is_none() && !held.unavailable,
            "it takes no more jobs"
        );
        held.busy += 1;
        held.jobs += 1;
        assert!(held.busy <= held.slots, "more jobs than slots");
        assert!(
            self.policy
                .jobs_per_worker
                .is_none_or(|most| held.jobs <= most)
        );
        if let Some(after) = self.works {
            self.later(after, Fact::Released(worker));
        }
    }

    // ---- time

    /// Runs the next thing that happens. False if nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let fact = self.facts.keys().next().map(|(when, _)| *when);
        let Some(next) = [fact, self.pool.poll_timeout()].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        if let Some(entry) = self.facts.first_entry()
            && entry.key().0 <= self.now
        {
            let fact = entry.remove();
            self.tell(fact);
        } else {
            self.wake();
        }
        true
    }

    pub(crate) fn wake(&mut self) {
        self.pool.handle_timeout(self.now);
        self.settle();
        assert!(
            self.pool.poll_timeout().is_none_or(|next| next > self.now),
            "it asks for a moment that has passed: {:?}",
            self.pool
        );
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..100_000 {
            let fact = self.facts.keys().next().map(|(when, _)| *when);
            let next = [fact, self.pool.poll_timeout()].into_iter().flatten().min();
            if next.is_none_or(|next| next > until) {
                self.now = until;
                return;
            }
            self.step();
        }
        panic!("it never rests: {:?}", self.pool);
    }

    /// Runs until the pool says that it is closed.
    pub(crate) fn run_to_end(&mut self) {
        for _ in 0..100_000 {
            if self.closed {
                return;
            }
            assert!(self.step(), "it never closes: {:?}", self.pool);
        }
        panic!("it never rests: {:?}", self.pool);
    }

    // ---- what was seen

    pub(crate) fn noticed(&self, notice: &PoolNotice) -> bool {
        self.log
            .iter()
            .any(|(_, action)| matches!(action, PoolAction::Notice(seen) if seen == notice))
    }

    pub(crate) fn started_at(&self) -> Vec<Time> {
        self.log
            .iter()
            .filter(|(_, action)| matches!(action, PoolAction::Start { .. }))
            .map(|(when, _)| *when)
            .collect()
    }

    pub(crate) fn assignments(&self) -> Vec<(RequestId, WorkerId)> {
        self.log
            .iter()
            .filter_map(|(_, action)| match action {
                PoolAction::Assign(request, worker) => Some((*request, *worker)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn place_of(&self, request: RequestId) -> Option<WorkerId> {
        let mut places = self.assignments().into_iter().rev();
        places
            .find(|(seen, _)| *seen == request)
            .map(|(_, worker)| worker)
    }

    pub(crate) fn refusals(&self) -> Vec<(RequestId, Refusal)> {
        self.log
            .iter()
            .filter_map(|(_, action)| match action {
                PoolAction::Refuse(request, refusal) => Some((*request, refusal.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn asked_to_leave(&self) -> Vec<(WorkerId, ShutdownReason)> {
        self.log
            .iter()
            .filter_map(|(_, action)| match action {
                PoolAction::Close(worker, reason) => Some((*worker, *reason)),
                _ => None,
            })
            .collect()
    }

    /// The most starts within any span of this length.
    pub(crate) fn most_starts_within(&self, span: Duration) -> usize {
        let starts = self.started_at();
        let within = |from: &Time| {
            let until = *from + span;
            starts
                .iter()
                .filter(|when| **when >= *from && **when < until)
                .count()
        };
        starts.iter().map(within).max().unwrap_or(0)
    }
}

pub(crate) fn policy(idle: usize) -> PoolPolicy {
    PoolPolicy {
        idle,
        ..PoolPolicy::for_processors(4)
    }
}

pub(crate) fn worker(slot: u32, generation: u64) -> WorkerId {
    WorkerId { slot, generation }
}

pub(crate) fn crashed() -> ExitReason {
    ExitReason::Signal {
        signal: 11,
        core: false,
    }
}

pub(crate) fn too_slow() -> ExitReason {
    ExitReason::InitializeTimeout {
        phase: InitializePhase::Handshake,
        after: secs(10),
    }
}

pub(crate) fn no_such_file() -> ExitReason {
    ExitReason::SpawnFailed(SpawnFailure {
        step: "run /nothing".into(),
        errno: Some(2),
        message: "no such file".into(),
        permanent: true,
    })
}
