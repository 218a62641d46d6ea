//! The order that a run is to end: why, and what comes after it.

use std::time::Duration;

use super::descent::Descent;
use crate::exit::{ExitReason, ExitStatus};
use crate::restart::{ExitClass, Exits};
use crate::text::{Span, harmless};
use crate::unit::{Exit, UnitExit, UnitId};
use crate::{SpawnFailure, Time};

/// The longest text of a unit that is kept, in bytes.
pub(crate) const WORDS: usize = 4096;

/// Why a run is to end. Whoever wants it first says so; only a kill for cause says it anew.
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
    /// It was stopped because of this member of its group, which is tried again meanwhile.
    ComeBack { culprit: String },
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

    /// What it looks like if nobody had a hand in it. `after`: how long one had that is let go of.
    fn reason(self, after: Option<Duration>) -> ExitReason {
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
                after: after.unwrap_or_default(),
            },
        }
    }
}

/// How a run ended, judged.
pub(super) struct Judgement {
    pub(super) reason: ExitReason,
    pub(super) class: ExitClass,
    pub(super) abandoned: Option<Duration>,
}

/// Why a run is gone, and what that means. One that was told to end is a success if that was not
/// its own fault. One whose turn had not come when it left has left by itself.
pub(super) fn judge(seen: Seen, ending: Option<&Ending>, now: Time, exits: &Exits) -> Judgement {
    let status = seen.status();
    let begun = ending.and_then(|ending| Some((ending, ending.descent.as_ref()?)));
    let abandoned = matches!(seen, Seen::Abandoned).then(|| {
        let ordered = ending.map_or(now, |ending| ending.since);
        now - begun.map_or(ordered, |(_, descent)| descent.begun())
    });
    let reason = match begun {
        None => seen.reason(abandoned),
        Some((ending, descent)) => match &ending.why {
            Why::Fault(reason) => reason.clone(),
            _ if abandoned.is_some() => seen.reason(abandoned),
            Why::Group { culprit } => ExitReason::GroupRestart {
                culprit: culprit.clone(),
            },
            Why::Request { by } if descent.killed_at_once() => {
                ExitReason::Requested { by: by.clone() }
            }
            Why::Request { .. } => match descent.killed_after(ending.since) {
                Some(after) => ExitReason::CloseTimeout { after },
                None => seen.reason(None),
            },
        },
    };
    let wanted = match ending.map(|ending| &ending.why) {
        Some(Why::Fault(_)) | None => false,
        Some(Why::Request { .. } | Why::Group { .. }) => begun.is_some() || abandoned.is_some(),
    };
    let class = if wanted {
        ExitClass::Success
    } else {
        exits.classify(&reason, status)
    };
    Judgement {
        reason,
        class,
        abandoned,
    }
}

impl Halt {
    /// Whether this is as somebody wanted it.
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self, Self::GroupGaveUp { .. })
    }

    /// In words for people. `last` is the run that it has ended, if it has ended one.
    pub(crate) fn describe(&self, last: Option<&UnitExit>) -> String {
        let words = match self {
            Self::NotStarted => "was not started yet".to_owned(),
            Self::Requested { by } => format!("was stopped: {by}"),
            Self::Shutdown { why } => format!("everything was stopped: {why}"),
            Self::GroupGaveUp { why, .. } => why.clone(),
        };
        match last.map(|exit| (exit.abandoned, &exit.reason)) {
            Some((Some(after), _)) => {
                let after = Span(after);
                format!("{words}; it did not end within {after} and was abandoned")
            }
            Some((None, ExitReason::CloseTimeout { after })) => {
                let after = Span(*after);
                format!("{words}; it did not leave within {after} and was killed")
            }
            _ => words,
        }
    }
}
