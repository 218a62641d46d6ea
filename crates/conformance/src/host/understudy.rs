//! A worker that behaves: what it answers, and how a case lets its actor become one.

use bytes::Bytes;
use greenroom_protocol::{
    Capabilities, Exiting, HostMessage, InitializeResponse, Limits, MAX_FRAME_CEILING, Pong,
    ShuttingDown, WorkerMessage,
};

use super::session::{Part, Session, accepted, finished};
use super::wire::WireOrder;
use crate::transcript::Transcript;

/// What of an input a good worker's job returns, in bytes.
const ECHO: usize = 32 << 10;

impl Session {
    /// An answer to the handshake that no host can object to.
    pub(super) fn response(&self) -> InitializeResponse {
        InitializeResponse {
            error: None,
            protocol: 1,
            capabilities: Capabilities::default(),
            limits: Limits {
                max_frame: MAX_FRAME_CEILING,
                max_payload: u64::MAX,
                output_window: u32::MAX,
            },
            slots: 1,
            name: "conformance kit".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            build_id: String::new(),
            sdk: "greenroom conformance".into(),
            pid: self.pid.unwrap_or_default().cast_unsigned(),
            extensions: Vec::new(),
        }
    }

    /// Answers a ping.
    pub(super) fn pong(&mut self, seq: u64, transcript: &mut Transcript) {
        let jobs = u32::try_from(self.referee.running().count()).unwrap_or(u32::MAX);
        let pong = Pong {
            seq,
            jobs,
            lag_us: 0,
        };
        self.send(&WorkerMessage::Pong(pong), transcript);
    }

    /// From now on it is a good worker: it answers what nobody has, and finishes what runs.
    pub(super) fn let_go(&mut self, transcript: &mut Transcript) {
        if self.part == Part::Understudy || self.is_over() {
            return;
        }
        self.part = Part::Understudy;
        self.order_wire(WireOrder::Listen);
        for message in std::mem::take(&mut self.inbox) {
            if let HostMessage::Ping(ping) = message {
                self.pong(ping.seq, transcript);
            }
        }
        // The case may have heard these, and left them unanswered.
        if self.referee.is_waiting_for_response() {
            let response = WorkerMessage::InitializeResponse(self.response());
            self.send(&response, transcript);
        }
        self.perform(transcript);
        if self.referee.is_dismissed() {
            self.leave(transcript);
        }
    }

    /// Answers a message of the host.
    pub(super) fn answer(&mut self, message: &HostMessage, transcript: &mut Transcript) {
        match message {
            HostMessage::InitializeRequest(..) => {
                let response = WorkerMessage::InitializeResponse(self.response());
                self.send(&response, transcript);
            }
            HostMessage::Ping(ping) => self.pong(ping.seq, transcript),
            HostMessage::StartJob(..) | HostMessage::JobInput(..) => self.perform(transcript),
            HostMessage::Shutdown(_) => self.leave(transcript),
            HostMessage::CancelJob(_)
            | HostMessage::JobWindow(_)
            | HostMessage::CallResponse(..)
            | HostMessage::DumpStacks => {}
        }
    }

    /// Leaves as the text says.
    pub(super) fn leave(&mut self, transcript: &mut Transcript) {
        let running = self.referee.running().count();
        let farewell = [
            WorkerMessage::ShuttingDown(ShuttingDown {
                jobs: u32::try_from(running).unwrap_or(u32::MAX),
            }),
            WorkerMessage::Exiting(Exiting {
                reason: "told to".into(),
            }),
        ];
        self.send_all(&farewell, transcript);
        self.exit(0, transcript);
    }

    /// Finishes each job whose input is there: its output is its input, as far as a frame holds it.
    fn perform(&mut self, transcript: &mut Transcript) {
        let running: Vec<_> = self.referee.running().collect();
        for (number, is_accepted) in running {
            let Some(job) = self.jobs.get(&number).filter(|job| job.whole) else {
                continue;
            };
            let room = job.input.len().min(ECHO);
            let output = Bytes::copy_from_slice(&job.input[..room]);
            let finished = finished(number, output);
            if is_accepted {
                self.send(&finished, transcript);
            } else {
                self.send_all(&[accepted(number), finished], transcript);
            }
        }
    }
}
