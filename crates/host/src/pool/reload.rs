//! Another program for a pool that is at work.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom_supervision::ExitReason;
use greenroom_supervision::pool::PoolNotice;
use tokio::sync::oneshot;

use crate::driver::Plan;
use crate::process::ConfigError;
use crate::report::CrashReport;

/// Why a pool does not have the program that it was to have.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// It cannot be as described. Nothing was tried.
    #[error(transparent)]
    Config(Arc<ConfigError>),
    /// No worker of it became ready. The pool goes on with the one that it has.
    #[error(
        "the new program does not get ready (failed starts: {failures}), the pool stays with the one it has: the last one {reason}{}",
        last_words(.report.as_deref())
    )]
    NotReady {
        /// Why the last one failed.
        reason: ExitReason,
        /// How many failed.
        failures: u32,
        /// How that one lived and ended.
        report: Option<Arc<CrashReport>>,
    },
    /// Another reload has begun, or the pool closes.
    #[error("the reload was given up: another has begun, or the pool closes")]
    GivenUp,
}

fn last_words(report: Option<&CrashReport>) -> String {
    match report.and_then(CrashReport::last_words) {
        Some(line) => format!("; its last line was: {line}"),
        None => String::new(),
    }
}

/// Tells whoever has asked for a reload how it went.
pub(super) type Reply = oneshot::Sender<Result<(), ReloadError>>;

/// The programs of a pool: what workers are started from, by number, and who waits for one.
pub(super) struct Programs {
    plans: BTreeMap<u64, Plan>,
    waiting: BTreeMap<u64, Reply>,
    /// How the last worker of a program under trial ended.
    last: Option<Arc<CrashReport>>,
}

impl Programs {
    pub(super) fn new(first: Plan) -> Self {
        Self {
            plans: BTreeMap::from([(0, first)]),
            waiting: BTreeMap::new(),
            last: None,
        }
    }

    /// What a worker of this program is made from.
    pub(super) fn plan(&self, program: u64) -> Option<&Plan> {
        self.plans.get(&program)
    }

    pub(super) fn add(&mut self, program: u64, plan: Plan, reply: Reply) {
        self.plans.insert(program, plan);
        self.waiting.insert(program, reply);
        self.last = None;
    }

    /// A worker that was never ready has ended.
    pub(super) fn failed(&mut self, program: u64, report: &Arc<CrashReport>) {
        if self.waiting.contains_key(&program) {
            self.last = Some(Arc::clone(report));
        }
    }

    /// What a notice means for those who wait, and for the programs that are kept.
    pub(super) fn notice(&mut self, notice: &PoolNotice) {
        match notice {
            PoolNotice::ReloadProven { program } => {
                self.plans.retain(|number, _| number >= program);
            }
            PoolNotice::Reloaded { program } => {
                // Those that waited for an earlier one have what they asked for, or better.
                while let Some(entry) = self.waiting.first_entry()
                    && entry.key() <= program
                {
                    answer(entry.remove(), Ok(()));
                }
            }
            PoolNotice::ReloadFailed {
                program,
                reason,
                failures,
            } => {
                self.plans.remove(program);
                let error = ReloadError::NotReady {
                    reason: reason.clone(),
                    failures: *failures,
                    report: self.last.take(),
                };
                self.refuse(*program, error);
            }
            PoolNotice::ReloadGivenUp { program } => {
                self.plans.remove(program);
                self.refuse(*program, ReloadError::GivenUp);
            }
            _ => {}
        }
    }

    fn refuse(&mut self, program: u64, error: ReloadError) {
        if let Some(reply) = self.waiting.remove(&program) {
            answer(reply, Err(error));
        }
    }
}

fn answer(reply: Reply, result: Result<(), ReloadError>) {
    // One that has gone does not want to know.
    let _ = reply.send(result);
}
