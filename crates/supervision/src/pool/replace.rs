//! Workers that are replaced while they still serve: old ones, large ones, and all of them when the
//! program has changed.
//!
//! One that is **due** goes on serving. Its places no longer count towards those that are wanted,
//! so another worker is started; once as many places are free without it, it gets no more jobs and
//! leaves. So there are never fewer ready places because of it. While nothing else can be started
//! under `max_workers`, one more may be.
//!
//! A **reload** first tries the new program in one worker, beside all others. Only if that gets ready
//! does everything else become due; if it does not after so many attempts, the pool stays with the
//! program that it has.

use greenroom_protocol::ShutdownReason;

use super::{Member, Phase, Pool, PoolNotice, WorkerId};
use crate::exit::ExitReason;
use crate::time::Time;

/// Why a worker is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It has lived for `max_age`.
    Age,
    /// It has grown over `max_rss`.
    Memory,
    /// The pool has another program by now.
    Program,
}

/// A program that is being tried.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) program: u64,
    failures: u32,
    not_before: Time,
}

impl Pool {
    /// From now on workers are started from another program, whose number is returned: first one, and
    /// if that gets ready, all of them, without ever fewer ready places. A reload that is under way
    /// is given up for this one. `None` once the pool is closing.
    pub fn reload(&mut self, now: Time) -> Option<u64> {
        if self.phase != Phase::Open {
            return None;
        }
        self.give_up_trial();
        self.programs += 1;
        self.trial = Some(Trial {
            program: self.programs,
            failures: 0,
            not_before: now,
        });
        self.plan(now);
        Some(self.programs)
    }

    /// A worker has grown over the bound from which on it is replaced.
    pub fn handle_outgrown(&mut self, now: Time, worker: WorkerId) {
        self.make_due(worker, Due::Memory);
        self.plan(now);
    }

    pub(super) fn make_due(&mut self, worker: WorkerId, due: Due) {
        if let Some(member) = self.members.get_mut(&worker)
            && member.due.is_none()
            && member.serves()
        {
            member.due = Some(due);
            self.notice(PoolNotice::Due { worker, due });
        }
    }

    /// When the next worker has grown old.
    pub(super) fn next_old(&self) -> Option<Time> {
        let young = |member: &&Member| member.due.is_none() && member.serves();
        let members = self.members.values().filter(young);
        members.filter_map(|member| member.old_at).min()
    }

    pub(super) fn replace_the_old(&mut self, now: Time) {
        let old = |member: &Member| member.old_at.is_some_and(|at| at <= now);
        for worker in self.which(old) {
            self.make_due(worker, Due::Age);
        }
    }

    /// Those that are due leave as others are there in their place: as many places are free as are
    /// wanted, or nobody more could be started.
    pub(super) fn relieve(&mut self) {
        if self.phase != Phase::Open {
            return;
        }
        // The idle ones first: they go at once.
        let mut due = self.which(|member| member.due.is_some() && member.serves());
        due.sort_by_key(|worker| self.members[worker].busy);
        for worker in due {
            let serving = self.members.values().filter(|member| member.serves());
            let full = serving.count() > self.policy.max_workers;
            let others = self.free_places() - self.members[&worker].free();
            let enough = self.waiting.is_empty() && others >= self.policy.idle;
            if (full || enough)
                && let Some(member) = self.members.get_mut(&worker)
            {
                member.retiring = true;
            }
        }
    }

    /// Whether one more worker than `max_workers` may be started, in place of another.
    pub(super) fn has_somebody_due(&self) -> bool {
        let mut members = self.members.values();
        members.any(|member| member.due.is_some() && !member.leaving)
    }

    // ---- the trial of a new program

    /// The worker that tries the new program is to be started.
    pub(super) fn trial_wanted(&self) -> Option<(u64, Time)> {
        let trial = self.trial.as_ref()?;
        let tried = self
            .members
            .values()
            .any(|member| member.program == trial.program);
        let room = self.members.len() <= self.policy.max_workers;
        (self.phase == Phase::Open && !tried && room).then_some((trial.program, trial.not_before))
    }

    /// A worker is ready. If it tries the new program, that is what workers are from now on.
    pub(super) fn trial_succeeded(&mut self, now: Time, worker: WorkerId) {
        let program = self.members[&worker].program;
        if self
            .trial
            .as_ref()
            .is_none_or(|trial| trial.program != program)
        {
            return;
        }
        self.trial = None;
        self.program = program;
        // How the earlier one failed says nothing about this one.
        self.not_before = now;
        self.notice(PoolNotice::ReloadProven { program });
        for worker in self.which(|member| member.program != program) {
            self.make_due(worker, Due::Program);
        }
        // Those that are still starting would be replaced as soon as they are ready.
        for worker in self.which(|member| member.is_starting() && member.program != program) {
            self.ask_to_leave(worker, ShutdownReason::SURPLUS);
        }
    }

    /// A start has failed. True if it was one of a new program, which costs the pool nothing.
    pub(super) fn trial_failed(&mut self, now: Time, program: u64, reason: &ExitReason) -> bool {
        let Some(mut trial) = self.trial.take_if(|trial| trial.program == program) else {
            return false;
        };
        trial.failures += 1;
        let permanent = matches!(reason, ExitReason::SpawnFailed(failure) if failure.permanent);
        if permanent || trial.failures >= self.policy.start_attempts {
            self.notice(PoolNotice::ReloadFailed {
                program,
                reason: reason.clone(),
                failures: trial.failures,
            });
        } else {
            let delay = self.policy.backoff.delay(trial.failures, &mut self.jitter);
            trial.not_before = now + delay;
            self.trial = Some(trial);
        }
        true
    }

    /// Nobody waits for the new program any more: another is wanted, or none.
    pub(super) fn give_up_trial(&mut self) {
        let Some(Trial { program, .. }) = self.trial.take() else {
            return;
        };
        self.notice(PoolNotice::ReloadGivenUp { program });
        for worker in self.which(|member| member.program == program) {
            self.ask_to_leave(worker, ShutdownReason::SURPLUS);
        }
    }

    /// Says once that nobody works with an earlier program any more.
    pub(super) fn notice_reloaded(&mut self) {
        let done = self
            .members
            .values()
            .all(|member| member.program == self.program);
        if self.reloaded != self.program && self.trial.is_none() && done {
            self.reloaded = self.program;
            self.notice(PoolNotice::Reloaded {
                program: self.program,
            });
        }
    }

    fn which(&self, wanted: impl Fn(&Member) -> bool) -> Vec<WorkerId> {
        let members = self.members.iter().filter(|(_, member)| wanted(member));
        members.map(|(worker, _)| *worker).collect()
    }
}
