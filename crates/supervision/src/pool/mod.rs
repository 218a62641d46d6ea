//! Planning for many workers: how many to keep, who gets what, when to try again.
//!
//! The machine knows requests and workers by their numbers only. A **request** waits for one place
//! in one worker: a job, or a reservation for a job to come. An **assignment** gives it one; the
//! driver gives the place back with [`Pool::handle_released`], whatever became of the job.
//!
//! A worker leaves when it has run its jobs, when there are too many, or when it is due to be
//! replaced (`replace.rs`): another takes its place first. Jobs that kill their workers are told by
//! their keys, and kept away from the next one (`quarantine.rs`). Workers of another build than
//! expected are noticed (`build.rs`).

mod build;
mod member;
mod policy;
mod quarantine;
mod replace;
mod retry;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_protocol::ShutdownReason;

use crate::backoff::Jitter;
use crate::exit::ExitReason;
use crate::time::Time;
use crate::worker::STALL_TOLERANCE;

use build::Builds;
use member::Member;
use quarantine::Suspects;
use replace::Trial;

pub use build::OnChangedBuild;
pub use policy::PoolPolicy;
pub use quarantine::Quarantined;
pub use replace::Due;
pub use retry::{Attempts, UNSTARTED_ATTEMPTS};

/// A worker of a pool: a place, and how many workers have stood there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId {
    /// The place, from 0. It is filled again only when the process that stood there is gone.
    pub slot: u32,
    /// From 0.
    pub generation: u64,
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// One request's number, chosen by the driver and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What the driver is to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolAction {
    /// Start a worker and tell how it goes.
    Start {
        /// Which one.
        worker: WorkerId,
        /// From which program: that of the pool's beginning is 0, later ones are what
        /// [`Pool::reload`] returned.
        program: u64,
        /// Its share of each of its limits, 1 at most: see [`PoolPolicy::spread`].
        share: f64,
    },
    /// This request has a place in this worker, until the driver releases it.
    Assign(RequestId, WorkerId),
    /// Ask this worker to leave.
    Close(WorkerId, ShutdownReason),
    /// This request gets no place.
    Refuse(RequestId, Refusal),
    /// Something happened that somebody may want to know.
    Notice(PoolNotice),
    /// No worker is left and none will come. The last action.
    Closed,
}

/// Why a request gets no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As many requests wait as may.
    #[error(
        "{waiting} jobs are waiting already, which is the limit: launch fewer at a time, or raise `queue`"
    )]
    Saturated {
        /// How many wait.
        waiting: usize,
    },
    /// It waited as long as it may.
    #[error("no worker was free within {waited:?}: raise `max_workers` or `queue_deadline`")]
    QueueDeadline {
        /// For how long it waited.
        waited: Duration,
    },
    /// Workers cannot be started.
    #[error(
        "no worker can be started (failed starts in a row: {failures}): the last one {reason}{}",
        doubt(.reason)
    )]
    Unavailable {
        /// Why the last one failed.
        reason: ExitReason,
        /// Failed starts in a row.
        failures: u32,
    },
    /// Workers have died of jobs with the same key.
    #[error(
        "the key {key:?} is in quarantine (workers that died while they ran a job with it: {died}): the last one {reason}; call Pool::release when the cause is gone"
    )]
    Quarantined {
        /// The job's key.
        key: Arc<str>,
        /// How many different workers died.
        died: u32,
        /// How the last one died.
        reason: ExitReason,
    },
    /// The pool takes no more jobs.
    #[error("the pool is closed")]
    Closed,
}

/// What to look at when a program ends or stays silent before it was ready.
fn doubt(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::Code { .. } | ExitReason::Signal { .. } | ExitReason::Disconnected => {
            " before it was ready: is it a program that calls worker::run?"
        }
        ExitReason::InitializeTimeout { .. } => {
            ": does it call worker::run, or need a longer initialize_timeout?"
        }
        _ => "",
    }
}

