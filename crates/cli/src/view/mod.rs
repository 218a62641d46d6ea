//! What the program tells others: the same types for `--json`, for the control socket and for
//! tables. They are the program's own, so that a change in the library breaks no script.
//!
//! Times are milliseconds (`…_ms`) or RFC 3339 (`time`, `started`, `ended`), sizes are bytes.
//! Arguments and environment of units are in none of them.

mod event;
mod line;
mod plan;
mod report;
mod unit;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

pub(crate) use event::{EventView, why};
pub(crate) use line::LineView;
pub(crate) use plan::{Change, PlanView};
pub(crate) use report::ReportView;
pub(crate) use unit::UnitView;

/// The moment in which a supervisor was made, by both clocks: what it says counts from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(SystemTime);

impl Origin {
    pub(crate) fn now() -> Self {
        Self(SystemTime::now())
    }

    /// The wall-clock time of something.
    pub(crate) fn time(self, at: Duration) -> Timestamp {
        timestamp(self.0 + at)
    }
}

/// For people, to the millisecond.
fn timestamp(time: SystemTime) -> Timestamp {
    let exact = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    let millis = exact.as_millisecond();
    Timestamp::from_millisecond(millis).unwrap_or(exact)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
