//! The cases, a file for each theme.

mod bodies;
mod calls;
mod deadlines;
mod environment;
mod frames;
mod handshake;
mod jobs;
mod logs;
mod output;
mod pings;
mod retire;
mod shutdown;
mod stacks;
mod stream;
mod types;
mod vectors;

use super::case::WorkerCase;

/// All of them, in the order of the sections that they are about.
pub(super) fn all() -> Vec<WorkerCase> {
    [
        environment::cases(),
        stream::cases(),
        frames::cases(),
        types::cases(),
        bodies::cases(),
        handshake::cases(),
        pings::cases(),
        shutdown::cases(),
        jobs::cases(),
        output::cases(),
        calls::cases(),
        deadlines::cases(),
        retire::cases(),
        stacks::cases(),
        logs::cases(),
    ]
    .concat()
}