/// What may interest an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolNotice {
    /// As many places are ready as wanted, for the first time.
    Warm,
    /// No worker can be started; trying goes on.
    Degraded {
        /// Why the last one failed.
        reason: ExitReason,
        /// Failed starts in a row.
        failures: u32,
    },
    /// A worker is ready after all.
    Recovered,
    /// A worker is to be replaced. It serves until another does.
    Due {
        /// Which one.
        worker: WorkerId,
        /// Why.
        due: Due,
    },
    /// The first worker of a new program is ready: the others are replaced.
    ReloadProven {
        /// The program's number.
        program: u64,
    },
    /// A new program does not get ready. The pool goes on with the one that it has.
    ReloadFailed {
        /// The program's number.
        program: u64,
        /// Why the last attempt failed.
        reason: ExitReason,
        /// How many failed.
        failures: u32,
    },
    /// A reload was given up: another has begun, or the pool closes.
    ReloadGivenUp {
        /// The program's number.
        program: u64,
    },
    /// All workers are of the new program.
    Reloaded {
        /// The program's number.
        program: u64,
    },
    /// A key is quarantined: from now on jobs with it are refused.
    Quarantined {
        /// Which.
        key: Arc<str>,
        /// How many different workers died while they ran a job with it.
        died: u32,
        /// How the last one died.
        reason: ExitReason,
    },
    /// A key is no longer quarantined: it was released, or forgotten because so many others came
    /// after it.
    Released {
        /// Which.
        key: Arc<str>,
    },
    /// A worker is of another build than the first one of its program: the program was replaced on
    /// disk. Noticed once for each build if the worker serves, and each time if it is refused.
    ProgramChanged {
        /// Which worker.
        worker: WorkerId,
        /// The build of the first worker.
        expected: String,
        /// The build of this one.
        found: String,
        /// Whether it is asked to leave.
        refused: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing new is taken; what is there is finished.
    Draining,
    /// Everybody has been asked to leave.
    Closing,
    Closed,
}

#[derive(Clone, Debug)]
struct Waiting {
    request: RequestId,
    key: Option<Arc<str>>,
    since: Time,
    until: Time,
    /// A stall of the host has postponed it beyond the lateness.
    spared: bool,
}

/// The plan of one pool.
#[derive(Clone, Debug)]
pub struct Pool {
    policy: PoolPolicy,
    phase: Phase,
    members: BTreeMap<WorkerId, Member>,
    /// The next generation of each place ever used.
    generations: Vec<u64>,
    waiting: VecDeque<Waiting>,
    /// Deaths and failed starts in a row.
    failures: u32,
    last_failure: Option<Time>,
    not_before: Time,
    /// Failed starts in a row, and why the last one failed.
    failed_starts: Option<(u32, ExitReason)>,
    degraded: bool,
    warmed: bool,
    jitter: Jitter,
    /// What workers draw less of their limits.
    spread: Jitter,
    /// Which program workers are started from, and how many there were.
    program: u64,
    programs: u64,
    /// The program that nobody is left of another.
    reloaded: u64,
    trial: Option<Trial>,
    suspects: Suspects,
    builds: Builds,
    actions: VecDeque<PoolAction>,
}

impl Pool {
    /// A pool that begins to warm up at once.
    pub fn new(policy: PoolPolicy, now: Time) -> Self {
        let mut pool = Self {
            jitter: Jitter::new(policy.seed),
            spread: Jitter::new(!policy.seed),
            suspects: Suspects::new(&policy),
            builds: Builds::default(),
            policy,
            phase: Phase::Open,
            members: BTreeMap::new(),
            generations: Vec::new(),
            waiting: VecDeque::new(),
            failures: 0,
            last_failure: None,
            not_before: now,
            failed_starts: None,
            degraded: false,
            warmed: false,
            program: 0,
            programs: 0,
            reloaded: 0,
            trial: None,
            actions: VecDeque::new(),
        };
        pool.plan(now);
        pool
    }

