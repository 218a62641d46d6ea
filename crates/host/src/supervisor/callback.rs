//! Callbacks: a user's code that can neither block nor break the supervisor.

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::UnitReport;
use crate::unit::Callback;

/// How many may run at a time. One that never returns keeps its place for ever.
const AT_A_TIME: usize = 16;
/// How many may wait for a place.
const WAITING: usize = 1_024;

/// Runs callbacks, those of one unit one after another, on threads that nobody waits for: a runtime
/// that shuts down would wait for those that it lends. A thread ends when there is nothing for it.
pub(super) struct Callbacks {
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls(Mutex<State>);

/// Whoever is in it is there for moments, and runs no callback.
#[derive(Default)]
struct State {
    waiting: VecDeque<Call>,
    /// The units whose callbacks run.
    running: BTreeSet<Arc<str>>,
    /// Threads that run one, or are about to look for one.
    threads: usize,
}

struct Call {
    unit: Arc<str>,
    which: &'static str,
    callback: Callback,
    report: Arc<UnitReport>,
}

impl Callbacks {
    pub(super) fn new() -> Self {
        Self {
            calls: Arc::default(),
        }
    }

    pub(super) fn call(
        &self,
        unit: &Arc<str>,
        which: &'static str,
        callback: Callback,
        report: Arc<UnitReport>,
    ) {
        let mut state = self.calls.lock();
        if state.waiting.len() >= WAITING {
            drop(state);
            tracing::error!(
                unit = &**unit,
                which,
                "{WAITING} callbacks wait for {AT_A_TIME} that have not returned: this is left out"
            );
            return;
        }
        state.waiting.push_back(Call {
            unit: Arc::clone(unit),
            which,
            callback,
            report,
        });
        // Those that run look for more when they are done.
        if state.threads == AT_A_TIME {
            return;
        }
        let calls = Arc::clone(&self.calls);
        let thread = std::thread::Builder::new().name("greenroom-callback".into());
        match thread.spawn(move || calls.serve()) {
            Ok(_) => state.threads += 1,
            Err(error) if state.threads > 0 => {
                tracing::debug!(%error, "no further thread for callbacks");
            }
            Err(error) => {
                let left_out = state.waiting.pop_back();
                drop(state);
                drop(left_out);
                tracing::error!(
                    unit = &**unit,
                    which,
                    %error,
                    "no thread for a callback: it is left out"
                );
            }
        }
    }
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until nothing is left that may run now.
    fn serve(&self) {
        loop {
            let mut state = self.lock();
            let Some(call) = state.next() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            let unit = Arc::clone(&call.unit);
            call.run();
            self.lock().running.remove(&unit);
        }
    }
}

impl State {
    /// The first of a unit none of whose callbacks runs. Who runs one of the others looks again
    /// when it is done, so that nobody is forgotten.
    fn next(&mut self) -> Option<Call> {
        let free = |call: &Call| !self.running.contains(&call.unit);
        let position = self.waiting.iter().position(free)?;
        let call = self.waiting.remove(position)?;
        self.running.insert(Arc::clone(&call.unit));
        Some(call)
    }
}

impl Call {
    /// What the callback has captured is dropped within its place as well.
    fn run(self) {
        let Self {
            unit,
            which,
            callback,
            report,
        } = self;
        let called = catch_unwind(AssertUnwindSafe(move || {
            callback(&report);
            drop((callback, report));
        }));
        if called.is_err() {
            // The subscriber is a user's code too.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                tracing::error!(unit = &*unit, which, "a callback panicked");
            }));
        }
    }
}
