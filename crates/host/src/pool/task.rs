//! The one task that plans for a pool and passes on what its workers say.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use greenroom_protocol::ShutdownReason;
use greenroom_supervision::pool::{PoolAction, PoolNotice, Refusal, RequestId};
use greenroom_supervision::worker::Notice;
use greenroom_supervision::{ExitReason, Pool as Machine, PoolPolicy, Time, WorkerId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};

use super::reload::Programs;
use super::{Health, PoolInput, ReloadError, Stats};
use crate::clock;
use crate::driver::{Driver, Input, Owner, Plan, Tidings};
use crate::event::{Event, EventKind};
use crate::job::{JobCommand, JobError, Ticket};

/// Tidings that may wait for the pool; workers with more to say wait themselves.
const TIDINGS: usize = 256;

pub(super) struct Task {
    machine: Machine,
    programs: Programs,
    inputs: mpsc::UnboundedReceiver<PoolInput>,
    tidings: mpsc::Receiver<(WorkerId, Tidings)>,
    to_self: mpsc::Sender<(WorkerId, Tidings)>,
    /// The workers' own tasks.
    drivers: JoinSet<()>,
    driver_of: HashMap<tokio::task::Id, WorkerId>,
    workers: BTreeMap<WorkerId, Member>,
    /// Requests without a place.
    waiting: BTreeMap<RequestId, Waiting>,
    /// Requests with a place, jobs and reservations.
    placed: BTreeMap<RequestId, Placed>,
    events: broadcast::Sender<Event>,
    sequence: u64,
    started: Time,
    health: watch::Sender<Health>,
    totals: Stats,
    closed: bool,
}

struct Member {
    inputs: mpsc::UnboundedSender<Input>,
    program: u64,
    created: Time,
    pid: Option<u32>,
    ready: bool,
    leaving: bool,
    places_used: usize,
}

enum Waiting {
    Job(Box<Ticket>),
    Reservation(oneshot::Sender<Result<WorkerId, Refusal>>),
}

struct Placed {
    worker: WorkerId,
    is_job: bool,
    /// The job's key.
    key: Option<Arc<str>>,
    /// Its caller has had it stopped: it is not run again.
    stopped: bool,
}

impl Task {
    pub(super) fn new(
        policy: PoolPolicy,
        plan: Plan,
        inputs: mpsc::UnboundedReceiver<PoolInput>,
        events: broadcast::Sender<Event>,
        health: watch::Sender<Health>,
    ) -> Self {
        let (to_self, tidings) = mpsc::channel(TIDINGS);
        let started = clock::now();
        Self {
            machine: Machine::new(policy, started),
            programs: Programs::new(plan),
            inputs,
            tidings,
            to_self,
            drivers: JoinSet::new(),
            driver_of: HashMap::new(),
            workers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            placed: BTreeMap::new(),
            events,
            sequence: 0,
            started,
            health,
            totals: Stats::default(),
            closed: false,
        }
    }

