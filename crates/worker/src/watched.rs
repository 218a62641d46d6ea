//! The author's code as a future that cannot panic and whose polls are timed.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::panics::{self, Panic};

/// The longest poll of the author's code since the last pong: for so long the loop that answers
/// pings could not run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lag(Rc<Cell<Duration>>);

impl Lag {
    fn note(&self, poll: Duration) {
        self.0.set(self.0.get().max(poll));
    }

    /// In microseconds; begins anew.
    pub(crate) fn take_us(&self) -> u64 {
        u64::try_from(self.0.take().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A future of the author's, on the heap so that it can be dropped early and under guard.
pub(crate) struct Watched<'a, T> {
    work: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    lag: Lag,
}

impl<'a, T> Watched<'a, T> {
    pub(crate) fn new(work: impl Future<Output = T> + 'a, lag: &Lag) -> Self {
        Self {
            work: Some(Box::pin(work)),
            lag: lag.clone(),
        }
    }

    /// Drops the future where it stands. A panic of a destructor has been logged by the hook, and
    /// changes nothing more.
    pub(crate) fn abandon(&mut self) {
        let work = self.work.take();
        if panics::catch(move || drop(work)).is_err() {
            tracing::debug!(target: "worker", "dropping an unfinished handler panicked");
        }
    }
}

impl<T> Future for Watched<'_, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut work) = self.work.take() else {
            // Ended or abandoned: there is nothing to wait for.
            return Poll::Pending;
        };
        let begun = Instant::now();
        // The future is dropped inside too: its destructors are the author's code.
        let polled = panics::catch(|| match work.as_mut().poll(context) {
            Poll::Ready(output) => {
                drop(work);
                Ok(output)
            }
            Poll::Pending => Err(work),
        });
        self.lag.note(begun.elapsed());
        match polled {
            Ok(Ok(output)) => Poll::Ready(Ok(output)),
            Ok(Err(unfinished)) => {
                self.work = Some(unfinished);
                Poll::Pending
            }
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
