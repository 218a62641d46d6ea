//! Jobs that take their workers down with them.
//!
//! A job may have a **key**: what makes it the same job again, whoever launches it. When a worker dies
//! while it runs such a job, its key is a suspect. If it ran several, all their keys are: nobody can
//! tell which one it was. A key that so many different workers have died of is **quarantined**: no job
//! with it gets a place, until it is released. A job that ends well clears its key of suspicion, but
//! does not lift a quarantine.
//!
//! Three deaths are the default, as in Dask (`allowed-failures`, then `KilledWorker`): one may be
//! chance, two a bad moment of the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Pool, PoolAction, PoolNotice, PoolPolicy, Refusal, WorkerId};
use crate::exit::ExitReason;
use crate::time::Time;

/// A key that no job may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Which.
    pub key: Arc<str>,
    /// How many different workers have died while they ran a job with it.
    pub died: u32,
    /// How the last one died.
    pub reason: ExitReason,
}

/// What workers have died of lately.
#[derive(Clone, Debug)]
pub(super) struct Suspects {
    /// Deaths from which on a key is quarantined; `None`: none ever is.
    after: Option<u32>,
    most: usize,
    deaths: BTreeMap<Arc<str>, Deaths>,
    /// How many deaths were noted.
    noted: u64,
}

#[derive(Clone, Debug)]
struct Deaths {
    /// Who died of it: no more than the policy counts to.
    workers: Vec<WorkerId>,
    last: ExitReason,
    /// The number of the last death.
    noted: u64,
}

impl Deaths {
    fn count(&self) -> u32 {
        u32::try_from(self.workers.len()).unwrap_or(u32::MAX)
    }
}

impl Suspects {
    pub(super) fn new(policy: &PoolPolicy) -> Self {
        Self {
            after: policy.quarantine_after,
            most: policy.quarantine_keys,
            deaths: BTreeMap::new(),
            noted: 0,
        }
    }

    fn is_quarantined(&self, deaths: &Deaths) -> bool {
        self.after.is_some_and(|after| deaths.count() >= after)
    }

    fn quarantined(&self) -> impl Iterator<Item = Quarantined> {
        let keys = self.deaths.iter();
        let keys = keys.filter(|(_, deaths)| self.is_quarantined(deaths));
        keys.map(|(key, deaths)| Quarantined {
            key: Arc::clone(key),
            died: deaths.count(),
            reason: deaths.last.clone(),
        })
    }

    /// A worker has died of a key. True if that key is quarantined for it, and was not before.
    fn note(&mut self, worker: WorkerId, key: &Arc<str>, reason: &ExitReason) -> bool {
        self.noted += 1;
        let entry = self.deaths.entry(Arc::clone(key));
        let deaths = entry.or_insert_with(|| Deaths {
            workers: Vec::new(),
            last: reason.clone(),
            noted: 0,
        });
        deaths.noted = self.noted;
        let before = deaths.count();
        if self.after == Some(before) || deaths.workers.contains(&worker) {
            return false;
        }
        deaths.workers.push(worker);
        deaths.last = reason.clone();
        self.after == Some(before + 1)
    }

    /// Makes room for the key that was noted last: of the others, those under mere suspicion go
    /// first, of several the one that was quiet longest. A quarantined key that had to go is
    /// returned.
    fn forget_the_oldest(&mut self) -> Option<Arc<str>> {
        if self.deaths.len() <= self.most {
            return None;
        }
        let keys = self.deaths.iter();
        let keys = keys.filter(|(_, deaths)| deaths.noted < self.noted);
        let oldest = keys.min_by_key(|(_, deaths)| (self.is_quarantined(deaths), deaths.noted));
        let oldest = oldest.map(|(key, _)| Arc::clone(key))?;
        let deaths = self.deaths.remove(&oldest)?;
        self.is_quarantined(&deaths).then_some(oldest)
    }
}

impl Pool {
    /// The keys in quarantine, in their order.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.suspects.quarantined().collect()
    }

    /// Why a job with this key may not be given to a worker, if it may not.
    pub fn check_key(&self, key: Option<&str>) -> Result<(), Refusal> {
        let known = key.and_then(|key| self.suspects.deaths.get_key_value(key));
        match known {
            Some((key, deaths)) if self.suspects.is_quarantined(deaths) => {
                Err(Refusal::Quarantined {
                    key: Arc::clone(key),
                    died: deaths.count(),
                    reason: deaths.last.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// How many more workers may die of this key, or of one job without a key, before it gets no
    /// other; `None` means any number.
    pub fn deaths_left(&self, key: Option<&str>) -> Option<u32> {
        let deaths = key.and_then(|key| self.suspects.deaths.get(key));
        let died = deaths.map_or(0, Deaths::count);
        Some(self.suspects.after?.saturating_sub(died))
    }

    /// Lets jobs with this key run again; the count of deaths starts anew. True if it was in
    /// quarantine.
    pub fn release_key(&mut self, key: &str) -> bool {
        let released = self.check_key(Some(key)).is_err();
        if let Some((key, _)) = self.suspects.deaths.remove_entry(key)
            && released
        {
            self.notice(PoolNotice::Released { key });
        }
        released
    }

    /// A job with this key has ended well: the deaths before were not its own, or are over.
    pub fn handle_succeeded(&mut self, key: &str) {
        if self.check_key(Some(key)).is_ok() {
            self.suspects.deaths.remove(key);
        }
    }

    /// A worker has died while it ran a job with this key, which nobody had asked it to stop. To be
    /// told before [`handle_exited`](Self::handle_exited). Deaths that were asked for, such as those
    /// of a pool that closes, do not count.
    pub fn handle_died_of(
        &mut self,
        now: Time,
        worker: WorkerId,
        key: &Arc<str>,
        reason: &ExitReason,
    ) {
        let unasked = self
            .members
            .get(&worker)
            .is_some_and(|member| !member.leaving);
        if self.suspects.after.is_none() || !unasked || !is_unexpected(reason) {
            return;
        }
        let caught = self.suspects.note(worker, key, reason);
        if let Some(key) = self.suspects.forget_the_oldest() {
            self.notice(PoolNotice::Released { key });
        }
        if caught && let Err(refusal) = self.check_key(Some(key)) {
            self.turn_away(key, &refusal);
            self.plan(now);
        }
    }

    /// Tells everybody who waits with a key that has just been quarantined, and the operator.
    fn turn_away(&mut self, key: &Arc<str>, refusal: &Refusal) {
        if let Refusal::Quarantined { key, died, reason } = refusal {
            self.notice(PoolNotice::Quarantined {
                key: Arc::clone(key),
                died: *died,
                reason: reason.clone(),
            });
        }
        let actions = &mut self.actions;
        self.waiting.retain(|waiting| {
            let stays = waiting.key.as_ref() != Some(key);
            if !stays {
                actions.push_back(PoolAction::Refuse(waiting.request, refusal.clone()));
            }
            stays
        });
    }
}

/// Whether a worker that ended like this may have died of what it ran. One that was ended at a job's
/// deadline, or because a cancelled job did not stop, has not: its host did that, and knows of which
/// job.
pub(super) fn is_unexpected(reason: &ExitReason) -> bool {
    matches!(
        reason,
        ExitReason::Code { .. }
            | ExitReason::Signal { .. }
            | ExitReason::OutOfMemory
            | ExitReason::PingTimeout { .. }
            | ExitReason::MemoryLimit { .. }
            | ExitReason::ProtocolViolation { .. }
            | ExitReason::Disconnected
    )
}
