//! One worker that a host has started, as the kit plays it: what it has heard, and what it says.

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};
use greenroom_protocol::{
    CallRequest, FrameCodec, HostMessage, JobAccepted, JobFinished, JobOutput, StartJob,
    WorkerMessage,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::body::{Introduction, Order};
use super::event::{Arrival, Event};
use super::referee::Referee;
use super::wire::{self, WireOrder};
use crate::case::Finding;
use crate::transcript::{Piece, Transcript, What};
use crate::words;

/// How much of a received frame the transcript is shown.
const SHOWN: usize = 256;
/// So much is taken from a host, in bytes; no case needs as much.
const HEARD: usize = 64 << 20;
/// What keeping a message and answering it costs at least, in bytes.
const MESSAGE: usize = 1 << 10;

/// Who decides what a worker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The case. Pings are answered for it, unless it wants to do that itself.
    Actor { pongs: bool },
    /// Nobody: it is a good worker, whose jobs return their input.
    Understudy,
}

/// A worker that the host has started.
#[derive(Debug)]
pub(super) struct Session {
    number: usize,
    pub(super) introduction: Introduction,
    pub(super) pid: Option<i32>,
    pub(super) referee: Referee,
    pub(super) part: Part,
    /// What it has heard and nobody has looked at.
    pub(super) inbox: VecDeque<HostMessage>,
    pub(super) jobs: BTreeMap<u64, Heard>,
    /// The end of the connection, in words, and whether the kit has made it.
    pub(super) end: Option<String>,
    pub(super) left: bool,
    pub(super) dead: bool,
    /// Orders that the body has carried out.
    pub(super) obeyed: usize,
    /// What it has taken so far has cost.
    heard: usize,
    codec: FrameCodec,
    unread: BytesMut,
    wire: mpsc::UnboundedSender<WireOrder>,
    next_call: u64,
}

/// A job as far as it was heard.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) start: StartJob,
    pub(super) input: BytesMut,
    /// How many messages brought it.
    pub(super) pieces: usize,
    pub(super) whole: bool,
}

impl Session {
    /// Begins to play a worker that has arrived.
    pub(super) fn new(
        number: usize,
        arrival: Arrival,
        part: Part,
        events: &mpsc::Sender<Event>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (wire, wire_orders) = mpsc::unbounded_channel();
        let (body, body_orders) = mpsc::unbounded_channel();
        tasks.spawn(wire::carry(
            number,
            arrival.socket,
            wire_orders,
            body,
            events.clone(),
        ));
        tasks.spawn(wire::command(
            number,
            arrival.body,
            body_orders,
            events.clone(),
        ));
        Self {
            number,
            introduction: arrival.introduction,
            pid: arrival.pid,
            referee: Referee::default(),
            part,
            inbox: VecDeque::new(),
            jobs: BTreeMap::new(),
            end: None,
            left: false,
            dead: false,
            obeyed: 0,
            heard: 0,
            codec: FrameCodec::default(),
            unread: BytesMut::new(),
            wire,
            next_call: 1,
        }
    }

