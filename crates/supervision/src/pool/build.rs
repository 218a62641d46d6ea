//! A program that was replaced on disk while the pool runs.
//!
//! The first worker of a program that says which build it is sets what is expected. Later ones that say
//! something else were started from another file than the pool was; a [reload](Pool::reload) is what
//! that is for, and it begins anew. A worker that says nothing is never compared.

use std::collections::VecDeque;

use super::{Pool, PoolNotice, WorkerId};
use crate::exit::ExitReason;

/// What becomes of a worker of another build than the first one of its program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnChangedBuild {
    /// It serves. Each build is noticed once.
    #[default]
    Warn,
    /// It is asked to leave, as a start that failed: the pool goes on with those it has, and once they
    /// are gone it is degraded, until it is reloaded.
    Refuse,
}

/// Builds of one program that were noticed already, so that none is noticed twice.
const REMEMBERED: usize = 16;

/// The builds of a pool's program.
#[derive(Clone, Debug, Default)]
pub(super) struct Builds {
    expected: String,
    noticed: VecDeque<String>,
}

impl Pool {
    /// A worker of the pool's program, or the first of the next one, is ready and says that it is of
    /// this build. The error says why it does not serve.
    pub(super) fn check_build(&mut self, worker: WorkerId, found: &str) -> Result<(), ExitReason> {
        let is_first_of_another = self
            .members
            .get(&worker)
            .is_some_and(|member| member.program != self.program);
        if is_first_of_another {
            self.builds = Builds::default();
        }
        let builds = &mut self.builds;
        if builds.expected.is_empty() {
            builds.expected = found.to_owned();
        }
        if found.is_empty() || found == builds.expected {
            return Ok(());
        }
        let refused = self.policy.on_changed_build == OnChangedBuild::Refuse;
        let expected = builds.expected.clone();
        if refused || builds.is_new(found) {
            self.notice(PoolNotice::ProgramChanged {
                worker,
                expected: expected.clone(),
                found: found.to_owned(),
                refused,
            });
        }
        if !refused {
            return Ok(());
        }
        Err(ExitReason::ProgramChanged {
            expected,
            found: found.to_owned(),
        })
    }
}

impl Builds {
    fn is_new(&mut self, found: &str) -> bool {
        if self.noticed.iter().any(|noticed| noticed == found) {
            return false;
        }
        self.noticed.push_back(found.to_owned());
        if self.noticed.len() > REMEMBERED {
            self.noticed.pop_front();
        }
        true
    }
}
