//! The end of a case: whether the connection and the process end as they must.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use greenroom_protocol::{HostMessage, Shutdown, ShutdownReason, WorkerMessage};
use rustix::process::Signal;
use tokio::time::Instant;

use super::Session;
use crate::case::{Finding, Verdict};
use crate::worker::case::{Closing, Stop};

/// What a worker has to leave in. Jobs that do not end are cut off within it.
const GRACE: Duration = Duration::from_millis(1_500);

/// Whether a process ended because it could not go on, and not because it was told to.
pub(crate) fn crashed(exit: ExitStatus) -> bool {
    let crashes = [
        Signal::SEGV,
        Signal::ABORT,
        Signal::BUS,
        Signal::ILL,
        Signal::FPE,
    ];
    let signal = exit.signal();
    crashes.iter().any(|crash| signal == Some(crash.as_raw()))
}

impl Session {
    /// Asks the worker to leave, as the orderly closing does.
    pub(crate) async fn shut_down(&mut self, grace: Duration) -> Result<(), Stop> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let reason = ShutdownReason::REQUESTED;
        self.send(HostMessage::Shutdown(Shutdown { reason, grace_ms }))
            .await
    }

    /// Judges the end, whatever has been seen of it already.
    pub(crate) async fn close(&mut self) -> Verdict {
        let result = match self.closing {
            Closing::Orderly => self.close_orderly().await,
            Closing::Refused => self.close_refused().await,
            Closing::HostGone => self.close_gone().await,
            Closing::Judged => Ok(()),
        };
        result.map_or_else(Verdict::from, |()| Verdict::Pass)
    }

    async fn close_orderly(&mut self) -> Result<(), Stop> {
        if !self.referee.asked_to_leave() {
            if !self.referee.has_begun() {
                // Nothing but a request may come first, so there is nobody to say good-bye to.
                return self.close_gone().await;
            }
            self.shut_down(GRACE).await?;
        }
        // The grace is the worker's; the rest is for a machine that is busy.
        let deadline = Instant::now() + GRACE + self.timeout / 2;
        if self.referee.owes_acknowledgement() && !self.referee.said_goodbye() {
            self.until_by(deadline, "GR-5.3-2", "ShuttingDown", |message| {
                matches!(message, WorkerMessage::ShuttingDown(_))
            })
            .await?;
        }
        if !self.referee.said_goodbye() {
            self.until_by(
                deadline,
                "GR-5.3-6",
                "Exiting as the last message",
                |message| matches!(message, WorkerMessage::Exiting(_)),
            )
            .await?;
        }
        let unfinished = self.referee.running();
        self.end_by(deadline, "GR-5.3-4", "the end of the stream after Exiting")
            .await?;
        let Some(exit) = self.exit_by(deadline).await else {
            let expected = format!("exit within the grace, {GRACE:?}");
            let got = "a process that still lives";
            return Err(Stop::Fail(Finding::new("GR-5.3-4", expected, got)));
        };
        if exit.code() != Some(0) {
            let got = exit.to_string();
            return Err(Stop::Fail(Finding::new("GR-5.3-7", "exit with 0", got)));
        }
        if unfinished > 0 {
            let expected = "JobFinished for each job that ran, before Exiting";
            let got = format!("Exiting with {unfinished} jobs that run");
            return Err(Stop::NonStrict(Finding::new("GR-5.3-5", expected, got)));
        }
        Ok(())
    }

    async fn close_refused(&mut self) -> Result<(), Stop> {
        let deadline = self.deadline();
        self.end_by(
            deadline,
            "GR-1.3-4",
            "the end of the connection after a violation",
        )
        .await?;
        self.hang_up();
        let expected = "exit, because the stream has ended";
        let exit = self.expect_exit("GR-1.3-2", expected).await?;
        if crashed(exit) {
            let expected = "a worker that ends the connection";
            let got = format!("a worker that crashed ({exit})");
            return Err(Stop::NonStrict(Finding::new("GR-1.3-4", expected, got)));
        }
        Ok(())
    }

    async fn close_gone(&mut self) -> Result<(), Stop> {
        self.hang_up();
        let expected = "exit, because the stream has ended";
        self.expect_exit("GR-1.3-2", expected).await.map(drop)
    }

    async fn until_by(
        &mut self,
        deadline: Instant,
        requirement: &'static str,
        expected: &str,
        found: impl Fn(&WorkerMessage) -> bool,
    ) -> Result<(), Stop> {
        while !found(&self.next_by(deadline, requirement, expected).await?) {}
        Ok(())
    }

    async fn end_by(
        &mut self,
        deadline: Instant,
        requirement: &'static str,
        expected: &str,
    ) -> Result<(), Stop> {
        while self
            .arrival(deadline, requirement, expected)
            .await?
            .is_some()
        {}
        Ok(())
    }
}
