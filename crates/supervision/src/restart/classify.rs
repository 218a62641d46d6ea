//! What an end says about the unit: all is well, try again, or do not bother.

use crate::exit::{ExitReason, ExitStatus};

/// The class of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExitClass {
    /// It has done what it was for, or was told to end.
    Success,
    /// Another start may help.
    Failure,
    /// Another start can only fail again.
    Fatal,
}

/// One way to end that a user names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitMatch {
    /// An exit code.
    Code(i32),
    /// A signal's number.
    Signal(i32),
}

/// Which ends are of which class. What is not named: code 0 and a task that returned are a success,
/// a program that cannot be started because it is not there or not executable is fatal, all else
/// is a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Ends that count as success beside code 0.
    pub success: Vec<ExitMatch>,
    /// Ends after which it is not started again.
    pub fatal: Vec<ExitMatch>,
}

impl Exits {
    /// The class of an end. `reason` is why it ended, `status` what the system said of it.
    pub fn classify(&self, reason: &ExitReason, status: Option<ExitStatus>) -> ExitClass {
        let named = |list: &[ExitMatch]| {
            list.iter().any(|wanted| match (*wanted, status) {
                (ExitMatch::Code(wanted), Some(ExitStatus::Code(code))) => wanted == code,
                (ExitMatch::Signal(wanted), Some(ExitStatus::Signal { signal, .. })) => {
                    wanted == signal
                }
                _ => false,
            })
        };
        match reason {
            ExitReason::SpawnFailed(failure) if failure.permanent => ExitClass::Fatal,
            // Whatever the status of one that was ended for cause, it has failed.
            ExitReason::Clean | ExitReason::Code { .. } | ExitReason::Signal { .. }
                if named(&self.fatal) =>
            {
                ExitClass::Fatal
            }
            ExitReason::Clean | ExitReason::Code { code: 0 } => ExitClass::Success,
            ExitReason::Code { .. } | ExitReason::Signal { .. } if named(&self.success) => {
                ExitClass::Success
            }
            _ => ExitClass::Failure,
        }
    }
}
