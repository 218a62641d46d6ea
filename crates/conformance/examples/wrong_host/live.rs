//! A worker that was started, as long as it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom_protocol::{
    CancelJob, CancelReason, Capabilities, Extension, HostMessage, InitializeRequest, JobFinished,
    JobInput, JobWindow, Limits, MessageType, Pair, Ping, Shutdown, ShutdownReason, StartJob,
};

use crate::Planted;
use crate::fault::Fault;
use crate::job::Job;
use crate::writer::Outbox;

pub(crate) const PING_INTERVAL: Duration = Duration::from_millis(200);
pub(crate) const PING_TIMEOUT: Duration = Duration::from_millis(1_500);
pub(crate) const INITIALIZE_TIMEOUT: Duration = Duration::from_millis(1_500);
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How long a job may take to stop that was told to.
const CANCEL_GRACE: Duration = Duration::from_millis(1_000);
/// So much of an input is in one message.
const PIECE: usize = 60_000;

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Initializing { until: Instant },
    Ready,
    Leaving { until: Instant },
}

pub(crate) struct Live {
    pub(crate) generation: u64,
    pub(crate) child: Child,
    pub(crate) outbox: Outbox,
    pub(crate) planted: Planted,
    pub(crate) phase: Phase,
    pub(crate) limits: Limits,
    pub(crate) jobs: BTreeMap<u64, Job>,
    /// Jobs that have ended, and whose output is held back. Bounded by what the kit orders.
    pub(crate) done: Vec<(Job, JobFinished)>,
    pub(crate) next_job: u64,
    pub(crate) pings: BTreeSet<u64>,
    pub(crate) next_seq: u64,
    pub(crate) next_ping: Instant,
    /// When it last proved that it is there.
    pub(crate) heard: Instant,
    pub(crate) last_call: u64,
    pub(crate) retired: bool,
    pub(crate) said_goodbye: bool,
    /// It has responded.
    pub(crate) responded: bool,
    /// How much longer its preparation or its leaving may take than it is granted.
    pub(crate) extension: Duration,
}

