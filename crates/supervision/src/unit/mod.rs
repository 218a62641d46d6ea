//! What a unit is: something that is started, watched and stopped under a name.
//!
//! Daemons, tasks and pools of workers are all units. The machine knows them by their policies
//! only; what they are made of is the driver's business.

mod descent;
mod ending;
mod expiry;
mod life;
mod look;
mod policy;
mod policy_check;
mod record;
mod report;
mod signs;
mod state;
mod stopping;
mod watch;
mod words;

pub(crate) use ending::{Halt, Next, Seen, Why};
pub use policy::{
    Activity, Check, Condition, Dependency, OnFailure, Readiness, UnitPolicy, UnitSpec,
};
pub(crate) use record::{Over, Stage, Unit};
pub use report::{Exit, UnitExit};
pub use state::{Run, UnitId, UnitKind, UnitState};
