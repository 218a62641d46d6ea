//! The order that a run is to end: why, and what comes after it.

use std::time::Duration;

use super::descent::Descent;
use crate::exit::{ExitReason, ExitStatus};
use crate::restart::{ExitClass, Exits};
use crate::text::{Span, harmless};
use crate::unit::{Exit, UnitId};
use crate::{SpawnFailure, Time};

/// The longest text of a unit that is kept, in bytes.
pub(crate) const WORDS: usize = 4096;

/// Why a run is to end. Whoever wants it first says so.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// Somebody wanted it.
    Request { by: String },
    /// A member of its group has ended.
    Group { culprit: String },
    /// It has broken one of its limits: that is why it ended, whatever the system says then.
    Fault(ExitReason),
}

impl Why {
    /// In words for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Request { by } => by.clone(),
            Self::Group { culprit } => format!("its group restarts, because {culprit} ended"),
            Self::Fault(reason @ ExitReason::CheckFailed { .. }) => reason.to_string(),
            Self::Fault(reason) => format!("it {reason}"),
        }
    }
}

/// Why a unit is stopped and stays so.
#[derive(Clone, Debug)]
pub(crate) enum Halt {
    NotStarted,
    Requested {
        by: String,
    },
    /// Everything was stopped.
    Shutdown {
        why: String,
    },
    /// Another member of its group was given up. If that one is retried, so is this.
    GroupGaveUp {
        culprit: UnitId,
        why: String,
    },
}

/// What follows when a run is over.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// Its restart policy decides.
    Policy,
    /// It starts again at once: a person wants it.
    Start,
    /// It starts again with its group.
    Group,
    /// It stays stopped.
    Stay(Halt),
}

/// The order to end. Its ladder begins when it is its turn.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) why: Why,
    pub(crate) next: Next,
    pub(crate) since: Time,
    pub(crate) descent: Option<Descent>,
}

/// How a run was seen to end.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Exit(Exit),
    SpawnFailed(SpawnFailure),
    Abandoned,
}

impl Seen {
    pub(super) fn status(&self) -> Option<ExitStatus> {
        match self {
            Self::Exit(Exit::Process(status)) => Some(*status),
            _ => None,
        }
    }

    /// What it looks like if nobody had a hand in it.
    fn reason(self) -> ExitReason {
        match self {
            Self::Exit(Exit::Process(ExitStatus::Code(0)) | Exit::Returned) => ExitReason::Clean,
            Self::Exit(Exit::Process(ExitStatus::Code(code))) => ExitReason::Code { code },
            Self::Exit(Exit::Process(ExitStatus::Signal { signal, core })) => {
                ExitReason::Signal { signal, core }
            }
            Self::Exit(Exit::Process(ExitStatus::OutOfMemory)) => ExitReason::OutOfMemory,
            Self::Exit(Exit::Failed(message)) => ExitReason::Failed {
                message: harmless(&message, WORDS),
            },
            Self::Exit(Exit::Panicked(message)) => ExitReason::Panicked {
                message: harmless(&message, WORDS),
            },
            Self::SpawnFailed(failure) => ExitReason::SpawnFailed(failure),
            Self::Abandoned => ExitReason::Abandoned {
                after: Duration::ZERO,
            },
        }
    }
}

/// Why a run is gone, and what that means. One that was told to end is a success if that was not
/// its own fault. One whose turn had not come when it left has left by itself.
pub(super) fn judge(
    seen: Seen,
    ending: Option<&Ending>,
    now: Time,
    exits: &Exits,
) -> (ExitReason, ExitClass) {
    let status = seen.status();
    let begun = ending.and_then(|ending| Some((ending, ending.descent.as_ref()?)));
    let abandoned = matches!(seen, Seen::Abandoned);
    let reason = match begun {
        _ if abandoned => {
            let since = ending.map_or(now, |ending| {
                let descent = ending.descent.as_ref();
                descent.map_or(ending.since, Descent::begun)
            });
            ExitReason::Abandoned { after: now - since }
        }
        None => seen.reason(),
        Some((ending, descent)) => match &ending.why {
            Why::Fault(reason) => reason.clone(),
            Why::Group { culprit } => ExitReason::GroupRestart {
                culprit: culprit.clone(),
            },
            Why::Request { by } if descent.killed_at_once() => {
                ExitReason::Requested { by: by.clone() }
            }
            Why::Request { .. } => match descent.killed_after() {
                Some(after) => ExitReason::CloseTimeout { after },
                None => seen.reason(),
            },
        },
    };
    let wanted = match ending.map(|ending| &ending.why) {
        Some(Why::Fault(_)) | None => false,
        Some(Why::Request { .. } | Why::Group { .. }) => begun.is_some() || abandoned,
    };
    let class = if wanted {
        ExitClass::Success
    } else {
        exits.classify(&reason, status)
    };
    (reason, class)
}

impl Halt {
    /// Whether this is as somebody wanted it.
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self, Self::GroupGaveUp { .. })
    }

    /// In words for people. `last` is how its last run ended, if it did not simply stop.
    pub(crate) fn describe(&self, last: Option<&ExitReason>) -> String {
        let mut words = match self {
            Self::NotStarted => "was not started yet".to_owned(),
            Self::Requested { by } => format!("was stopped: {by}"),
            Self::Shutdown { why } => format!("everything was stopped: {why}"),
            Self::GroupGaveUp { why, .. } => why.clone(),
        };
        match last {
            Some(ExitReason::Abandoned { after }) => {
                let after = Span(*after);
                words.push_str(&format!(
                    "; it did not end within {after} and was abandoned"
                ));
            }
            Some(ExitReason::CloseTimeout { after }) => {
                let after = Span(*after);
                words.push_str(&format!("; it did not leave within {after} and was killed"));
            }
            _ => {}
        }
        words
    }
}