    pub(super) async fn run(mut self) {
        let mut alarm_at = clock::now();
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(clock::instant(alarm_at)));
        loop {
            self.perform();
            if self.closed {
                return self.refuse_the_rest().await;
            }
            // One that has moved away is left to expire, which saves setting it at every job.
            let due = self.machine.poll_timeout();
            if let Some(due) = due
                && (due < alarm_at || alarm.is_elapsed())
            {
                alarm_at = due;
                alarm.as_mut().reset(clock::instant(due));
            }
            tokio::select! {
                Some((worker, tidings)) = self.tidings.recv() => self.tidings(worker, tidings),
                Some(input) = self.inputs.recv() => {
                    self.catch_up_with_workers();
                    self.input(input);
                }
                Some(ended) = self.drivers.join_next_with_id() => self.driver_ended(ended),
                () = &mut alarm, if due.is_some() => {
                    self.catch_up_with_workers();
                    self.machine.handle_timeout(clock::now());
                }
            }
        }
    }

    /// What has been said already comes first: it frees places. No more than what can be waiting, so
    /// that workers who never stop talking do not keep everybody else out.
    fn catch_up_with_workers(&mut self) {
        for _ in 0..TIDINGS {
            let Ok((worker, tidings)) = self.tidings.try_recv() else {
                return;
            };
            self.tidings(worker, tidings);
            // What follows from it holds before the next command: a withdrawal must find its place.
            self.perform();
        }
    }

    // ---- what others want

    fn input(&mut self, input: PoolInput) {
        let now = clock::now();
        match input {
            PoolInput::Launch(ticket) => {
                let request = ticket.request;
                let key = ticket.key().cloned();
                match self.machine.request(now, request, key) {
                    Ok(()) => drop(self.waiting.insert(request, Waiting::Job(ticket))),
                    Err(refusal) => ticket.refuse(refusal),
                }
            }
            PoolInput::LaunchReserved(ticket) => self.launch_reserved(now, ticket),
            PoolInput::Reserve(request, reply) => match self.machine.request(now, request, None) {
                Ok(()) => drop(self.waiting.insert(request, Waiting::Reservation(reply))),
                // Somebody who has gone does not want to know.
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            PoolInput::Withdraw(request) => self.withdraw(now, request),
            PoolInput::Job(request, command) => self.command(now, request, command),
            PoolInput::SetTargetIdle(idle) => self.machine.set_target_idle(now, idle),
            PoolInput::Reload(plan, reply) => match self.machine.reload(now) {
                Some(program) => self.programs.add(program, *plan, reply),
                // Somebody who has gone does not want to know.
                None => drop(reply.send(Err(ReloadError::GivenUp))),
            },
            PoolInput::Quarantined(reply) => drop(reply.send(self.machine.quarantined())),
            PoolInput::ReleaseKey(key, reply) => {
                let _ = reply.send(self.machine.release_key(&key));
            }
            PoolInput::Stats(reply) => drop(reply.send(self.stats())),
            PoolInput::Pids(reply) => {
                let pids = self.workers.values().filter_map(|member| member.pid);
                drop(reply.send(pids.collect()));
            }
            PoolInput::Drain => self.machine.drain(now),
            PoolInput::Close => self.machine.close(now),
            PoolInput::Kill(by) => self.kill(now, &by),
        }
    }

    /// Nobody new is started, and those who are there do not get the time to leave.
    fn kill(&mut self, now: Time, by: &str) {
        self.machine.close(now);
        self.perform();
        for member in self.workers.values() {
            // One that has ended needs no kill.
            let _ = member.inputs.send(Input::Kill(by.to_owned()));
        }
    }

    fn launch_reserved(&mut self, now: Time, ticket: Box<Ticket>) {
        let request = ticket.request;
        let key = ticket.key().cloned();
        let Some(worker) = self.placed.get(&request).map(|placed| placed.worker) else {
            // It has died meanwhile.
            self.waiting.insert(request, Waiting::Job(ticket));
            return self.machine.request_again(now, request, key);
        };
        match self.machine.check_key(key.as_deref()) {
            Ok(()) => self.give(ticket, worker),
            Err(refusal) => {
                self.release(request);
                self.machine.handle_released(now, worker, false);
                ticket.refuse(refusal);
            }
        }
    }

    fn withdraw(&mut self, now: Time, request: RequestId) {
        if self.machine.withdraw(now, request) {
            self.waiting.remove(&request);
            return;
        }
        match self.placed.get(&request) {
            Some(placed) if placed.is_job => {
                self.command(now, request, JobCommand::Cancel);
            }
            Some(&Placed { worker, .. }) => {
                self.release(request);
                self.machine.handle_released(now, worker, false);
            }
            None => {}
        }
    }

    fn command(&mut self, now: Time, request: RequestId, command: JobCommand) {
        if let Some(placed) = self.placed.get_mut(&request) {
            placed.stopped |= !matches!(command, JobCommand::Grant(_));
            let worker = placed.worker;
            self.tell(worker, Input::Job(request, command));
        } else if !matches!(command, JobCommand::Grant(_))
            && self.machine.withdraw(now, request)
            && let Some(Waiting::Job(ticket)) = self.waiting.remove(&request)
        {
            self.has_ended_waiting(&ticket, || JobError::Cancelled);
            ticket.finish(Err(JobError::Cancelled));
        }
    }

    /// A job that was in a worker has an end, even if it was in none when it came.
    fn has_ended_waiting(&mut self, ticket: &Ticket, error: impl FnOnce() -> JobError) {
        if let Some(worker) = ticket.given_to {
            self.totals.failed += 1;
            self.emit(|| EventKind::JobFinished {
                job: ticket.id().to_owned(),
                worker,
                error: Some(error()),
            });
        }
    }

    // ---- what workers say

    fn tidings(&mut self, worker: WorkerId, tidings: Tidings) {
        let now = clock::now();
        match tidings {
            Tidings::Notice(notice) => self.notice(now, worker, notice),
            Tidings::Unavailable => self.unavailable(now, worker),
            Tidings::Released {
                request,
                job,
                error,
            } => {
                if error.is_none() {
                    self.totals.succeeded += 1;
                } else {
                    self.totals.failed += 1;
                }
                if let Some(placed) = self.release(request) {
                    self.judge(now, &placed, error.as_ref());
                }
                self.emit(|| EventKind::JobFinished { job, worker, error });
                self.place_is_free(now, worker, true);
            }
            Tidings::Refused { request, job } => {
                self.totals.launched -= 1;
                self.release(request);
                self.emit(|| EventKind::JobRefused { job, worker });
                self.place_is_free(now, worker, false);
            }
            Tidings::Returned { mut ticket, used } => {
                let request = ticket.request;
                let placed = self.release(request);
                if placed.is_some_and(|placed| placed.stopped) {
                    let error = JobError::Cancelled;
                    self.totals.failed += 1;
                    self.emit(|| EventKind::JobFinished {
                        job: ticket.id().to_owned(),
                        worker,
                        error: Some(error.clone()),
                    });
                    ticket.finish(Err(error));
                    return self.place_is_free(now, worker, used);
                }
                self.emit(|| EventKind::JobRequeued {
                    job: ticket.id().to_owned(),
                    worker,
                });
                let key = ticket.key().cloned();
                let died = ticket.attempts.died_of_it.take();
                if let (Some(key), Some(reason)) = (&key, died) {
                    self.machine.handle_died_of(now, worker, key, &reason);
                }
                self.waiting.insert(request, Waiting::Job(ticket));
                self.place_is_free(now, worker, used);
                self.machine.request_again(now, request, key);
            }
            Tidings::Exited(report) => {
                let member = self.workers.remove(&worker);
                if let Some(member) = member.filter(|member| !member.ready) {
                    self.programs.failed(member.program, &report);
                    self.health.send_modify(|health| {
                        health.last_failed_start = Some(Arc::clone(&report));
                    });
                }
                // Reservations that it held: their jobs get another worker.
                self.placed.retain(|_, placed| placed.worker != worker);
                self.totals.peak_worker_memory =
                    self.totals.peak_worker_memory.max(report.peak_memory);
                if !matches!(
                    report.reason,
                    ExitReason::Clean | ExitReason::Requested { .. }
                ) {
                    self.totals.workers_lost += 1;
                }
                self.machine.handle_exited(now, worker, &report.reason);
                self.emit(|| EventKind::Closed { report });
            }
        }
    }

    /// What the end of a job says about its key.
    fn judge(&mut self, now: Time, placed: &Placed, error: Option<&JobError>) {
        let Some(key) = &placed.key else {
            return;
        };
        match error {
            None => self.machine.handle_succeeded(key),
            Some(JobError::Lost {
                report,
                started: true,
            }) if !placed.stopped => {
                let worker = placed.worker;
                self.machine
                    .handle_died_of(now, worker, key, &report.reason);
            }
            Some(_) => {}
        }
    }

    fn unavailable(&mut self, now: Time, worker: WorkerId) {
        if let Some(member) = self.workers.get_mut(&worker) {
            member.leaving = true;
        }
        self.machine.handle_unavailable(now, worker);
    }

    /// The places of one that is leaving go with it.
    fn place_is_free(&mut self, now: Time, worker: WorkerId, used: bool) {
        if self
            .workers
            .get(&worker)
            .is_some_and(|member| !member.leaving)
        {
            self.machine.handle_released(now, worker, used);
        }
    }

    /// A task that panicked (code of the host's own that runs in it, such as a `tracing` subscriber)
    /// has dropped its process, which ends it, and its jobs, whose handles notice.
    fn driver_ended(&mut self, ended: Result<(tokio::task::Id, ()), JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(error) => error.id(),
        };
        let Some(worker) = self.driver_of.remove(&task) else {
            return;
        };
        if let Err(error) = ended
            && self.workers.remove(&worker).is_some()
        {
            self.placed.retain(|_, placed| placed.worker != worker);
            self.totals.workers_lost += 1;
            let by = format!("its task in the host failed: {error}");
            let reason = ExitReason::Requested { by };
            self.machine.handle_exited(clock::now(), worker, &reason);
        }
    }

    fn notice(&mut self, now: Time, worker: WorkerId, notice: Notice) {
        match notice {
            Notice::Started { pid } => {
                if let Some(member) = self.workers.get_mut(&worker) {
                    member.pid = Some(pid);
                }
                self.emit(|| EventKind::Started { worker, pid });
            }
            Notice::Ready { slots, build, .. } => {
                let serves = self
                    .machine
                    .handle_ready(now, worker, slots as usize, &build);
                if serves && let Some(member) = self.workers.get_mut(&worker) {
                    member.ready = true;
                    let after = now - member.created;
                    self.emit(|| EventKind::Ready { worker, after });
                }
            }
            notice => {
                match notice {
                    Notice::Retiring { .. } => self.machine.handle_retiring(now, worker),
                    Notice::Outgrown { .. } => self.machine.handle_outgrown(now, worker),
                    _ => {}
                }
                self.emit(|| EventKind::Worker { worker, notice });
            }
        }
    }

    // ---- actions

    fn perform(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                PoolAction::Start {
                    worker,
                    program,
                    share,
                } => self.start(worker, program, share),
                PoolAction::Assign(request, worker) => self.assign(request, worker),
                PoolAction::Close(worker, reason) => self.close(worker, reason),
                PoolAction::Refuse(request, refusal) => {
                    if let Some(waiting) = self.waiting.remove(&request) {
                        self.refuse(waiting, refusal);
                    }
                }
                PoolAction::Notice(notice) => self.pool_notice(notice),
                PoolAction::Closed => self.closed = true,
            }
        }
    }

    fn refuse(&mut self, waiting: Waiting, refusal: Refusal) {
        match waiting {
            Waiting::Job(ticket) => {
                self.has_ended_waiting(&ticket, || JobError::NotRunAgain(refusal.clone()));
                ticket.refuse(refusal);
            }
            // Somebody who has gone does not want to know.
            Waiting::Reservation(reply) => drop(reply.send(Err(refusal))),
        }
    }

    fn start(&mut self, worker: WorkerId, program: u64, share: f64) {
        let plan = self.programs.plan(program);
        let mut plan = plan
            .expect("a program is kept while workers of it may start")
            .clone();
        let max_rss = plan.policy.max_rss;
        plan.policy.max_rss = max_rss.map(|bytes| (bytes as f64 * share) as u64);
        plan.hello.slot = worker.slot;
        plan.hello.generation = worker.generation;
        self.totals.workers_created += 1;
        self.emit(|| EventKind::Created { worker });
        let (driver, inputs) = Driver::new(worker, plan, Owner::Pool(self.to_self.clone()));
        let member = Member {
            inputs,
            program,
            created: clock::now(),
            pid: None,
            ready: false,
            leaving: false,
            places_used: 0,
        };
        self.workers.insert(worker, member);
        let task = self.drivers.spawn(driver.run());
        self.driver_of.insert(task.id(), worker);
    }

    fn assign(&mut self, request: RequestId, worker: WorkerId) {
        let placed = Placed {
            worker,
            is_job: false,
            key: None,
            stopped: false,
        };
        match self.waiting.remove(&request) {
            Some(Waiting::Job(ticket)) => {
                self.place(request, placed);
                self.give(ticket, worker);
            }
            Some(Waiting::Reservation(reply)) => {
                self.place(request, placed);
                // If nobody waits any more, its withdrawal is on the way.
                let _ = reply.send(Ok(worker));
            }
            None => self.machine.handle_released(clock::now(), worker, false),
        }
    }

    fn place(&mut self, request: RequestId, placed: Placed) {
        if let Some(member) = self.workers.get_mut(&placed.worker) {
            member.places_used += 1;
        }
        self.placed.insert(request, placed);
    }

    fn release(&mut self, request: RequestId) -> Option<Placed> {
        let placed = self.placed.remove(&request)?;
        if let Some(member) = self.workers.get_mut(&placed.worker) {
            member.places_used -= 1;
        }
        Some(placed)
    }

    fn give(&mut self, mut ticket: Box<Ticket>, worker: WorkerId) {
        let key = ticket.key().cloned();
        // Without a key, only what has become of its own attempts counts.
        if key.is_some() || ticket.attempts.current() == 1 {
            ticket.attempts.deaths_left = self.machine.deaths_left(key.as_deref());
        }
        if let Some(placed) = self.placed.get_mut(&ticket.request) {
            placed.is_job = true;
            placed.key = key;
        }
        ticket.given_to = Some(worker);
        self.totals.launched += 1;
        self.emit(|| EventKind::JobLaunched {
            job: ticket.id().to_owned(),
            worker,
        });
        self.tell(worker, Input::Launch(ticket));
    }

    fn close(&mut self, worker: WorkerId, reason: ShutdownReason) {
        if let Some(member) = self.workers.get_mut(&worker) {
            member.leaving = true;
        }
        self.tell(worker, Input::Close(reason));
    }

    /// A driver that has ended has left its last tidings in the queue.
    fn tell(&mut self, worker: WorkerId, input: Input) {
        let Some(member) = self.workers.get(&worker) else {
            return;
        };
        if let Err(mpsc::error::SendError(Input::Launch(ticket))) = member.inputs.send(input) {
            let now = clock::now();
            let request = ticket.request;
            self.release(request);
            self.emit(|| EventKind::JobRequeued {
                job: ticket.id().to_owned(),
                worker,
            });
            let key = ticket.key().cloned();
            self.waiting.insert(request, Waiting::Job(ticket));
            // Or the plan would choose it again, and again.
            self.unavailable(now, worker);
            self.machine.request_again(now, request, key);
        }
    }

    fn pool_notice(&mut self, notice: PoolNotice) {
        self.health.send_modify(|health| match &notice {
            PoolNotice::Warm => health.warm = true,
            PoolNotice::Degraded { reason, failures } => {
                health.degraded = Some(Refusal::Unavailable {
                    reason: reason.clone(),
                    failures: *failures,
                });
            }
            PoolNotice::Recovered => health.degraded = None,
            _ => {}
        });
        self.programs.notice(&notice);
        match &notice {
            PoolNotice::Degraded { reason, failures } => {
                tracing::error!(%reason, failures, "no worker can be started; trying goes on");
            }
            PoolNotice::ReloadFailed {
                reason, failures, ..
            } => {
                tracing::error!(%reason, failures, "the new program does not get ready; the pool stays with the one it has");
            }
            PoolNotice::Quarantined { key, died, reason } => {
                tracing::error!(?key, died, %reason, "jobs with this key are refused from now on: workers have died of them");
            }
            PoolNotice::ProgramChanged {
                worker,
                expected,
                found,
                refused,
            } => {
                tracing::warn!(%worker, expected, found, refused, "the program on disk was replaced; reload the pool to take it");
            }
            _ => {}
        }
        self.emit(|| EventKind::Pool(notice));
    }

    /// What was sent after the end.
    async fn refuse_the_rest(mut self) {
        self.inputs.close();
        while let Some(input) = self.inputs.recv().await {
            match input {
                PoolInput::Launch(ticket) | PoolInput::LaunchReserved(ticket) => {
                    ticket.refuse(Refusal::Closed);
                }
                PoolInput::Reserve(_, reply) => drop(reply.send(Err(Refusal::Closed))),
                _ => {}
            }
        }
        let stats = self.stats();
        self.health
            .send_modify(|health| health.closed = Some(stats));
    }

    // ---- events and numbers

    /// Counts an event, and makes it if anybody listens.
    fn emit(&mut self, kind: impl FnOnce() -> EventKind) {
        let sequence = self.sequence;
        self.sequence += 1;
        if self.events.receiver_count() > 0 {
            // The last listener may have gone meanwhile.
            let _ = self.events.send(Event {
                sequence,
                at: clock::now() - self.started,
                kind: kind(),
            });
        }
    }

    fn stats(&self) -> Stats {
        let mut stats = self.totals;
        for member in self.workers.values() {
            match member {
                Member { leaving: true, .. } => stats.leaving += 1,
                Member { ready: false, .. } => stats.starting += 1,
                Member { places_used: 0, .. } => stats.idle += 1,
                _ => stats.busy += 1,
            }
        }
        stats.waiting = self.waiting.len();
        stats.quarantined = self.machine.quarantined().len();
        stats.running = self.placed.values().filter(|placed| placed.is_job).count();
        stats
    }
}
