//! A unit that is an async function of this process.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// Any error of a caller's own.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Running = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// An async function, started anew at each start. Its returned error and its panic are failures,
/// whose words are kept. When it is to end its token is cancelled; one that ignores that is named,
/// and abandoned after its stop ladder: nothing can end a future that does not yield.
///
/// ```
/// use greenroom::{Task, Unit};
/// let ticker = Unit::new("ticker", Task::new(async |token| {
///     token.cancelled().await;
///     Ok(())
/// }));
/// ```
#[derive(Clone)]
pub struct Task {
    pub(crate) start: Arc<dyn Fn(CancellationToken) -> Running + Send + Sync>,
}

impl Task {
    /// A task that runs what `function` gives.
    pub fn new<F, R>(function: F) -> Self
    where
        F: Fn(CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            start: Arc::new(move |token| Box::pin(function(token))),
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
