//! Where the handlers run: one message after the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::exit;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use bytes::Bytes;
use greenroom_protocol::{
    CallResponse, HostMessage, JobFinished, JobInput, MessageType, Ping, Pong, ShuttingDown,
    StartJob, WorkerMessage,
};

use crate::checks::demand;
use crate::fault::Fault;
use crate::handshake::Agreed;
use crate::jobs::{Doing, Job};
use crate::reader::stay;
use crate::writer::Outbox;
use crate::{LIFETIME, Planted};

pub(crate) struct Worker {
    pub(crate) began: Instant,
    pub(crate) agreed: Agreed,
    pub(crate) outbox: Outbox,
    pub(crate) planted: Planted,
    pub(crate) jobs: BTreeMap<u64, Job>,
    /// Every job number that there was.
    used: HashSet<u64>,
    /// Which job each open call is of, and its place there.
    pub(crate) calls: HashMap<u64, (u64, usize)>,
    pub(crate) last_call: u64,
    pub(crate) retired: bool,
    /// When the jobs must be over.
    pub(crate) leaving: Option<Instant>,
    /// Pings that a fault keeps.
    kept: Vec<u64>,
}

impl Worker {
    pub(crate) fn new(agreed: Agreed, outbox: Outbox, planted: Planted) -> Self {
        Self {
            began: Instant::now(),
            agreed,
            outbox,
            planted,
            jobs: BTreeMap::new(),
            used: HashSet::new(),
            calls: HashMap::new(),
            last_call: 0,
            retired: false,
            leaving: None,
            kept: Vec::new(),
        }
    }

    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.planted.is(fault)
    }

    pub(crate) fn serve(mut self) {
        if self.is(Fault::ShutsDownUnasked) {
            let unasked = ShuttingDown { jobs: 0 };
            self.outbox.send(&WorkerMessage::ShuttingDown(unasked));
        }
        if self.is(Fault::SendsACriticalUnknown) {
            self.outbox.frame(0x7ff0, b"?");
        }
        loop {
            if self.leaving.is_some() && self.jobs.is_empty() {
                // What has come already is heard out.
                match self.agreed.messages.try_recv() {
                    Ok(message) => self.hear(message),
                    Err(_) => self.leave(),
                }
                continue;
            }
            let wait = match self.leaving {
                Some(due) => due.saturating_duration_since(Instant::now()),
                None => LIFETIME,
            };
            match self.agreed.messages.recv_timeout(wait) {
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout) => self.end_jobs(),
                Err(RecvTimeoutError::Disconnected) if self.is(Fault::StaysAfterTheEnd) => stay(),
                Err(RecvTimeoutError::Disconnected) => exit(0),
            }
        }
    }

    fn hear(&mut self, message: HostMessage) {
        match message {
            HostMessage::Ping(ping) => self.pong(ping),
            HostMessage::Shutdown(shutdown) => self.shutdown(shutdown),
            HostMessage::StartJob(start, data) => self.start(start, &data),
            HostMessage::JobInput(piece, data) => self.input(piece, &data),
            HostMessage::CancelJob(cancel) => {
                self.check_reason(cancel.reason.name().is_some());
                self.cancel(cancel.job);
            }
            HostMessage::JobWindow(more) => self.widen(more.job, more.bytes.into()),
            HostMessage::CallResponse(response, data) => self.answer(response, data),
            // Only if the fault is to answer it here.
            HostMessage::DumpStacks => {
                let text = "main: here\n".into();
                let dump = greenroom_protocol::StackDump { text };
                self.outbox.send(&WorkerMessage::StackDump(dump));
            }
            HostMessage::InitializeRequest(..) => {
                demand(false, self.planted, Fault::AnswersASecondRequest);
            }
        }
    }

    fn pong(&mut self, ping: Ping) {
        let mut seqs = vec![ping.seq];
        match self.planted {
            planted if planted.is(Fault::PongsWithTheWrongSeq) => {
                seqs = vec![ping.seq.wrapping_add(1_000)];
            }
            planted if planted.is(Fault::PongsTwice) => seqs.push(ping.seq),
            planted if planted.is(Fault::NeverPongs) => seqs.clear(),
            planted if planted.is(Fault::PongsLate) => {
                seqs = std::mem::replace(&mut self.kept, seqs);
            }
            planted if planted.is(Fault::PongsToEveryOther) => {
                let odd = self.kept.len().is_multiple_of(2);
                self.kept.push(ping.seq);
                seqs.truncate(odd.into());
            }
            _ => {}
        }
        let jobs = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        for seq in seqs {
            let pong = Pong {
                seq,
                jobs,
                lag_us: 0,
            };
            self.send_pong(pong);
        }
        if self.is(Fault::SendsAHostsMessage) {
            self.outbox.hosts_message();
        }
    }

    fn send_pong(&self, pong: Pong) {
        let kind = MessageType::PONG.0;
        let seq = u8::try_from(pong.seq).unwrap_or(250);
        match self.planted {
            planted if planted.is(Fault::SendsLongIntegers) => {
                self.outbox.frame(kind, &[251, seq, 0, 0, 0]);
            }
            planted if planted.is(Fault::SendsTrailingBytes) => {
                self.outbox.frame(kind, &[seq, 0, 0, 0]);
            }
            planted if planted.is(Fault::SendsACutBody) => self.outbox.frame(kind, &[seq, 0]),
            _ => self.outbox.send(&WorkerMessage::Pong(pong)),
        }
    }

    // ---- jobs

    fn start(&mut self, start: StartJob, data: &Bytes) {
        let number = start.job;
        demand(self.leaving.is_none(), self.planted, Fault::IgnoresShutdown);
        let new = self.used.insert(number);
        if !new && self.is(Fault::DropsAUsedNumber) {
            return;
        }
        demand(new, self.planted, Fault::TakesANumberTwice);
        let free = self.jobs.len() < self.agreed.slots as usize;
        demand(free, self.planted, Fault::TakesMoreJobsThanSlots);
        if self.retired && self.is(Fault::DropsACrossedJob) {
            return;
        }
        let last = start.last;
        self.accept(number, &start.name);
        let window = self.agreed.limits.output_window.into();
        self.jobs.insert(number, Job::new(start, window));
        self.take_input(number, last, data);
    }

    fn input(&mut self, piece: JobInput, data: &Bytes) {
        if !self.jobs.contains_key(&piece.job) {
            return self.late(piece.job);
        }
        self.take_input(piece.job, piece.last, data);
    }

    fn take_input(&mut self, number: u64, last: bool, data: &Bytes) {
        let planted = self.planted;
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let Doing::Reading(input) = &mut job.doing else {
            return demand(false, planted, Fault::TakesInputAfterTheLast);
        };
        if planted.is(Fault::SwapsInput) {
            input.splice(..0, data.iter().copied());
        } else if !(last && planted.is(Fault::LosesTheLastInput) && !input.is_empty()) {
            input.extend_from_slice(data);
        }
        let fits = input.len() as u64 <= self.agreed.limits.max_payload;
        demand(fits, planted, Fault::TakesTooMuchInput);
        if last {
            self.handle(number);
        }
    }

    fn cancel(&mut self, number: u64) {
        let Some(job) = self.jobs.get_mut(&number) else {
            if self.is(Fault::AnswersALateCancel) && self.used.contains(&number) {
                self.finished(number, true, None, Bytes::new());
            }
            return self.late(number);
        };
        if matches!(job.doing, Doing::Deaf) || self.is(Fault::IgnoresCancel) {
            return;
        }
        if self.is(Fault::AnswersACancel) {
            self.outbox.send(&accepted(number));
        }
        self.end(number);
    }

    /// Its message has crossed the job's end.
    fn late(&self, number: u64) {
        if self.used.contains(&number) && self.is(Fault::RefusesLateMessages) {
            exit(1);
        }
    }

    fn widen(&mut self, number: u64, bytes: u64) {
        if self.is(Fault::IgnoresMoreWindow) {
            return;
        }
        let Some(job) = self.jobs.get_mut(&number) else {
            return self.late(number);
        };
        job.window = job.window.saturating_add(bytes);
        self.pump(number);
    }

    fn answer(&mut self, response: CallResponse, data: Bytes) {
        let mut number = response.call;
        if self.is(Fault::MixesUpAnswers) {
            number = self.calls.keys().min().copied().unwrap_or(number);
        }
        match self.calls.remove(&number) {
            Some((job, place)) => self.answered(job, place, response.error, data),
            None => demand(false, self.planted, Fault::TakesAnUnknownAnswer),
        }
    }

    // ---- what all of it needs

    pub(crate) fn check_reason(&self, known: bool) {
        if !known && self.is(Fault::RefusesUnknownReasons) {
            exit(1);
        }
    }

    pub(crate) fn send(&self, message: &WorkerMessage) {
        self.outbox.send(message);
    }

    pub(crate) fn finished(
        &self,
        job: u64,
        cancelled: bool,
        failure: Option<greenroom_protocol::JobFailure>,
        data: Bytes,
    ) {
        let finished = JobFinished {
            job,
            cancelled,
            failure,
        };
        self.send(&WorkerMessage::JobFinished(finished, data));
    }
}

pub(crate) fn accepted(job: u64) -> WorkerMessage {
    WorkerMessage::JobAccepted(greenroom_protocol::JobAccepted { job })
}
