//! Panics: where they happened, and how they are kept from ending more than one job.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};

use crate::Failure;

use greenroom_protocol::FailureKind;

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panic {
    message: String,
    /// `file:line:column`, unless it was raised without running the hook.
    location: Option<String>,
}

thread_local! {
    /// The hook runs on the panicking thread, before the unwinding: what it saw waits here for
    /// whoever catches.
    static LAST: Cell<Option<Panic>> = const { Cell::new(None) };
}

/// From now on a panic is one log record and a remembered location, nothing else.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let panic = Panic {
            message: text(info.payload()),
            location: info.location().map(ToString::to_string),
        };
        tracing::error!(target: "worker", "panic: {panic}");
        LAST.set(Some(panic));
    }));
}

/// Runs `f` and catches its panic. What `f` leaves half changed must not be used afterwards.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    // One that somebody else has caught is not ours to report.
    LAST.take();
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| match payload.downcast::<Panic>() {
        Ok(resumed) => *resumed,
        Err(payload) => LAST.take().unwrap_or_else(|| Panic {
            message: text(&*payload),
            location: None,
        }),
    })
}

impl Panic {
    /// Goes on unwinding, on whichever thread this is.
    pub(crate) fn resume(self) -> ! {
        resume_unwind(Box::new(self))
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.location {
            Some(location) => write!(f, ", at {location}"),
            None => Ok(()),
        }
    }
}

impl From<Panic> for Failure {
    fn from(panic: Panic) -> Self {
        Self {
            kind: FailureKind::PANIC,
            ..Self::new(panic.to_string())
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".into())
}
