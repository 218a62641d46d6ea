//! Whether a unit that has ended is started again, when, and when no more.
//!
//! Three counts are kept apart, because mixing them is how other supervisors restart for ever:
//!
//! * **Lifetime**: all restarts since the unit was added. For people; nothing resets it.
//! * **Window**: the restarts of the last [`window`](RestartPolicy::window). One more than
//!   [`max_restarts`](RestartPolicy::max_restarts) gives the unit up. Only time and a person's
//!   command empty it, or the unit's own retry after a give-up: a start that succeeds does not.
//! * **Failures in a row**: what the backoff doubles by. Reset by having been *ready* for
//!   [`reset_after`](RestartPolicy::reset_after) at a stretch.

mod classify;
mod policy;
mod window;

pub use classify::{ExitClass, ExitMatch, Exits};
pub(crate) use policy::check_limit;
pub use policy::{MAX_RESTARTS, Restart, RestartPolicy};
pub(crate) use window::Window;
