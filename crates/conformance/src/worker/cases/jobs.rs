//! Jobs: their beginning, input and end (section 5.4).

mod begin;
mod cancel;
mod end;
mod input;
pub(super) mod judge;
mod slots;

use crate::worker::case::WorkerCase;

pub(super) fn cases() -> Vec<WorkerCase> {
    [
        begin::cases(),
        input::cases(),
        end::cases(),
        cancel::cases(),
        slots::cases(),
    ]
    .concat()
}