    /// Whether nothing more can be said or heard.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() || self.dead
    }

    // ---- in

    /// Takes what the host has sent. Returns what is wrong with it. From a host that sends without end
    /// it takes nothing more.
    pub(super) fn hear(&mut self, bytes: &Bytes, transcript: &mut Transcript) -> Vec<Finding> {
        if self.heard >= HEARD {
            return Vec::new();
        }
        self.unread.put_slice(bytes);
        let mut findings = Vec::new();
        loop {
            self.codec.set_max_frame(self.referee.max_frame());
            let frame = match self.codec.decode(&mut self.unread) {
                Ok(Some(frame)) => frame,
                Ok(None) => return findings,
                Err(error) => {
                    let got = error.to_string();
                    transcript.add(What::Received(self.piece(&got, &self.unread)));
                    self.unread.clear();
                    findings.push(Finding::new(error.requirement(), "a frame", got));
                    return findings;
                }
            };
            let mut shown = BytesMut::new();
            let length = frame.body.len() + 2;
            self.heard += length + MESSAGE;
            if self.heard >= HEARD {
                let note = format!(
                    "worker {} has heard enough, and listens no more",
                    self.number
                );
                transcript.add(What::Note(note));
                self.unread.clear();
                return findings;
            }
            shown.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
            shown.put_u16_le(frame.kind.0);
            shown.put_slice(&frame.body[..frame.body.len().min(SHOWN)]);
            let message = HostMessage::decode(frame);
            let meaning = match &message {
                Ok(Some(message)) => words::host(message),
                Ok(None) => "a message to be skipped".into(),
                Err(error) => error.to_string(),
            };
            let mut piece = self.piece(&meaning, &shown);
            piece.length = length + 4;
            transcript.add(What::Received(piece));
            match message {
                Ok(Some(message)) => {
                    findings.extend(self.referee.received(&message));
                    self.take(message, transcript);
                }
                Ok(None) => {}
                Err(error) => {
                    let requirement = error.requirement();
                    findings.push(Finding::new(requirement, "a message", error.to_string()));
                }
            }
        }
    }

    /// What was left over at the end of the stream.
    pub(super) fn cut_short(&self) -> usize {
        self.unread.len()
    }

    fn take(&mut self, message: HostMessage, transcript: &mut Transcript) {
        match &message {
            HostMessage::StartJob(start, data) => {
                let heard = Heard {
                    start: start.clone(),
                    input: BytesMut::from(data.as_ref()),
                    pieces: 1,
                    whole: start.last,
                };
                self.jobs.insert(start.job, heard);
            }
            HostMessage::JobInput(input, data) => {
                if let Some(job) = self.jobs.get_mut(&input.job) {
                    job.input.put_slice(data);
                    job.pieces += 1;
                    job.whole |= input.last;
                }
            }
            _ => {}
        }
        match (self.part, &message) {
            (Part::Actor { pongs: true }, HostMessage::Ping(ping)) => {
                self.pong(ping.seq, transcript);
            }
            (Part::Actor { .. }, _) => self.inbox.push_back(message),
            (Part::Understudy, _) => self.answer(&message, transcript),
        }
    }

    // ---- out

    /// Says something.
    pub(super) fn send(&mut self, message: &WorkerMessage, transcript: &mut Transcript) {
        self.send_all(std::slice::from_ref(message), transcript);
    }

    /// Says several things at once, in one piece.
    pub(super) fn send_all(&mut self, messages: &[WorkerMessage], transcript: &mut Transcript) {
        let meaning: Vec<_> = messages.iter().take(8).map(words::worker).collect();
        let bytes = self.encode(messages);
        self.send_raw(&meaning.join("; "), bytes, transcript);
    }

    /// The frames of messages that the caller sends itself; the referee takes them for sent.
    pub(super) fn encode(&mut self, messages: &[WorkerMessage]) -> Bytes {
        let mut bytes = BytesMut::new();
        for message in messages {
            self.referee.sent(message);
            message
                .encode()
                .expect("the kit's own messages fit")
                .write_to(&mut bytes);
        }
        bytes.freeze()
    }

    /// Sends bytes, whatever they are.
    pub(super) fn send_raw(&self, meaning: &str, bytes: Bytes, transcript: &mut Transcript) {
        transcript.add(What::Sent(self.piece(meaning, &bytes)));
        self.order_wire(WireOrder::Send(bytes));
    }

    /// Tells the connection what to do. The stage may be over: then nothing is left to do.
    pub(super) fn order_wire(&self, order: WireOrder) {
        let _ = self.wire.send(order);
    }

    /// Tells the process what to do, once everything before is sent.
    pub(super) fn order(&self, order: Order) {
        self.order_wire(WireOrder::Body(order));
    }

    /// Closes the connection as a process does that ends.
    pub(super) fn hang_up(&mut self, transcript: &mut Transcript) {
        self.left = true;
        self.end
            .get_or_insert_with(|| "the worker closed it".into());
        transcript.add(What::Note(format!(
            "worker {} closes the connection",
            self.number
        )));
        self.order_wire(WireOrder::Close);
    }

    /// Closes the connection and ends the process with this code, as one that exits.
    pub(super) fn exit(&mut self, code: u8, transcript: &mut Transcript) {
        self.hang_up(transcript);
        self.order(Order::Exit { code });
    }

    fn piece(&self, meaning: &str, bytes: &[u8]) -> Piece {
        Piece::new(format!("worker {}: {meaning}", self.number), bytes)
    }

    /// A call with a new number.
    pub(super) fn call(
        &mut self,
        method: &str,
        argument: impl Into<Bytes>,
    ) -> (u64, WorkerMessage) {
        let call = self.next_call;
        self.next_call += 1;
        let request = CallRequest {
            call,
            method: method.into(),
        };
        (call, WorkerMessage::CallRequest(request, argument.into()))
    }
}

/// A job is about to run.
pub(super) fn accepted(job: u64) -> WorkerMessage {
    WorkerMessage::JobAccepted(JobAccepted { job })
}

/// A piece of a job's output.
pub(super) fn output(job: u64, data: impl Into<Bytes>) -> WorkerMessage {
    WorkerMessage::JobOutput(JobOutput { job }, data.into())
}

/// A job has ended well.
pub(super) fn finished(job: u64, data: impl Into<Bytes>) -> WorkerMessage {
    let fields = JobFinished {
        job,
        cancelled: false,
        failure: None,
    };
    WorkerMessage::JobFinished(fields, data.into())
}
