//! The smallest worker: it answers with its input in capitals.

use std::process::ExitCode;
use worker::JobContext;

fn main() -> ExitCode {
    worker::run(async |job: JobContext| job.input().to_ascii_uppercase())
}
