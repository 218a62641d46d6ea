//! How a unit is asked to end, ever more firmly.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::exit::SignalName;
use crate::policy_error::{PolicyError, check_span};

/// One thing to do to a unit that is to end.
#[derive(Clone, PartialEq, Eq)]
pub enum StopAction {
    /// Write this to its standard input: `q` is what ffmpeg waits for.
    Write(Bytes),
    /// Close its standard input.
    CloseStdin,
    /// Send this signal to its process group.
    Signal(i32),
    /// Tell it in its own way: a task's cancellation token, a pool's orderly close.
    Shutdown,
    /// Kill its process group; let go of a task.
    Kill,
}

/// One rung of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopStep {
    /// What to do.
    pub action: StopAction,
    /// How long it may take before the next rung.
    pub wait: Duration,
}

/// The rungs in order. A kill always comes last and need not be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopLadder {
    /// The steps before the kill; none kills at once.
    pub steps: Vec<StopStep>,
}

/// How long a killed process may take to be gone before people are told that it cannot be killed.
pub const KILL_WAIT: Duration = Duration::from_secs(2);

impl StopLadder {
    /// The default of a daemon: SIGTERM, and a kill after 10 s.
    pub fn terminate() -> Self {
        const SIGTERM: i32 = 15;
        Self::of(StopAction::Signal(SIGTERM), Duration::from_secs(10))
    }

    /// The default of a task and of a pool: tell it, and let go of it after 10 s.
    pub fn shutdown() -> Self {
        Self::of(StopAction::Shutdown, Duration::from_secs(10))
    }

    fn of(action: StopAction, wait: Duration) -> Self {
        Self {
            steps: vec![StopStep { action, wait }],
        }
    }

    /// How long all steps before the kill take together.
    pub fn total(&self) -> Duration {
        self.steps
            .iter()
            .fold(Duration::ZERO, |sum, step| sum.saturating_add(step.wait))
    }

    /// Refuses a kill before the end, signals that do not exist, and unusable waits.
    pub fn check(&self) -> Result<(), PolicyError> {
        for step in &self.steps {
            check_span("stop", step.wait)?;
            let advice = match &step.action {
                StopAction::Kill => "the kill comes last by itself: leave it out",
                StopAction::Signal(1..=64) => continue,
                StopAction::Signal(_) => "signals have the numbers 1 to 64",
                StopAction::Write(bytes) if bytes.is_empty() || bytes.len() > 4096 => {
                    "what is written must have 1 to 4096 bytes"
                }
                StopAction::Write(_) | StopAction::CloseStdin | StopAction::Shutdown => continue,
            };
            return Err(PolicyError::new("stop", step.action.to_string(), advice));
        }
        Ok(())
    }
}

/// As it is displayed: what is written may be a secret.
impl fmt::Debug for StopAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for StopAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What is written may be a secret.
            Self::Write(bytes) => write!(f, "{} bytes on stdin", bytes.len()),
            Self::CloseStdin => f.write_str("end of stdin"),
            Self::Signal(signal) => SignalName(*signal).fmt(f),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Kill => f.write_str("SIGKILL"),
        }
    }
}