impl Live {
    pub(crate) fn new(generation: u64, child: Child, outbox: Outbox, planted: Planted) -> Self {
        let now = Instant::now();
        let live = Self {
            generation,
            child,
            outbox,
            planted,
            phase: Phase::Initializing {
                until: now + INITIALIZE_TIMEOUT,
            },
            limits: announced(planted),
            jobs: BTreeMap::new(),
            done: Vec::new(),
            next_job: 1,
            pings: BTreeSet::new(),
            next_seq: 1,
            next_ping: now + PING_INTERVAL,
            heard: now,
            last_call: 0,
            retired: false,
            said_goodbye: false,
            responded: false,
            extension: Duration::from_secs(2),
        };
        live.greet();
        live
    }

    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.planted.is(fault)
    }

    fn greet(&self) {
        let early = Ping { seq: 999 };
        if self.is(Fault::SpeaksBeforeItsRequest) {
            self.outbox.send(&HostMessage::Ping(early));
        }
        let request = HostMessage::InitializeRequest(self.request(), Bytes::new());
        self.outbox.send(&request);
        if self.is(Fault::RequestsTwice) {
            self.outbox.send(&request);
        }
        if self.is(Fault::PingsBeforeTheResponse) {
            self.outbox.send(&HostMessage::Ping(early));
        }
    }

    fn request(&self) -> InitializeRequest {
        let twice = Extension {
            number: 9,
            content: Vec::new(),
        };
        InitializeRequest {
            protocol_min: 1,
            protocol_max: 1,
            capabilities: Capabilities::default(),
            slot: 0,
            generation: self.generation,
            host_name: "wrong-host".into(),
            host_version: "1".into(),
            limits: announced(self.planted),
            ping_interval_ms: millis(PING_INTERVAL),
            ping_timeout_ms: millis(PING_TIMEOUT),
            high_ping_ms: 500,
            initialize_timeout_ms: match self.is(Fault::AnnouncesNoInitializeTimeout) {
                true => 0,
                false => millis(INITIALIZE_TIMEOUT),
            },
            close_timeout_ms: millis(CLOSE_TIMEOUT),
            log_filter: "info".into(),
            extensions: match self.is(Fault::DoublesAnExtension) {
                true => vec![twice.clone(), twice],
                false => Vec::new(),
            },
        }
    }

    pub(crate) fn ping(&mut self) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.next_ping = Instant::now() + PING_INTERVAL;
        if self.is(Fault::NeverPings) {
            return;
        }
        // A worker that is to be killed for its silence is not to be known by its memory.
        if self.pings.len() < 64 {
            self.pings.insert(seq);
        }
        let kind = MessageType::PING.0;
        let short = u8::try_from(seq).unwrap_or(250);
        match self.planted {
            planted if planted.is(Fault::SendsLongIntegers) => {
                self.outbox.frame(kind, &[251, short, 0]);
            }
            planted if planted.is(Fault::SendsTrailingBytes) => {
                self.outbox.frame(kind, &[short, 0]);
            }
            _ => self.outbox.send(&HostMessage::Ping(Ping { seq })),
        }
        if self.is(Fault::SendsAWorkersMessage) {
            self.outbox.frame(MessageType::PONG.0, &[short, 0, 0]);
        }
        if self.is(Fault::SendsACriticalUnknown) {
            self.outbox.frame(0x7ff0, b"?");
        }
        if self.is(Fault::DumpsUnannounced) {
            self.outbox.send(&HostMessage::DumpStacks);
        }
    }

    // ---- jobs

    /// Whether it can have another job.
    pub(crate) fn is_free(&self) -> bool {
        let leaves =
            matches!(self.phase, Phase::Leaving { .. }) && self.is(Fault::StartsAJobAfterShutdown);
        let many = self.is(Fault::StartsTwoJobsInOneSlot);
        let retired = self.retired && !leaves && !self.is(Fault::StartsAJobAfterRetire);
        let early = !self.responded && self.is(Fault::StartsAJobBeforeTheResponse);
        let here = (self.phase == Phase::Ready && !self.said_goodbye) || leaves || early;
        here && !retired && (many || self.jobs.is_empty())
    }

    pub(crate) fn give(&mut self, mut job: Job) {
        let input = job.asked.input();
        let too_much = input.len() as u64 > self.limits.max_payload;
        if too_much && !self.is(Fault::SendsTooMuchInput) {
            return job.lose("its input is larger than the worker takes");
        }
        let number = self.next_job;
        if !self.is(Fault::ReusesAJobNumber) {
            self.next_job += 1;
        }
        job.window = self.limits.output_window.into();
        let limit = job.asked.deadline_ms;
        job.deadline = (limit > 0).then(|| Instant::now() + Duration::from_millis(limit));
        self.send_input(number, &job, input);
        self.jobs.insert(number, job);
    }

    fn send_input(&self, number: u64, job: &Job, mut input: Bytes) {
        let size = match self.is(Fault::SendsOverlongFrames) {
            true => 8 << 20,
            false => PIECE,
        };
        let mut pieces = Vec::new();
        while input.len() > size {
            pieces.push(input.split_to(size));
        }
        pieces.push(input);
        if self.is(Fault::SendsInputOutOfOrder) {
            pieces.reverse();
        }
        let count = pieces.len();
        for (index, data) in pieces.into_iter().enumerate() {
            let mut last = index + 1 == count;
            last = (last || self.is(Fault::SaysLastTwice))
                && !(count > 1 && self.is(Fault::SaysLastNever));
            self.outbox.send(&if index == 0 {
                HostMessage::StartJob(start_of(number, job, last), data)
            } else {
                HostMessage::JobInput(JobInput { job: number, last }, data)
            });
        }
        if count == 1 && self.is(Fault::SaysLastTwice) {
            let (job, last) = (number, true);
            let again = HostMessage::JobInput(JobInput { job, last }, Bytes::new());
            self.outbox.send(&again);
        }
    }

    pub(crate) fn cancel(&mut self, number: u64, reason: CancelReason) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        job.deadline = None;
        job.last_chance
            .get_or_insert_with(|| Instant::now() + CANCEL_GRACE);
        let job = number;
        self.outbox
            .send(&HostMessage::CancelJob(CancelJob { job, reason }));
    }

    /// Allows as much output again as was taken.
    pub(crate) fn grant(&mut self, number: u64) {
        if self.is(Fault::GrantsNoWindow) {
            return;
        }
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let bytes = u32::try_from(std::mem::take(&mut job.taken)).unwrap_or(u32::MAX);
        if bytes > 0 {
            job.window += u64::from(bytes);
            let job = number;
            self.outbox
                .send(&HostMessage::JobWindow(JobWindow { job, bytes }));
        }
    }

    // ---- the end

    pub(crate) fn shut_down(&mut self, reason: ShutdownReason) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        self.phase = Phase::Leaving {
            until: Instant::now() + CLOSE_TIMEOUT,
        };
        let grace_ms = millis(CLOSE_TIMEOUT);
        self.outbox
            .send(&HostMessage::Shutdown(Shutdown { reason, grace_ms }));
    }

    /// When something of its own accord is due.
    pub(crate) fn next_alarm(&self) -> Instant {
        let mut alarm = match self.phase {
            Phase::Initializing { until } | Phase::Leaving { until } => until,
            Phase::Ready => self.next_ping.min(self.heard + PING_TIMEOUT),
        };
        for job in self.jobs.values() {
            let times = [job.deadline, job.last_chance];
            alarm = times.into_iter().flatten().fold(alarm, Instant::min);
        }
        alarm
    }
}

fn announced(planted: Planted) -> Limits {
    Limits {
        max_frame: match planted.is(Fault::LimitsOutOfRange) {
            true => 16,
            false => Limits::default().max_frame,
        },
        ..Limits::default()
    }
}

fn start_of(number: u64, job: &Job, last: bool) -> StartJob {
    let pair = |(key, value): &(String, String)| Pair {
        key: key.clone(),
        value: value.clone(),
    };
    StartJob {
        job: number,
        id: job.asked.key.clone(),
        name: job.asked.name.clone(),
        metadata: job.asked.metadata.iter().map(pair).collect(),
        traceparent: String::new(),
        deadline_ms: job.asked.deadline_ms,
        attempt: job.attempt,
        last,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
