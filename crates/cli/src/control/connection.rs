//! One who is connected: greeted, heard and answered.
//!
//! A write that does not get through within [`SLOW`] ends the connection, unless it follows something:
//! people stop their terminals. For one that follows the host keeps a bounded number of lines; what it
//! misses of a stream is counted and said.

use std::io;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::lines::{LineError, Lines};
use super::message::{Answer, Failure, FailureKind, Hello, MAX_REQUEST, Request, VERSION};
use super::peer::Peer;
use crate::up::host::Host;
use crate::up::requests;

/// How long a client may take to greet.
const GREETING: Duration = Duration::from_secs(5);
/// How long it may take from one request to the next.
const IDLE: Duration = Duration::from_secs(60);
/// How long it may take to read a line.
const SLOW: Duration = Duration::from_secs(5);

/// Why a connection ends before the client ends it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cut {
    #[error("it does not read")]
    DoesNotRead,
    #[error("it is gone: {0}")]
    Gone(#[from] io::Error),
}

/// What goes out.
pub(crate) struct Answers {
    writer: WriteHalf<Stream>,
    /// Whether it may take its time to read.
    pub(crate) patient: bool,
}

/// What comes in.
pub(crate) type Requests = Lines<BufReader<ReadHalf<Stream>>>;

impl Answers {
    pub(crate) async fn send(&mut self, answer: &Answer) -> Result<(), Cut> {
        self.line(answer).await
    }

    pub(crate) async fn fail(&mut self, failure: Failure) -> Result<(), Cut> {
        self.send(&Answer::Error(failure)).await
    }

    async fn line(&mut self, line: &impl Serialize) -> Result<(), Cut> {
        let mut bytes = serde_json::to_vec(line).map_err(io::Error::from)?;
        bytes.push(b'\n');
        let write = self.writer.write_all(&bytes);
        if self.patient {
            return Ok(write.await?);
        }
        match timeout(SLOW, write).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Cut::DoesNotRead),
        }
    }
}

/// Talks to a client until one of both has had enough.
pub(crate) async fn serve(stream: Stream, peer: Peer, host: &Host) {
    let (mut requests, mut answers) = halves(stream);
    if let Err(cut) = talk(&mut requests, &mut answers, peer, host).await {
        match cut {
            Cut::DoesNotRead => {
                tracing::warn!(
                    pid = peer.pid,
                    "a control connection was cut: nobody reads it"
                );
            }
            Cut::Gone(error) => tracing::debug!(pid = peer.pid, %error, "a client is gone"),
        }
    }
}

/// Says why there will be no talk.
pub(crate) async fn turn_away(stream: Stream, failure: Failure) {
    let (_, mut answers) = halves(stream);
    let said = match answers.line(&Hello::ours()).await {
        Ok(()) => answers.fail(failure).await,
        cut => cut,
    };
    if let Err(cut) = said {
        tracing::debug!(%cut, "one who was refused has not heard why");
    }
}

fn halves(stream: Stream) -> (Requests, Answers) {
    let (reader, writer) = tokio::io::split(stream);
    (
        Lines::new(BufReader::new(reader), MAX_REQUEST),
        Answers {
            writer,
            patient: false,
        },
    )
}

async fn talk(
    requests: &mut Requests,
    answers: &mut Answers,
    peer: Peer,
    host: &Host,
) -> Result<(), Cut> {
    answers.line(&Hello::ours()).await?;
    match next(requests, GREETING)
        .await
        .and_then(|line| greeting(line.as_deref()))
    {
        Ok(()) => {}
        Err(failure) => return answers.fail(failure).await,
    }
    loop {
        let request = match next(requests, IDLE).await {
            Ok(Some(line)) => parse(&line),
            Ok(None) => return Ok(()),
            Err(failure) => return answers.fail(failure).await,
        };
        match request {
            Ok(request) => requests::answer(request, peer, requests, answers, host).await?,
            // What follows would be misunderstood, too.
            Err(failure) => return answers.fail(failure).await,
        }
    }
}

fn greeting(line: Option<&[u8]>) -> Result<(), Failure> {
    let hello = line.and_then(|line| serde_json::from_slice::<Hello>(line).ok());
    match hello {
        Some(Hello {
            greenroom: VERSION, ..
        }) => Ok(()),
        Some(Hello { greenroom, .. }) => Err(Failure::new(
            FailureKind::Version,
            format!(
                "you speak version {greenroom} of the control protocol, this supervisor speaks \
                 {VERSION}: use the greenroom that started it"
            ),
        )),
        None => Err(Failure::new(
            FailureKind::BadRequest,
            format!("the first line must be {{\"greenroom\":{VERSION}}}"),
        )),
    }
}

fn parse(line: &[u8]) -> Result<Request, Failure> {
    serde_json::from_slice(line).map_err(|error| {
        let message = format!("this is no request: {error}");
        Failure::new(FailureKind::BadRequest, greenroom::harmless(&message, 500))
    })
}

/// The next line, if it comes in time.
async fn next<R: AsyncRead + Unpin>(
    lines: &mut Lines<BufReader<R>>,
    limit: Duration,
) -> Result<Option<Vec<u8>>, Failure> {
    match timeout(limit, lines.next()).await {
        Ok(Ok(line)) => Ok(line),
        // Whoever cut the line will not read this, but may.
        Ok(Err(error @ (LineError::Cut | LineError::TooLong { .. } | LineError::Io(_)))) => {
            Err(Failure::new(FailureKind::BadRequest, error.to_string()))
        }
        Err(_) => Err(Failure::new(
            FailureKind::TooSlow,
            format!("nothing came for {} s", limit.as_secs()),
        )),
    }
}