    // ---- outputs

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<PoolAction> {
        self.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while nothing is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let queue = self.waiting.iter().map(|waiting| waiting.until).min();
        let start = (self.starts_wanted() > 0).then_some(self.not_before);
        let surplus = self.surplus().map(|(_, since)| since + self.policy.linger);
        let trial = self.trial_wanted().map(|(_, not_before)| not_before);
        [queue, start, surplus, trial, self.next_old()]
            .into_iter()
            .flatten()
            .min()
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many places are free right now.
    pub fn free_places(&self) -> usize {
        self.members.values().map(Member::free).sum()
    }

    /// Failed starts in a row and why the last failed, while no worker can be started.
    pub fn degraded(&self) -> Option<&(u32, ExitReason)> {
        self.failed_starts.as_ref().filter(|_| self.degraded)
    }

    /// Whether it still takes requests.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    // ---- commands

    /// A request wants a place, for a job with this key. It is assigned or refused later, unless it
    /// is refused at once.
    pub fn request(
        &mut self,
        now: Time,
        request: RequestId,
        key: Option<Arc<str>>,
    ) -> Result<(), Refusal> {
        if self.phase != Phase::Open {
            return Err(Refusal::Closed);
        }
        self.check_key(key.as_deref())?;
        if let Some((failures, reason)) = self.degraded()
            && self.free_places() == 0
        {
            return Err(Refusal::Unavailable {
                reason: reason.clone(),
                failures: *failures,
            });
        }
        if self.waiting.len() >= self.policy.queue {
            return Err(Refusal::Saturated {
                waiting: self.waiting.len(),
            });
        }
        self.waiting.push_back(Waiting {
            request,
            key,
            since: now,
            until: now + self.policy.queue_deadline,
            spared: false,
        });
        self.plan(now);
        Ok(())
    }

    /// A request that had a place needs another: its worker died before the job began. It goes
    /// first, and the queue's bound does not apply: it was let in before.
    pub fn request_again(&mut self, now: Time, request: RequestId, key: Option<Arc<str>>) {
        let checked = match self.phase {
            Phase::Closing | Phase::Closed => Err(Refusal::Closed),
            Phase::Open | Phase::Draining => self.check_key(key.as_deref()),
        };
        if let Err(refusal) = checked {
            let refusal = PoolAction::Refuse(request, refusal);
            return self.actions.push_back(refusal);
        }
        self.waiting.push_front(Waiting {
            request,
            key,
            since: now,
            until: now + self.policy.queue_deadline,
            spared: false,
        });
        self.refuse_if_hopeless();
        self.plan(now);
    }

    /// A request is no longer interested. True if it was still waiting.
    pub fn withdraw(&mut self, now: Time, request: RequestId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.request != request);
        let withdrawn = self.waiting.len() < before;
        if withdrawn {
            self.plan(now);
        }
        withdrawn
    }

    /// Changes how many places are kept ready; never more than `max_workers`.
    pub fn set_target_idle(&mut self, now: Time, idle: usize) {
        self.policy.idle = idle.min(self.policy.max_workers);
        self.plan(now);
    }

