//! Whether a GET is answered well.

use std::fmt;
use std::time::Duration;

use httparse::{Response, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::address::{Address, words};
use super::error::{ProbeError, ProbeFailure, one_line, shown};
use super::tcp;

/// What the head of an answer may take, interim answers included.
const HEAD: u64 = 16 << 10;
const HEADERS: usize = 256;
const REASON: usize = 100;
const EXAMPLE: &str = "http://127.0.0.1:8080/health";

/// An `http://` URL that is fit to be sent.
#[derive(Clone)]
pub(super) struct Url {
    address: Address,
    /// As it was given, for the `Host` header: without the port if that is the default.
    host: String,
    path: String,
    /// With its question mark; may be empty.
    query: String,
}

impl Url {
    pub(super) fn parse(url: &str) -> Result<Self, ProbeError> {
        let given = || shown(url);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        if scheme.eq_ignore_ascii_case("https") {
            let (given, example) = (given(), EXAMPLE);
            return Err(ProbeError::Https { given, example });
        }
        if !scheme.eq_ignore_ascii_case("http") {
            let (given, example) = (given(), EXAMPLE);
            return Err(ProbeError::NotHttp { given, example });
        }
        // The fragment is the reader's own affair.
        let rest = rest.split('#').next().unwrap_or_default();
        let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.contains('@') {
            return Err(ProbeError::User { given: given() });
        }
        let address = Address::parse(host, Some(80)).map_err(|problem| ProbeError::Address {
            given: given(),
            problem,
            example: EXAMPLE,
        })?;
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ProbeError::NotEncoded { given: given() });
        }
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        Ok(Self {
            address,
            host: host.strip_suffix(":80").unwrap_or(host).to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query: query.to_owned(),
        })
    }

    fn request(&self) -> String {
        let Self {
            host, path, query, ..
        } = self;
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "GET {path}{query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: greenroom/{version}\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        )
    }
}

/// Without the query, which may hold secrets.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

pub(super) async fn get(
    url: &Url,
    turn: OwnedSemaphorePermit,
    timeout: Duration,
) -> Result<(), ProbeFailure> {
    let mut stream = tcp::connect(&url.address, turn, timeout).await?;
    // A server that answers before it has read everything, and closes, may still be heard.
    let written = stream.write_all(url.request().as_bytes()).await;
    let answer = read_answer(stream).await;
    match (answer, written) {
        (Err(ProbeFailure::Closed), Err(error)) => Err(broken(&error)),
        (answer, _) => answer,
    }
}

async fn read_answer(stream: TcpStream) -> Result<(), ProbeFailure> {
    let mut stream = stream.take(HEAD);
    let mut head = Vec::new();
    loop {
        match stream.read_buf(&mut head).await {
            Ok(0) if stream.limit() == 0 => return Err(ProbeFailure::EndlessHead { limit: HEAD }),
            Ok(0) => return Err(ProbeFailure::Closed),
            Ok(_) => {}
            Err(error) => return Err(broken(&error)),
        }
        while let Some(answer) = Answer::parse(&head)? {
            if !answer.is_interim() {
                return answer.judge();
            }
            head.drain(..answer.length);
        }
    }
}

/// What matters of an answer's head.
struct Answer {
    code: u16,
    reason: String,
    length: usize,
}

impl Answer {
    /// `None` if the head is not complete.
    fn parse(head: &[u8]) -> Result<Option<Self>, ProbeFailure> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = Response::new(&mut headers);
        let length = match response.parse(head) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Ok(None),
            Err(error) => {
                return Err(ProbeFailure::NotHttp {
                    problem: error.to_string(),
                });
            }
        };
        Ok(Some(Self {
            code: response.code.unwrap_or_default(),
            reason: one_line(response.reason.unwrap_or_default(), REASON),
            length,
        }))
    }

    /// "Continue", "Early Hints": the answer proper follows. Not so "Switching Protocols".
    fn is_interim(&self) -> bool {
        (100..200).contains(&self.code) && self.code != 101
    }

    fn judge(self) -> Result<(), ProbeFailure> {
        let Self { code, reason, .. } = self;
        if (200..400).contains(&code) {
            Ok(())
        } else {
            Err(ProbeFailure::Status { code, reason })
        }
    }
}

fn broken(error: &std::io::Error) -> ProbeFailure {
    ProbeFailure::Broken {
        message: words(error),
    }
}
