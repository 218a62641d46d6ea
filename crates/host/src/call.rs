//! Calls: a worker asks its host for something while it runs a job.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use greenroom_supervision::WorkerId;

/// What a worker asks for.
#[derive(Clone)]
#[non_exhaustive]
pub struct Call {
    /// Who asks.
    pub worker: WorkerId,
    /// What for.
    pub method: String,
    /// The argument, at most one frame (256 KiB by default).
    pub argument: Bytes,
}

/// Without the argument: it may hold secrets.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("worker", &self.worker)
            .field("method", &self.method)
            .field("argument_bytes", &self.argument.len())
            .finish()
    }
}

/// What serves a host's workers: an async closure, or a [`Pool`](crate::Pool) that runs each call
/// as a job named after the method.
///
/// At most `max_calls` (default 64) of one worker are under way at a time. A call ends when its
/// worker does: the future is dropped.
pub trait CallHandler: Send + Sync + 'static {
    /// Serves one call. The error's text goes to the worker.
    fn call(&self, call: Call) -> CallFuture;
}

/// The result of a call to come.
pub type CallFuture = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;

impl<F, R, T, E> CallHandler for F
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<T, E>> + Send + 'static,
    T: Into<Bytes>,
    E: fmt::Display,
{
    fn call(&self, call: Call) -> CallFuture {
        let served = self(call);
        Box::pin(async move {
            match served.await {
                Ok(result) => Ok(result.into()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}
