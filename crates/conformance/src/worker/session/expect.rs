//! What a case expects to come.

use std::process::ExitStatus;

use bytes::Bytes;
use greenroom_protocol::{CallRequest, JobFinished, Pong, ShuttingDown, WorkerMessage};

use super::{Messages, Session};
use crate::case::Finding;
use crate::words;
use crate::worker::case::Stop;

/// No case needs to see more messages before the end of a stream.
const MOST_BEFORE: usize = 10_000;

/// What a worker may say at any time, of its own accord.
pub(super) fn is_aside(message: &WorkerMessage) -> bool {
    matches!(
        message,
        WorkerMessage::Retire(_)
            | WorkerMessage::CallRequest(..)
            | WorkerMessage::ExtendDeadline(_)
    )
}

impl Session {
    /// The next message must be one of which `pick` makes something; asides are passed over.
    pub(crate) async fn expect<T>(
        &mut self,
        requirement: &'static str,
        expected: &str,
        mut pick: impl FnMut(&WorkerMessage) -> Option<T>,
    ) -> Result<T, Stop> {
        let deadline = self.deadline();
        loop {
            let message = self.next_by(deadline, requirement, expected).await?;
            if let Some(found) = pick(&message) {
                return Ok(found);
            }
            if !is_aside(&message) {
                let got = words::worker(&message);
                return Err(Stop::Fail(Finding::new(requirement, expected, got)));
            }
        }
    }

    /// Passes over messages until one comes of which `pick` makes something. All of them have one
    /// bound together.
    pub(crate) async fn until<T>(
        &mut self,
        requirement: &'static str,
        expected: &str,
        mut pick: impl FnMut(&WorkerMessage) -> Option<T>,
    ) -> Result<T, Stop> {
        let deadline = self.deadline();
        loop {
            let message = self.next_by(deadline, requirement, expected).await?;
            if let Some(found) = pick(&message) {
                return Ok(found);
            }
        }
    }

    /// Passes over messages until the `Pong` with this number.
    pub(crate) async fn expect_pong(&mut self, seq: u64) -> Result<Pong, Stop> {
        let expected = format!("Pong seq {seq}");
        self.until("GR-5.2-3", &expected, |message| match message {
            WorkerMessage::Pong(pong) if pong.seq == seq => Some(*pong),
            _ => None,
        })
        .await
    }

    /// Passes over messages until the next piece of output of this job.
    pub(crate) async fn expect_output(
        &mut self,
        job: u64,
        requirement: &'static str,
    ) -> Result<Bytes, Stop> {
        let expected = format!("JobOutput {job}");
        self.until(requirement, &expected, |message| match message {
            WorkerMessage::JobOutput(output, data) if output.job == job => Some(data.clone()),
            _ => None,
        })
        .await
    }

    /// Passes over messages until this job has ended. Grants no window: see
    /// [`finish_job`](Self::finish_job).
    pub(crate) async fn expect_finished(&mut self, job: u64) -> Result<(JobFinished, Bytes), Stop> {
        let expected = format!("JobFinished {job}");
        self.until("GR-5.4-2", &expected, |message| match message {
            WorkerMessage::JobFinished(finished, data) if finished.job == job => {
                Some((finished.clone(), data.clone()))
            }
            _ => None,
        })
        .await
    }

    /// Passes over messages until a call.
    pub(crate) async fn expect_call(&mut self) -> Result<(CallRequest, Bytes), Stop> {
        self.until("section 9.1", "CallRequest", |message| match message {
            WorkerMessage::CallRequest(request, data) => Some((request.clone(), data.clone())),
            _ => None,
        })
        .await
    }

    /// Passes over messages until the acknowledgement of `Shutdown`.
    pub(crate) async fn expect_shutting_down(&mut self) -> Result<ShuttingDown, Stop> {
        self.until("GR-5.3-2", "ShuttingDown", |message| match message {
            WorkerMessage::ShuttingDown(leaving) => Some(*leaving),
            _ => None,
        })
        .await
    }

    /// Waits for the end of the stream. Returns the messages before it, which the referee has checked:
    /// no asides, and at most the first 10,000.
    pub(crate) async fn expect_end(
        &mut self,
        requirement: &'static str,
        expected: &str,
    ) -> Result<Messages, Stop> {
        let deadline = self.deadline();
        let mut before = Messages::new();
        while let Some(message) = self.arrival(deadline, requirement, expected).await? {
            if before.len() < MOST_BEFORE && !is_aside(&message) {
                before.push(message);
            }
        }
        Ok(before)
    }

    /// Waits for the end of the process. Reads nothing meanwhile.
    pub(crate) async fn expect_exit(
        &mut self,
        requirement: &'static str,
        expected: &str,
    ) -> Result<ExitStatus, Stop> {
        let deadline = self.deadline();
        match self.exit_by(deadline).await {
            Some(exit) => Ok(exit),
            None => {
                let got = format!("a process that still lives after {:?}", self.timeout);
                Err(Stop::Fail(Finding::new(requirement, expected, got)))
            }
        }
    }

    /// After a violation of the kit: sends a `Ping` behind it, and waits until the worker has ended
    /// the connection. The `Ping` must not be answered. For half a frame, where a `Ping` would be
    /// taken for the rest of it, use [`expect_end`](Self::expect_end).
    pub(crate) async fn expect_refusal(&mut self) -> Result<(), Stop> {
        const EXPECTED: &str = "the end of the connection, and no word on what follows a violation";
        let seq = self.ping().await?;
        let deadline = self.deadline();
        while let Some(message) = self.arrival(deadline, "GR-1.3-4", EXPECTED).await? {
            if matches!(&message, WorkerMessage::Pong(pong) if pong.seq == seq) {
                let got = words::worker(&message);
                return Err(Stop::Fail(Finding::new("GR-1.3-4", EXPECTED, got)));
            }
        }
        Ok(())
    }
}
