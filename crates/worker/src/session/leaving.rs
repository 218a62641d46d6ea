//! The end of a session: told by the host, or because there is no host any more.

use std::rc::Rc;
use std::time::Duration;

use greenroom_protocol::{Exiting, Shutdown, ShutdownReason, ShuttingDown, WorkerMessage};
use tokio::time::Instant;

use super::Session;
use crate::Handler;
use crate::connection::Fault;
use crate::guard::LAST_WORDS;
use crate::run::End;
use crate::watched::Watched;

/// How much of the time to leave handlers have: the rest is for their callbacks.
pub(super) fn handlers_share(grace: Duration) -> Duration {
    grace / 5 * 3
}

impl<H: Handler> Session<H> {
    pub(super) async fn shut_handler_down(&mut self, reason: ShutdownReason) -> Result<(), Fault> {
        let handler = Rc::clone(&self.handler);
        let mut work = Watched::new(async move { handler.shutdown(reason).await }, &self.lag);
        loop {
            tokio::select! {
                // A panic has been logged by the hook, and there is nothing to do but leave.
                _ = &mut work => return Ok(()),
                step = self.step() => step?,
            }
        }
    }

    pub(super) async fn say_goodbye(mut self, reason: ShutdownReason) -> Result<End, Fault> {
        if !self.connection.is_open() {
            return Ok(End::HostGone);
        }
        self.guard.stand_down();
        self.connection.send(&WorkerMessage::Exiting(Exiting {
            reason: format!("shutdown: {reason}"),
        }))?;
        self.connection.flush().await?;
        Ok(End::Left)
    }

    pub(super) fn on_shutdown(&mut self, shutdown: Shutdown) -> Result<(), Fault> {
        self.begin_shutdown(shutdown.reason, Duration::from_millis(shutdown.grace_ms));
        self.connection
            .send(&WorkerMessage::ShuttingDown(ShuttingDown {
                jobs: self.jobs(),
            }))?;
        let never_started: Vec<u64> = self.assembling.drain().map(|(job, _)| job).collect();
        for job in never_started {
            self.reject(job, "the worker is shutting down")?;
        }
        Ok(())
    }

    /// Told twice, the first reason and the earlier cut-off count.
    fn begin_shutdown(&mut self, reason: ShutdownReason, grace: Duration) {
        self.link.shutdown.raise(reason);
        // A grace beyond the clock's end is no bound.
        let cut_off = Instant::now().checked_add(handlers_share(grace));
        self.cut_off = self.cut_off.into_iter().chain(cut_off).min();
    }

    /// The jobs end as if told to shut down, with what the guard gives them; nothing reaches anybody.
    pub(super) fn host_gone(&mut self) {
        self.connection.hang_up();
        self.commands.close();
        self.link.call_places.close();
        self.calls.clear();
        self.assembling.clear();
        for (job, _) in self.announced.drain(..) {
            self.running.remove(&job.state.number());
        }
        for state in self.running.values() {
            state.window.close();
        }
        self.begin_shutdown(ShutdownReason::HOST_GONE, LAST_WORDS);
    }

    pub(super) fn drop_handlers(&mut self) {
        self.cut_off = None;
        for state in self.running.values() {
            state.drop_now.raise(());
        }
    }
}
