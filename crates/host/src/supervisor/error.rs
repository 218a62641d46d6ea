//! What can go wrong with a command to a supervisor.

use std::io;

use greenroom_supervision::PolicyError;
use greenroom_supervision::supervisor::SpecError;
use greenroom_supervision::unit::{UnitKind, UnitState};

use super::UnitStatus;

/// Why a command to a supervisor was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// There is no such unit.
    #[error("there is no unit {name}{}", nearest.as_ref().map(|nearest| format!(": did you mean {nearest}?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The unit whose name is most like it, if any is.
        nearest: Option<String>,
    },
    /// It cannot be as described, or the command does not fit its state.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A limit of the whole cannot work.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// This can be said of another kind of unit only.
    #[error("unit {unit} is a {kind}: {option} is for {} only", .right)]
    WrongKind {
        /// The unit.
        unit: String,
        /// What it is.
        kind: UnitKind,
        /// What was asked of it.
        option: &'static str,
        /// For which kind it is: `daemons`, `pools`.
        right: &'static str,
    },
    /// It does not run.
    #[error("unit {unit} is {state}, it has no process")]
    NotRunning {
        /// The unit.
        unit: String,
        /// Where it stands.
        state: UnitState,
    },
    /// It did not become ready.
    #[error("unit {} is {}: {}", .0.name, .0.state, .0.why)]
    NotReady(Box<UnitStatus>),
    /// It is still there.
    #[error("unit {} has not ended: {}", .0.name, .0.why)]
    NotStopped(Box<UnitStatus>),
    /// Its standard input is not a pipe.
    #[error("unit {unit} has no standard input to write to: set stdin on its Daemon")]
    NoStdin {
        /// The unit.
        unit: String,
    },
    /// The system refused.
    #[error("unit {unit}: {step}: {source}")]
    System {
        /// The unit.
        unit: String,
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The supervisor is gone: its runtime has ended, or its task has panicked, which a record of the
    /// log says.
    #[error("the supervisor is gone: its runtime has ended or its task has panicked")]
    HostEnded,
}

/// Why not every unit is ready.
#[derive(Debug, thiserror::Error)]
#[error("{}", describe(.not_ready))]
pub struct StartFailed {
    /// Those that are not ready, with the reason. None if the supervisor is gone.
    pub not_ready: Vec<UnitStatus>,
}

fn describe(not_ready: &[UnitStatus]) -> String {
    if not_ready.is_empty() {
        return UnitError::HostEnded.to_string();
    }
    let each = |unit: &UnitStatus| format!("unit {} is {}: {}", unit.name, unit.state, unit.why);
    not_ready.iter().map(each).collect::<Vec<_>>().join("; ")
}
