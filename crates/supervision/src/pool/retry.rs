//! Whether a job that did not end well is tried again.

use super::quarantine::is_unexpected;
use crate::ExitReason;
use crate::job::JobOutcome;

/// Attempts that may end before the handler began. Such a job is harmless to try again, but
/// something is wrong when it happens again and again.
pub const UNSTARTED_ATTEMPTS: u32 = 3;

/// What a job's caller allows, and what has happened to it so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How often it may be tried again after its handler began: when its worker died, or when the
    /// handler failed and said that another try may help.
    pub retries: u32,
    /// Attempts in which its handler began.
    pub begun: u32,
    /// Attempts in which it did not.
    pub unstarted: u32,
    /// Whether its caller has already seen output, which another attempt would repeat.
    pub streamed: bool,
    /// Whether its caller has had it cancelled or killed: then no attempt follows.
    pub stopped: bool,
    /// Workers that may still die of it before it is tried no more; `None` means any number. See
    /// [`Pool::deaths_left`](super::Pool::deaths_left).
    pub deaths_left: Option<u32>,
    /// How the worker of the last attempt died, if that may be this job's doing.
    pub died_of_it: Option<ExitReason>,
}

impl Attempts {
    /// Counts an attempt that ended like this, and says whether there is another.
    pub fn again(&mut self, outcome: &JobOutcome) -> bool {
        self.died_of_it = match outcome {
            JobOutcome::Lost { reason, accepted } => {
                let to_blame = *accepted && !self.stopped && is_unexpected(reason);
                to_blame.then(|| reason.clone())
            }
            _ => None,
        };
        if self.died_of_it.is_some()
            && let Some(left) = &mut self.deaths_left
        {
            *left = left.saturating_sub(1);
        }
        let (began, may_help) = match outcome {
            JobOutcome::Ok(_) | JobOutcome::Cancelled | JobOutcome::DeadlineExceeded { .. } => {
                return false;
            }
            JobOutcome::Failed(failure)
                if failure.kind == greenroom_protocol::FailureKind::REJECTED =>
            {
                (false, true)
            }
            JobOutcome::Failed(failure) => (true, failure.retryable),
            JobOutcome::Lost { accepted, .. } => (*accepted, true),
        };
        let another = if began {
            self.begun += 1;
            may_help && !self.streamed && self.begun <= self.retries
        } else {
            self.unstarted += 1;
            self.unstarted < UNSTARTED_ATTEMPTS
        };
        another && !self.stopped && self.deaths_left != Some(0)
    }

    /// The number of the attempt that is under way or comes next, from 1.
    pub fn current(&self) -> u32 {
        1 + self.begun + self.unstarted
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use greenroom_protocol::{FailureKind, JobFailure};

    use super::*;
    use crate::ExitReason;

    fn lost(accepted: bool) -> JobOutcome {
        JobOutcome::Lost {
            reason: ExitReason::Code { code: 1 },
            accepted,
        }
    }

    fn failed(retryable: bool) -> JobOutcome {
        JobOutcome::Failed(JobFailure {
            kind: FailureKind::ERROR,
            message: "no".into(),
            retryable,
        })
    }

    #[test]
    fn a_job_that_never_began_is_tried_three_times() {
        let mut attempts = Attempts::default();
        assert!(attempts.again(&lost(false)));
        assert!(attempts.again(&lost(false)));
        assert!(!attempts.again(&lost(false)));
    }

    #[test]
    fn a_job_that_began_is_lost_unless_its_caller_says_otherwise() {
        assert!(!Attempts::default().again(&lost(true)));
        let mut attempts = Attempts {
            retries: 1,
            ..Attempts::default()
        };
        assert!(attempts.again(&lost(true)));
        assert!(!attempts.again(&lost(true)));
    }

    #[test]
    fn a_failure_is_tried_again_only_if_the_handler_says_that_it_may_help() {
        let attempts = || Attempts {
            retries: 5,
            ..Attempts::default()
        };
        assert!(attempts().again(&failed(true)));
        assert!(!attempts().again(&failed(false)));
        assert!(!attempts().again(&JobOutcome::Ok(Bytes::new())));
    }

    #[test]
    fn a_job_that_enough_workers_have_died_of_is_tried_no_more() {
        let mut attempts = Attempts {
            retries: 9,
            deaths_left: Some(3),
            ..Attempts::default()
        };
        assert!(attempts.again(&lost(true)));
        assert!(attempts.again(&lost(true)));
        // A failure, or a worker that died before it began, is nobody's death.
        assert!(attempts.again(&failed(true)));
        assert!(attempts.again(&lost(false)));
        assert_eq!(attempts.died_of_it, None);
        assert!(!attempts.again(&lost(true)));
        assert_eq!(attempts.died_of_it, Some(ExitReason::Code { code: 1 }));
    }

    #[test]
    fn a_death_that_was_asked_for_is_not_the_jobs_doing() {
        let mut attempts = Attempts {
            retries: 9,
            deaths_left: Some(1),
            ..Attempts::default()
        };
        let killed = JobOutcome::Lost {
            reason: ExitReason::Requested { by: "you".into() },
            accepted: true,
        };
        assert!(attempts.again(&killed));
        attempts.stopped = true;
        assert!(!attempts.again(&lost(true)));
        assert_eq!(attempts.died_of_it, None);
    }

    #[test]
    fn output_that_was_seen_is_not_repeated() {
        let mut attempts = Attempts {
            retries: 5,
            streamed: true,
            ..Attempts::default()
        };
        assert!(!attempts.again(&lost(true)));
    }
}
