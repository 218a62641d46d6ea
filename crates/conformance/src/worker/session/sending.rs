//! What the kit sends: messages whole or in pieces, and bytes that are none.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use greenroom_protocol::HostMessage;
use tokio::time::timeout;

use super::Session;
use crate::case::Finding;
use crate::transcript::{Piece, What};
use crate::words;
use crate::worker::case::Stop;
use crate::worker::wire::Sent;

/// Between two pieces of a message.
const PACE: Duration = Duration::from_millis(1);

/// So many messages of one write are named in the transcript.
const SPELLED: usize = 4;

/// How a stream of messages is cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All in one write.
    Nowhere,
    /// Before the byte with this index, counted over all messages.
    Before(usize),
    /// A write for each byte.
    Everywhere,
}

/// Parts of messages that are not sent yet.
#[derive(Debug)]
pub(crate) struct Parts(VecDeque<(String, BytesMut)>);

impl Session {
    /// Sends a message whole. The kit reads nothing meanwhile: a worker goes on reading. If the worker
    /// has closed the connection, that is noted, and seen by whoever receives next.
    pub(crate) async fn send(&mut self, message: HostMessage) -> Result<(), Stop> {
        self.send_torn(&[message], Cut::Nowhere).await
    }

    /// Sends messages, cut as told. Each piece is a write of its own.
    pub(crate) async fn send_torn(
        &mut self,
        messages: &[HostMessage],
        cut: Cut,
    ) -> Result<(), Stop> {
        match cut {
            Cut::Nowhere => {
                let (meaning, bytes) = self.announce(messages);
                self.send_raw(meaning, &bytes).await
            }
            Cut::Before(index) => {
                let mut parts = self.split(messages, index);
                self.send_part(&mut parts).await?;
                self.let_it_arrive().await;
                self.send_part(&mut parts).await
            }
            Cut::Everywhere => {
                let (meaning, bytes) = self.announce(messages);
                self.record(format!("byte by byte: {meaning}"), &bytes);
                for byte in bytes.chunks(1) {
                    self.write(byte).await?;
                    self.let_it_arrive().await;
                }
                Ok(())
            }
        }
    }

    /// Messages in two parts, for [`send_part`](Self::send_part): the second begins with the byte that
    /// has this index.
    pub(crate) fn split(&mut self, messages: &[HostMessage], index: usize) -> Parts {
        let (meaning, bytes) = self.announce(messages);
        let mut head = bytes;
        let rest = head.split_off(index.min(head.len()));
        Parts(VecDeque::from([
            (format!("the beginning of {meaning}"), head),
            ("the rest of it".to_owned(), rest),
        ]))
    }

    /// Sends the next part; nothing if there is none.
    pub(crate) async fn send_part(&mut self, parts: &mut Parts) -> Result<(), Stop> {
        match parts.0.pop_front() {
            Some((meaning, bytes)) => self.send_raw(meaning, &bytes).await,
            None => Ok(()),
        }
    }

    /// The bytes of messages, of which the referee is told, and what they are.
    fn announce(&mut self, messages: &[HostMessage]) -> (String, BytesMut) {
        let mut bytes = BytesMut::new();
        let mut meanings = Vec::new();
        for message in messages {
            let frame = message.encode().expect("cases send what fits");
            frame.write_to(&mut bytes);
            meanings.push(words::host(message));
            self.referee.sent(message);
        }
        let more = meanings.len().saturating_sub(SPELLED);
        meanings.truncate(SPELLED);
        let mut meaning = meanings.join(" · ");
        if more > 0 {
            meaning.push_str(&format!(" · and {more} more"));
        }
        (meaning, bytes)
    }

    /// Sends bytes of which the referee knows nothing: those that are wrong, or half a frame.
    pub(crate) async fn send_raw(
        &mut self,
        meaning: impl Into<String>,
        bytes: &[u8],
    ) -> Result<(), Stop> {
        self.record(meaning.into(), bytes);
        self.write(bytes).await
    }

    /// A whole frame with any type and body, of which the referee knows nothing.
    pub(crate) async fn send_frame(
        &mut self,
        meaning: impl Into<String>,
        kind: u16,
        body: &[u8],
    ) -> Result<(), Stop> {
        self.send_raw(meaning, &frame(kind, body)).await
    }

    /// The worker reads the end of the stream from now on, and the kit still reads what comes.
    pub(crate) fn half_close(&mut self) -> Result<(), Stop> {
        self.note("the kit closes its sending half");
        let result = self.wire.half_close();
        result.map_err(|error| self.broken_socket(&error))
    }

    /// The host is gone: the kit closes its end. If something is there that it has not read, that
    /// resets the connection.
    pub(crate) fn hang_up(&mut self) {
        self.note("the kit closes the connection");
        self.wire.close();
    }

    /// Waits, within the bound, until something has come, and leaves it unread.
    pub(crate) async fn something_unread(
        &mut self,
        requirement: &'static str,
        expected: &str,
    ) -> Result<(), Stop> {
        match timeout(self.timeout, self.wire.something_unread()).await {
            Ok(result) => result.map_err(|error| self.broken_socket(&error)),
            Err(_) => {
                let got = format!("nothing within {:?}", self.timeout);
                Err(Stop::Fail(Finding::new(requirement, expected, got)))
            }
        }
    }

    fn record(&mut self, meaning: String, bytes: &[u8]) {
        self.take_lines();
        self.transcript.add(What::Sent(Piece::new(meaning, bytes)));
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match timeout(self.timeout, self.wire.write(bytes)).await {
            Ok(Ok(Sent::All)) => Ok(()),
            Ok(Ok(Sent::NobodyReads)) => {
                self.note("not sent: the worker has closed the connection");
                Ok(())
            }
            Ok(Err(error)) => Err(self.broken_socket(&error)),
            Err(_) => Err(Stop::Fail(Finding::new(
                "GR-1.3-1",
                "a worker that reads what the host sends",
                format!("a socket that takes no more bytes for {:?}", self.timeout),
            ))),
        }
    }

    /// A slow host, so that pieces are read apart. Nothing depends on it.
    async fn let_it_arrive(&self) {
        tokio::time::sleep(PACE).await;
    }
}

/// A frame with any type and body.
pub(crate) fn frame(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 2).expect("cases send what fits");
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(kind.to_le_bytes());
    bytes.extend(body);
    bytes
}