    /// Takes nothing new, finishes what is there, then closes.
    pub fn drain(&mut self, now: Time) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
            self.give_up_trial();
            self.plan(now);
        }
    }

    /// Refuses what waits and asks every worker to leave.
    pub fn close(&mut self, now: Time) {
        if matches!(self.phase, Phase::Open | Phase::Draining) {
            self.phase = Phase::Closing;
            self.give_up_trial();
            for waiting in std::mem::take(&mut self.waiting) {
                let refusal = PoolAction::Refuse(waiting.request, Refusal::Closed);
                self.actions.push_back(refusal);
            }
            let everybody: Vec<_> = self.members.keys().copied().collect();
            for worker in everybody {
                self.ask_to_leave(worker, ShutdownReason::REQUESTED);
            }
            self.plan(now);
        }
    }

    // ---- facts

    /// A worker is ready for this many jobs at a time, and says of which build it is; empty if it
    /// does not. False if it does not serve: it is of the wrong build, or no worker of this pool.
    pub fn handle_ready(&mut self, now: Time, worker: WorkerId, slots: usize, build: &str) -> bool {
        let Some(member) = self.members.get(&worker) else {
            return false;
        };
        if member.slots > 0 {
            return true;
        }
        if !member.leaving
            && let Err(reason) = self.check_build(worker, build)
        {
            self.ask_to_leave(worker, ShutdownReason::RETIRED);
            self.start_failed(now, &reason);
            self.plan(now);
            return false;
        }
        let Some(member) = self.members.get_mut(&worker) else {
            return false;
        };
        member.slots = slots.max(1);
        member.idle_since = now;
        let max_age = self.policy.max_age;
        member.old_at = max_age.map(|age| now + age.mul_f64(member.share));
        self.failed_starts = None;
        self.trial_succeeded(now, worker);
        self.plan(now);
        true
    }

    /// A worker wants to be replaced.
    pub fn handle_retiring(&mut self, now: Time, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.retiring = true;
            self.plan(now);
        }
    }

    /// A worker takes no more jobs: it has begun to end by itself, or is being killed.
    pub fn handle_unavailable(&mut self, now: Time, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.dying = true;
            self.plan(now);
        }
    }

    /// A place is free again. `used` says whether a job was run in it: a reservation that was given
    /// back costs the worker nothing.
    pub fn handle_released(&mut self, now: Time, worker: WorkerId, used: bool) {
        if let Some(member) = self.members.get_mut(&worker)
            && member.busy > 0
        {
            member.busy -= 1;
            member.idle_since = now;
            if !used && let Some(left) = &mut member.jobs_left {
                *left += 1;
            }
            if used {
                // It has done what workers are for: whatever failed before is over.
                self.failures = 0;
            }
            self.plan(now);
        }
    }

    /// A worker is gone. Its places need not be released.
    pub fn handle_exited(&mut self, now: Time, worker: WorkerId, reason: &ExitReason) {
        let Some(member) = self.members.remove(&worker) else {
            return;
        };
        if member.is_starting() {
            if !self.trial_failed(now, member.program, reason) {
                self.start_failed(now, reason);
            }
        } else if !member.leaving && !member.retiring && member.busy == 0 {
            self.idle_died(now);
        }
        self.plan(now);
    }

    /// Time has passed. Calls before [`poll_timeout`](Self::poll_timeout) do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.catch_up(now);
        let (expired, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|waiting| waiting.until <= now);
        self.waiting = waiting;
        for waiting in expired {
            let refusal = self.out_of_patience(now - waiting.since);
            self.actions
                .push_back(PoolAction::Refuse(waiting.request, refusal));
        }
        while let Some((worker, since)) = self.surplus()
            && since + self.policy.linger <= now
        {
            self.ask_to_leave(worker, ShutdownReason::SURPLUS);
        }
        self.replace_the_old(now);
        self.plan(now);
    }

    /// A host that was frozen has served nobody: what it is late by is added to every deadline. Once,
    /// a deadline also leaves time for what the workers have to say meanwhile.
    fn catch_up(&mut self, now: Time) {
        let lateness = self.poll_timeout().map_or(Duration::ZERO, |due| now - due);
        if lateness <= STALL_TOLERANCE {
            return;
        }
        for waiting in &mut self.waiting {
            waiting.until = waiting.until + lateness;
            let least = now + STALL_TOLERANCE;
            if !waiting.spared && waiting.until < least {
                waiting.until = least;
                waiting.spared = true;
            }
        }
    }

    /// Why nobody was free in time: everybody is busy, or nobody could be started.
    fn out_of_patience(&self, waited: Duration) -> Refusal {
        match &self.failed_starts {
            Some((failures, reason)) if !self.members.values().any(Member::serves) => {
                Refusal::Unavailable {
                    reason: reason.clone(),
                    failures: *failures,
                }
            }
            _ => Refusal::QueueDeadline { waited },
        }
    }

    // ---- failures

    fn start_failed(&mut self, now: Time, reason: &ExitReason) {
        self.count_failure(now);
        let before = self
            .failed_starts
            .take()
            .map_or(0, |(failures, _)| failures);
        self.failed_starts = Some((before + 1, reason.clone()));
        self.back_off(now, self.failures);
        self.refuse_if_hopeless();
    }

    /// The first idle worker that dies is replaced at once; a series of them is not.
    fn idle_died(&mut self, now: Time) {
        self.count_failure(now);
        self.back_off(now, self.failures - 1);
    }

    fn count_failure(&mut self, now: Time) {
        let quiet = self
            .last_failure
            .is_some_and(|last| now - last >= self.policy.quiet);
        self.failures = if quiet { 1 } else { self.failures + 1 };
        self.last_failure = Some(now);
    }

    fn back_off(&mut self, now: Time, failures: u32) {
        let delay = self.policy.backoff.delay(failures, &mut self.jitter);
        self.not_before = self.not_before.max(now + delay);
    }

    /// Once starts have failed often enough and nobody is there to take them, requests are told
    /// why instead of being kept waiting.
    fn refuse_if_hopeless(&mut self) {
        let Some((failures, reason)) = self.failed_starts.clone() else {
            return;
        };
        let permanent = matches!(&reason, ExitReason::SpawnFailed(failure) if failure.permanent);
        let served = self.members.values().any(Member::serves);
        if served || !(permanent || failures >= self.policy.start_attempts) {
            return;
        }
        if !std::mem::replace(&mut self.degraded, true) {
            self.notice(PoolNotice::Degraded {
                reason: reason.clone(),
                failures,
            });
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let refusal = Refusal::Unavailable {
                reason: reason.clone(),
                failures,
            };
            self.actions
                .push_back(PoolAction::Refuse(waiting.request, refusal));
        }
    }

    /// Somebody can take jobs: a new worker, or one whose last place was given back.
    fn recover(&mut self) {
        if self.degraded && self.members.values().any(Member::serves) {
            self.degraded = false;
            self.notice(PoolNotice::Recovered);
        }
    }

    // ---- the plan

    fn plan(&mut self, now: Time) {
        self.recover();
        self.assign(now);
        self.start(now);
        self.relieve();
        self.retire_spent();
        self.notice_reloaded();
        self.notice_warmth();
        self.finish();
    }

    fn assign(&mut self, now: Time) {
        while !self.waiting.is_empty()
            && let Some(worker) = self.best_place()
        {
            let Some(waiting) = self.waiting.pop_front() else {
                return;
            };
            let Some(member) = self.members.get_mut(&worker) else {
                return;
            };
            member.busy += 1;
            member.idle_since = now;
            if let Some(left) = &mut member.jobs_left {
                *left -= 1;
            }
            self.actions
                .push_back(PoolAction::Assign(waiting.request, worker));
        }
    }

    /// The least busy worker; of several, the one that worked last: its memory is warm, and those
    /// that are not needed can leave.
    fn best_place(&self) -> Option<WorkerId> {
        self.members
            .iter()
            .filter(|(_, member)| member.free() > 0)
            .min_by_key(|(_, member)| {
                let idle_since = std::cmp::Reverse(member.idle_since);
                (member.due.is_some(), member.busy, idle_since)
            })
            .map(|(worker, _)| *worker)
    }

    fn retire_spent(&mut self) {
        let spent: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_spent())
            .map(|(worker, _)| *worker)
            .collect();
        for worker in spent {
            self.ask_to_leave(worker, ShutdownReason::RETIRED);
        }
        if self.phase == Phase::Draining && self.waiting.is_empty() {
            let idle: Vec<_> = self
                .members
                .iter()
                .filter(|(_, member)| member.busy == 0 && !member.leaving)
                .map(|(worker, _)| *worker)
                .collect();
            for worker in idle {
                self.ask_to_leave(worker, ShutdownReason::REQUESTED);
            }
        }
    }

    fn ask_to_leave(&mut self, worker: WorkerId, reason: ShutdownReason) {
        if let Some(member) = self.members.get_mut(&worker)
            && !member.leaving
        {
            member.leaving = true;
            self.actions.push_back(PoolAction::Close(worker, reason));
        }
    }

    fn start(&mut self, now: Time) {
        if now >= self.not_before {
            for _ in 0..self.starts_wanted() {
                self.start_one(now, self.program);
            }
        }
        if let Some((program, not_before)) = self.trial_wanted()
            && now >= not_before
        {
            self.start_one(now, program);
        }
    }

    fn start_one(&mut self, now: Time, program: u64) {
        let worker = self.next_worker();
        let share = 1.0 - self.policy.spread * self.spread.draw();
        let jobs = self.policy.jobs_per_worker;
        // A tenth less of a single job is still one.
        let jobs = jobs.map(|jobs| (jobs as f64 * share).ceil() as u64);
        let member = Member::starting(program, jobs, share, now);
        self.members.insert(worker, member);
        self.actions.push_back(PoolAction::Start {
            worker,
            program,
            share,
        });
    }

    /// How many more workers should be starting than are.
    fn starts_wanted(&self) -> usize {
        let target = match self.phase {
            // While requests are refused, somebody has to find out when that can end.
            Phase::Open => (self.policy.idle + self.waiting.len()).max(usize::from(self.degraded)),
            Phase::Draining => self.waiting.len(),
            Phase::Closing | Phase::Closed => 0,
        };
        let lasting: usize = self.members.values().map(Member::lasting).sum();
        // One that tries a new program may come to nothing.
        let trial = self.trial.as_ref().map(|trial| trial.program);
        let starting = |member: &&Member| member.is_starting() && Some(member.program) != trial;
        let starting = self.members.values().filter(starting).count();
        let missing = target.saturating_sub(lasting + starting);
        let spare = usize::from(self.has_somebody_due());
        let most = self.policy.max_workers + spare;
        let room = most.saturating_sub(self.members.len());
        let ramp = self.policy.init_concurrency.saturating_sub(starting);
        missing.min(room).min(ramp)
    }

    /// The lowest place that nobody holds, and its next generation.
    fn next_worker(&mut self) -> WorkerId {
        let mut slot = 0;
        for held in self.members.keys() {
            if held.slot != slot {
                break;
            }
            slot += 1;
        }
        let at = slot as usize;
        if self.generations.len() <= at {
            self.generations.resize(at + 1, 0);
        }
        let generation = self.generations[at];
        self.generations[at] += 1;
        WorkerId { slot, generation }
    }

    /// The worker that has been idle longest while there are more places than wanted.
    fn surplus(&self) -> Option<(WorkerId, Time)> {
        if self.phase != Phase::Open || !self.waiting.is_empty() {
            return None;
        }
        let (worker, member) = self
            .members
            .iter()
            .filter(|(_, member)| member.busy == 0 && member.free() > 0)
            .min_by_key(|(_, member)| member.idle_since)?;
        (self.free_places() >= self.policy.idle + member.free())
            .then_some((*worker, member.idle_since))
    }

    fn notice_warmth(&mut self) {
        // Somebody serves and the rest cannot be started: that is all the warmth there will be.
        let failed = self.failed_starts.as_ref();
        let settled = failed.is_some_and(|(failures, _)| *failures >= self.policy.start_attempts)
            && self.members.values().any(Member::serves);
        let warm = settled || self.free_places() >= self.policy.idle;
        if !self.warmed && self.phase == Phase::Open && warm {
            self.warmed = true;
            self.notice(PoolNotice::Warm);
        }
    }

    fn finish(&mut self) {
        let over = match self.phase {
            Phase::Draining => self.members.is_empty() && self.waiting.is_empty(),
            Phase::Closing => self.members.is_empty(),
            Phase::Open | Phase::Closed => false,
        };
        if over {
            self.phase = Phase::Closed;
            self.suspects = Suspects::new(&self.policy);
            self.actions.push_back(PoolAction::Closed);
        }
    }

    fn notice(&mut self, notice: PoolNotice) {
        self.actions.push_back(PoolAction::Notice(notice));
    }
}
