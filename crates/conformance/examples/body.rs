//! The body of a worker that the kit plays: the process that a host under test starts.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let socket = std::env::args_os().next_back().map(PathBuf::from);
    greenroom_conformance::host::body::run(&socket.unwrap_or_default())
}
