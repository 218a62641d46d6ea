//! One worker under test and the kit's connection to it: what every case is written with.
//!
//! Every wait ends: with what came, with the end of the stream, or after the bound, and then with a
//! finding that names the requirement that was waited for.

mod closing;
mod expect;
mod jobs;
mod receiving;
mod sending;
mod watching;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use greenroom_protocol::{
    Capabilities, HostMessage, InitializeRequest, InitializeResponse, Limits, Ping, WorkerMessage,
};

pub(crate) use self::closing::crashed;
pub(crate) use self::jobs::JobEnd;
pub(crate) use self::sending::Cut;
use super::Program;
use super::case::{Closing, Stop};
use super::process::{Line, Process, Start};
use super::referee::Referee;
use super::wire::Wire;
use crate::case::{Case, Finding, Verdict};
use crate::transcript::{Transcript, What};

/// A worker that has just been started, or what has become of it since.
#[derive(Debug)]
pub(crate) struct Session {
    about: Case,
    program: Arc<Program>,
    process: Process,
    wire: Wire,
    referee: Referee,
    transcript: Transcript,
    lines: Vec<Line>,
    remarks: Vec<Finding>,
    closing: Closing,
    timeout: Duration,
    next_job: u64,
    next_ping: u64,
}

/// What came while the kit waited for the end of the stream or for a pong.
pub(crate) type Messages = Vec<WorkerMessage>;

impl Session {
    /// Starts the program for a case.
    pub(crate) fn spawn(
        program: Arc<Program>,
        about: Case,
        closing: Closing,
        timeout: Duration,
    ) -> io::Result<Self> {
        let (process, socket) = Process::start(&program, Start::ByHost)?;
        let mut session = Self {
            about,
            program,
            process,
            wire: Wire::new(socket)?,
            referee: Referee::default(),
            transcript: Transcript::default(),
            lines: Vec::new(),
            remarks: Vec::new(),
            closing,
            timeout,
            next_job: 1,
            next_ping: 1,
        };
        session.note(format!("started as process {}", session.process.pid()));
        Ok(session)
    }

    // ---- what is known

    /// The name of the case.
    pub(crate) fn id(&self) -> &'static str {
        self.about.id
    }

    /// The bound of each single wait.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The number of the process that the kit has started.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The limits that both sides use. Those of the default before the handshake is over.
    pub(crate) fn limits(&self) -> Limits {
        self.referee.limits().unwrap_or_default()
    }

    /// What the worker answered in the handshake, if it has.
    pub(crate) fn response(&self) -> Option<&InitializeResponse> {
        self.referee.response()
    }

    /// Whether the worker has sent a single byte.
    pub(crate) fn has_heard(&self) -> bool {
        self.wire.has_heard()
    }

    // ---- what is judged

    /// Something for the person who reads the transcript.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.transcript.add(What::Note(note.into()));
    }

    /// Something that is not strict and does not end the case.
    pub(crate) fn remark(&mut self, finding: Finding) {
        self.note(format!("not strict: {finding}"));
        self.remarks.push(finding);
    }

    /// Ends the case in another way than its definition says.
    pub(crate) fn close_as(&mut self, closing: Closing) {
        self.closing = closing;
    }

    // ---- the handshake

    /// A request as a usual host makes it: protocol 1 to 1, the default limits, the capability stack
    /// dump, and the kit's bound as all of its timeouts.
    pub(crate) fn request(&self) -> InitializeRequest {
        let bound = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        InitializeRequest {
            protocol_min: 1,
            protocol_max: 1,
            capabilities: Capabilities::STACK_DUMP,
            slot: 0,
            generation: 0,
            host_name: "greenroom conformance".into(),
            host_version: env!("CARGO_PKG_VERSION").into(),
            limits: Limits::default(),
            ping_interval_ms: bound,
            ping_timeout_ms: bound,
            high_ping_ms: bound,
            initialize_timeout_ms: bound,
            close_timeout_ms: bound,
            log_filter: "info".into(),
            extensions: Vec::new(),
        }
    }

    /// Makes the worker ready with [`request`](Self::request) and no arguments.
    pub(crate) async fn ready(&mut self) -> Result<InitializeResponse, Stop> {
        let request = self.request();
        self.ready_with(request, "").await
    }

    /// Makes the worker ready with this request and these arguments (section 9.1: `slots 4`).
    pub(crate) async fn ready_with(
        &mut self,
        request: InitializeRequest,
        arguments: &str,
    ) -> Result<InitializeResponse, Stop> {
        let arguments = arguments.to_owned().into();
        self.send(HostMessage::InitializeRequest(request, arguments))
            .await?;
        self.expect_ready().await
    }

    /// The response of a worker that is ready, after any number of `ExtendDeadline`.
    pub(crate) async fn expect_ready(&mut self) -> Result<InitializeResponse, Stop> {
        let response = self.expect_response().await?;
        match response.error {
            None => Ok(response),
            Some(error) => Err(Stop::Fail(Finding::new(
                "GR-4.6-1",
                "InitializeResponse of a worker that is ready",
                format!("error {}: {}", error.code, error.message),
            ))),
        }
    }

    /// The response, also one with an error, after any number of `ExtendDeadline`.
    pub(crate) async fn expect_response(&mut self) -> Result<InitializeResponse, Stop> {
        self.until("GR-4.1-1", "InitializeResponse", |message| match message {
            WorkerMessage::InitializeResponse(response) => Some(response.clone()),
            _ => None,
        })
        .await
    }

    // ---- pings

    /// Sends a `Ping` with a new number, and returns the number.
    pub(crate) async fn ping(&mut self) -> Result<u64, Stop> {
        let seq = self.next_ping;
        self.next_ping += 1;
        self.send(HostMessage::Ping(Ping { seq })).await?;
        Ok(seq)
    }

    /// Sends a `Ping` and waits for its `Pong`: whatever the worker made of what was sent before has
    /// come by then. Returns what came until the `Pong`, without it and without asides.
    pub(crate) async fn barrier(&mut self) -> Result<Messages, Stop> {
        let seq = self.ping().await?;
        let expected = format!("Pong seq {seq}");
        let mut before = Messages::new();
        loop {
            match self.next("GR-5.2-3", &expected).await? {
                WorkerMessage::Pong(pong) if pong.seq == seq => return Ok(before),
                aside if expect::is_aside(&aside) => {}
                other => before.push(other),
            }
        }
    }

    /// Kills what is left, and hands over what is to be reported.
    pub(crate) async fn finish(mut self, behaviour: Result<(), Stop>) -> (Verdict, Transcript) {
        if let Err(error) = self.process.end().await {
            self.note(format!("the end of the process cannot be awaited: {error}"));
        }
        self.take_lines();
        let verdict = match behaviour {
            Err(stop) => stop.into(),
            Ok(()) => {
                let remark = self.remarks.into_iter().next();
                remark.map_or(Verdict::Pass, Verdict::NonStrict)
            }
        };
        (verdict, self.transcript)
    }
}
