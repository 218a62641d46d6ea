//! What comes: frames into messages, each shown to the referee.

use std::io;

use greenroom_protocol::{DecodeError, Frame, FrameError, HEADER, WorkerMessage};
use tokio::time::{Instant, timeout_at};

use super::Session;
use crate::case::Finding;
use crate::fields::explain;
use crate::transcript::{Piece, What};
use crate::words;
use crate::worker::case::Stop;
use crate::worker::wire::Arrival;

/// How much of a received frame the transcript is shown.
const SHOWN: usize = 256;

impl Session {
    /// The next message, within the bound. The end of the stream is a failure.
    pub(crate) async fn next(
        &mut self,
        requirement: &'static str,
        expected: &str,
    ) -> Result<WorkerMessage, Stop> {
        let deadline = self.deadline();
        self.next_by(deadline, requirement, expected).await
    }

    /// As [`next`](Self::next), with a bound that several waits share.
    pub(crate) async fn next_by(
        &mut self,
        deadline: Instant,
        requirement: &'static str,
        expected: &str,
    ) -> Result<WorkerMessage, Stop> {
        match self.arrival(deadline, requirement, expected).await? {
            Some(message) => Ok(message),
            None => {
                // Says more than that the stream has ended.
                let exit = self.exit_by(Instant::now() + self.timeout / 4).await;
                let got = match exit {
                    Some(exit) => format!("the end of the stream; the process ended with {exit}"),
                    None => "the end of the stream; the process still lives".into(),
                };
                Err(Stop::Fail(Finding::new(requirement, expected, got)))
            }
        }
    }

    /// A bound from now on.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// The next message, checked by the referee, or `None` at the end of the stream.
    pub(crate) async fn arrival(
        &mut self,
        deadline: Instant,
        requirement: &'static str,
        expected: &str,
    ) -> Result<Option<WorkerMessage>, Stop> {
        loop {
            // A program that never stops sending keeps neither the bound nor other cases out.
            tokio::task::yield_now().await;
            let late = Instant::now() >= deadline && !self.wire.has_ended();
            let ended = self.wire.has_ended();
            let arrival = tokio::select! {
                biased;
                arrival = timeout_at(deadline, self.wire.read()) => arrival,
                Some(line) = self.process.line() => {
                    self.keep_line(line);
                    continue;
                }
            };
            self.take_lines();
            let Some(arrival) = arrival.ok().filter(|_| !late) else {
                let what = if late { "only other frames" } else { "nothing" };
                let got = format!("{what} within {:?}", self.timeout);
                self.note(format!("waited for {expected} ({requirement}): {got}"));
                return Err(Stop::Fail(Finding::new(requirement, expected, got)));
            };
            let frame = match arrival.map_err(|error| self.broken_socket(&error))? {
                Arrival::Frame(frame) => frame,
                Arrival::End => {
                    if !ended {
                        self.note("the worker has ended the connection");
                    }
                    return Ok(None);
                }
                Arrival::Broken(error, bytes) => return Err(self.not_a_frame(&error, &bytes)),
            };
            let bytes = frame_bytes(&frame);
            let length = HEADER + frame.body.len();
            let kind = frame.kind;
            let (number, body) = (frame.kind.0, frame.body.clone());
            let (meaning, message) = match WorkerMessage::decode(frame) {
                Ok(Some(message)) => (words::worker(&message), Ok(Some(message))),
                Ok(None) => (format!("{kind}, to be skipped"), Ok(None)),
                Err(error) => (format!("no message: {error}"), Err(error)),
            };
            self.transcript.add(What::Received(Piece {
                meaning,
                head: bytes,
                length,
            }));
            match message {
                Ok(Some(message)) => return self.check(message).map(Some),
                Ok(None) => {}
                Err(error) => return Err(not_a_message(&error, number, &body)),
            }
        }
    }

    fn check(&mut self, message: WorkerMessage) -> Result<WorkerMessage, Stop> {
        if let Err(finding) = self.referee.received(&message) {
            match Stop::from(finding) {
                Stop::NonStrict(finding) => self.remark(finding),
                stop => return Err(stop),
            }
        }
        if let WorkerMessage::InitializeResponse(_) = message
            && let Some(limits) = self.referee.limits()
        {
            self.wire.set_max_frame(limits.max_frame);
        }
        Ok(message)
    }

    fn not_a_frame(&mut self, error: &FrameError, bytes: &[u8]) -> Stop {
        let text = bytes.iter().take(4).all(|byte| matches!(byte, b' '..=b'~'));
        let meaning = if text && bytes.len() >= 4 {
            "no frame, but text: does something print to the socket?"
        } else {
            "no frame"
        };
        self.transcript
            .add(What::Received(Piece::new(meaning, bytes)));
        let expected = "a frame within the limit, or the end between two frames";
        Stop::Fail(Finding::new(
            error.requirement(),
            expected,
            error.to_string(),
        ))
    }

    /// A socket that fails in a way that is not its peer's end.
    pub(super) fn broken_socket(&mut self, error: &io::Error) -> Stop {
        self.note(format!("the socket failed: {error}"));
        let expected = "a stream socket that works";
        Stop::Fail(Finding::new("GR-1.2-1", expected, error.to_string()))
    }
}

/// In the text's own words, where they say more than those of the decoder.
fn not_a_message(error: &DecodeError, number: u16, body: &[u8]) -> Stop {
    let got = match error {
        DecodeError::Malformed { kind, .. }
        | DecodeError::NotCanonical { kind }
        | DecodeError::Trailing { kind, .. } => format!("{kind}: {}", explain(number, body)),
        DecodeError::UnknownType(_) | DecodeError::WrongDirection(_) => error.to_string(),
    };
    let expected = "a well-formed message of a worker";
    Stop::Fail(Finding::new(error.requirement(), expected, got))
}

/// The beginning of the frame as it came.
fn frame_bytes(frame: &Frame) -> Vec<u8> {
    let length = u32::try_from(frame.body.len() + 2).unwrap_or(u32::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(frame.kind.0.to_le_bytes());
    let shown = frame.body.len().min(SHOWN - bytes.len());
    bytes.extend(&frame.body[..shown]);
    bytes
}
