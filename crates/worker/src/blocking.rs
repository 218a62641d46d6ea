//! Handlers that are plain functions.

use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Failure, Handler, IntoOutput, JobContext};

/// As [`run`](crate::run), for a handler that is a plain function. Each job has a thread of its own
/// while it runs, so pings are answered however long it takes.
///
/// Such a job cannot be dropped halfway: when it is cancelled, it must look at
/// [`JobContext::is_cancelled`] now and then and return. Awaiting is done with
/// [`JobContext::block_on`].
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     worker::run_blocking(|job: worker::JobContext| job.input().to_ascii_uppercase())
/// }
/// ```
pub fn run_blocking<F, R>(handler: F) -> ExitCode
where
    F: Fn(JobContext) -> R + Send + Sync + 'static,
    R: IntoOutput,
{
    crate::run(Blocking(Arc::new(handler)))
}

struct Blocking<F>(Arc<F>);

impl<F, R> Handler for Blocking<F>
where
    F: Fn(JobContext) -> R + Send + Sync + 'static,
    R: IntoOutput,
{
    async fn handle(&self, job: JobContext) -> Result<Bytes, Failure> {
        let (handler, context) = (Arc::clone(&self.0), job.clone());
        job.run_blocking(move || handler(context).into_output())
            .await
    }
}
