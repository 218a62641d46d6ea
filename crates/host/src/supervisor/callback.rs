//! Callbacks: a user's code that can neither block nor break the supervisor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::UnitReport;
use crate::unit::Callback;

/// How many may run at a time. One that never returns keeps its place for ever.
const AT_A_TIME: usize = 16;

/// Runs callbacks, each on a thread of its own that nobody waits for: a runtime that shuts down
/// would wait for those that it lends.
pub(super) struct Callbacks {
    places: Arc<Semaphore>,
}

impl Callbacks {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    pub(super) fn call(&self, which: &'static str, callback: Callback, report: Arc<UnitReport>) {
        let unit = report.exit.name.clone();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::error!(
                unit,
                which,
                "{AT_A_TIME} callbacks have not returned: this is left out"
            );
            return;
        };
        let name = unit.clone();
        let thread = std::thread::Builder::new().name("greenroom-callback".into());
        let started = thread.spawn(move || {
            let called = catch_unwind(AssertUnwindSafe(|| callback(&report)));
            if called.is_err() {
                tracing::error!(unit, which, "a callback panicked");
            }
            // Its captured values are dropped within its place as well.
            drop((callback, report, place));
        });
        if let Err(error) = started {
            tracing::error!(unit = name, which, %error, "no thread for a callback: it is left out");
        }
    }
}
