//! Output and its window (section 5.5).

mod flow;
mod window;

use bytes::BytesMut;
use greenroom_protocol::{InitializeRequest, WorkerMessage};

use super::jobs::judge::{pattern, same};
use crate::case::Finding;
use crate::worker::case::{Stop, WorkerCase};
use crate::worker::session::{JobEnd, Session};

/// The smallest window that may be agreed on: each worker has at least this one.
const WINDOW: u32 = 65_536;

pub(super) fn cases() -> Vec<WorkerCase> {
    [flow::cases(), window::cases()].concat()
}

/// A request with the smallest window.
fn request(session: &Session) -> InitializeRequest {
    let mut request = session.request();
    request.limits.output_window = WINDOW;
    request
}

async fn ready_with_small_window(session: &mut Session) -> Result<(), Stop> {
    let request = request(session);
    session.ready_with(request, "").await.map(drop)
}

/// A job of `conformance.produce` of which the kit takes the output by hand.
struct Production {
    job: u64,
    size: usize,
    output: BytesMut,
    ended: bool,
}

impl Production {
    async fn start(session: &mut Session, size: usize, piece: usize) -> Result<Self, Stop> {
        let piece = piece.to_string();
        let job = session
            .start(
                "conformance.produce",
                size.to_string(),
                &[("piece", &piece)],
            )
            .await?;
        Ok(Self {
            job,
            size,
            output: BytesMut::new(),
            ended: false,
        })
    }

    /// Adds what is there of its output; returns how many bytes that was.
    fn take(&mut self, messages: &[WorkerMessage]) -> usize {
        let before = self.output.len();
        for message in messages {
            match message {
                WorkerMessage::JobOutput(piece, data) if piece.job == self.job => {
                    self.output.extend_from_slice(data);
                }
                WorkerMessage::JobFinished(finished, data) if finished.job == self.job => {
                    self.output.extend_from_slice(data);
                    self.ended = true;
                }
                _ => {}
            }
        }
        self.output.len() - before
    }

    /// Grants nothing until nothing more comes between two pongs. The referee sees if it is more than
    /// the window.
    async fn until_it_waits(&mut self, session: &mut Session) -> Result<(), Stop> {
        let expected = format!("JobOutput {}", self.job);
        while self.output.is_empty() && !self.ended {
            let message = session.next("section 9.1", &expected).await?;
            self.take(&[message]);
        }
        while !self.ended {
            let messages = session.barrier().await?;
            if self.take(&messages) == 0 {
                return Ok(());
            }
        }
        let expected = "JobOutput of as many bytes as `piece` says, until the window is used up";
        let got = format!("JobFinished {} and {} bytes", self.job, self.output.len());
        Err(Finding::new("section 9.1", expected, got).into())
    }

    /// Grants so much and then as the output is taken, until the job has ended. All of it must be
    /// there.
    async fn finish(mut self, session: &mut Session, credit: u32) -> Result<JobEnd, Stop> {
        if !self.ended {
            session.grant(self.job, credit).await?;
            let rest = session.finish_job(self.job).await?;
            self.output.extend_from_slice(&rest.output);
            if !rest.is_ok() {
                return Ok(rest);
            }
        }
        same("section 9.1", &pattern(self.size), &self.output)?;
        Ok(JobEnd {
            cancelled: false,
            failure: None,
            output: self.output.freeze(),
        })
    }

    /// As [`finish`](Self::finish), of a job that must end well.
    async fn finish_well(self, session: &mut Session, credit: u32) -> Result<(), Stop> {
        let end = self.finish(session, credit).await?;
        end.well("conformance.produce").map(drop)
    }
}
