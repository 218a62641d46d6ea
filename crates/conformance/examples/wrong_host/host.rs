//! Keeps one worker, and gives it one job after the other.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::exit;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use greenroom_protocol::{CancelReason, Limits, ShutdownReason};
use serde_json::json;

use crate::dealings::Next;
use crate::fault::Fault;
use crate::job::Job;
use crate::live::{Live, PING_TIMEOUT, Phase};
use crate::order::Order;
use crate::{Event, Heard, LIFETIME, Planted, Violation, say, start};

/// Between a worker and the next.
const BACKOFF: Duration = Duration::from_millis(50);
/// How often a job is given to a worker whose handler never begins.
const ATTEMPTS: u32 = 3;

pub(crate) struct Host {
    program: PathBuf,
    events: SyncSender<Event>,
    planted: Planted,
    worker: Option<Live>,
    generation: u64,
    /// When the next worker is started.
    restart: Instant,
    queue: VecDeque<Job>,
    closing: bool,
}

impl Host {
    pub(crate) fn new(program: PathBuf, events: SyncSender<Event>, planted: Planted) -> Self {
        Self {
            program,
            events,
            planted,
            worker: None,
            generation: 0,
            restart: Instant::now(),
            queue: VecDeque::new(),
            closing: false,
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.planted.is(fault)
    }

    pub(crate) fn run(mut self, events: &Receiver<Event>) {
        loop {
            self.look_at_the_clock();
            if self.closing && self.worker.is_none() {
                self.queue
                    .iter()
                    .for_each(|job| job.lose("the host closes"));
                exit(0);
            }
            self.give_jobs();
            let alarm = match &self.worker {
                Some(live) => live.next_alarm(),
                None => self.restart,
            };
            let wait = alarm.saturating_duration_since(Instant::now());
            match events.recv_timeout(wait.min(LIFETIME)) {
                Ok(event) => self.happened(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => exit(0),
            }
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Order(Order::Job(asked)) => self.queue.push_back(Job::new(asked)),
            Event::Order(Order::Take { key }) => self.take(&key),
            Event::Order(Order::Cancel { key }) => self.cancel(&key),
            Event::NoMoreOrders => {
                self.closing = true;
                if let Some(live) = &mut self.worker {
                    live.shut_down(ShutdownReason::REQUESTED);
                }
            }
            Event::Heard(generation, heard) => self.heard(generation, heard),
            Event::Line(stream, text) => {
                if stream == "stdout" && self.is(Fault::TakesStandardOutputForProtocol) {
                    self.end_worker("broke the protocol (GR-1.2-4): it wrote to standard output");
                }
                say(&json!({"log": text, "stream": stream}));
            }
        }
    }

    // ---- orders

    fn give_jobs(&mut self) {
        let Some(live) = &mut self.worker else {
            return;
        };
        while live.is_free()
            && let Some(job) = self.queue.pop_front()
        {
            live.give(job);
        }
    }

    fn take(&mut self, key: &str) {
        for job in self.queue.iter_mut().filter(|job| job.asked.key == key) {
            job.take();
        }
        let Some(live) = &mut self.worker else {
            return;
        };
        let mine = live.jobs.iter_mut().filter(|(_, job)| job.asked.key == key);
        let numbers: Vec<_> = mine.map(|(number, job)| (job.take(), *number).1).collect();
        for number in numbers {
            live.grant(number);
        }
        live.done.retain(|(job, end)| {
            let taken = job.asked.key == key;
            if taken {
                job.finish(end);
            }
            !taken
        });
    }

    fn cancel(&mut self, key: &str) {
        self.queue.retain(|job| {
            let stays = job.asked.key != key;
            if !stays {
                job.cancelled();
            }
            stays
        });
        if let Some(live) = &mut self.worker {
            let mine = live.jobs.iter().filter(|(_, job)| job.asked.key == key);
            for number in mine.map(|(number, _)| *number).collect::<Vec<_>>() {
                live.cancel(number, CancelReason::REQUESTED);
            }
        }
    }

    // ---- the worker

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        let Some(live) = &mut self.worker else {
            if now >= self.restart && !self.closing {
                self.start_worker();
            }
            return;
        };
        let reason = match live.phase {
            Phase::Initializing { until } if now >= until => {
                if live.is(Fault::WaitsForeverForTheResponse) {
                    let until = now + LIFETIME;
                    live.phase = Phase::Initializing { until };
                    return;
                }
                "was not ready in time"
            }
            Phase::Leaving { until } if now >= until => {
                if live.is(Fault::NeverKillsALateWorker) {
                    let until = now + LIFETIME;
                    live.phase = Phase::Leaving { until };
                    return;
                }
                "did not leave in time"
            }
            Phase::Ready if now >= live.heard + PING_TIMEOUT => {
                if live.is(Fault::NeverKillsASilentWorker) || live.is(Fault::NeverPings) {
                    live.heard = now;
                    return;
                }
                "did not answer a ping"
            }
            Phase::Ready if now >= live.next_ping => return live.ping(),
            _ => return self.look_at_the_jobs(now),
        };
        self.end_worker(reason);
    }

    fn look_at_the_jobs(&mut self, now: Instant) {
        let Some(live) = &mut self.worker else {
            return;
        };
        let past = |time: Option<Instant>| time.is_some_and(|time| now >= time);
        if live.jobs.values().any(|job| past(job.last_chance)) {
            return self.end_worker("a job did not stop when it was told to");
        }
        let late = live.jobs.iter().filter(|(_, job)| past(job.deadline));
        for number in late.map(|(number, _)| *number).collect::<Vec<_>>() {
            live.cancel(number, CancelReason::DEADLINE);
        }
    }

    fn start_worker(&mut self) {
        let (generation, frame) = (self.generation, Limits::default().max_frame);
        self.generation += 1;
        let started = start::start(&self.program, generation, frame, &self.events, self.planted);
        match started {
            Ok((child, outbox)) => {
                self.worker = Some(Live::new(generation, child, outbox, self.planted));
            }
            Err(error) => {
                self.restart = Instant::now() + BACKOFF;
                say(&json!({"worker": "gone", "reason": error.to_string()}));
            }
        }
    }

    fn heard(&mut self, generation: u64, heard: Heard) {
        let Some(live) = &mut self.worker else {
            return;
        };
        if live.generation != generation {
            return;
        }
        let next = match heard {
            Heard::Message(message) => live.hear(message),
            Heard::Violation(violation) => Err(violation),
            Heard::End => Ok(Next::Goes("closed its connection".into())),
        };
        match next {
            Ok(Next::Stays) => self.replace_if_retired(),
            Ok(Next::Goes(reason)) => self.end_worker(&reason),
            Err(Violation {
                requirement,
                detail,
            }) => {
                if self.is(Fault::NamesNoRequirement) {
                    self.end_worker("broke the protocol");
                } else {
                    self.end_worker(&format!("broke the protocol ({requirement}): {detail}"));
                }
            }
        }
    }

    fn replace_if_retired(&mut self) {
        let Some(live) = &mut self.worker else {
            return;
        };
        let stays = live.is(Fault::StartsAJobAfterRetire);
        if live.retired && live.jobs.is_empty() && !stays {
            live.shut_down(ShutdownReason::RETIRED);
        }
    }

    /// Closes the connection, kills what is left of it, and loses its jobs.
    fn end_worker(&mut self, reason: &str) {
        let Some(mut live) = self.worker.take() else {
            return;
        };
        self.restart = Instant::now() + BACKOFF;
        let by_status = self.is(Fault::TakesTheExitStatusForAnOutcome);
        let well = by_status && live.child.wait().is_ok_and(|status| status.success());
        live.outbox.close();
        start::kill(&mut live.child);
        for (number, mut job) in live.jobs {
            // Its handler never began: nothing of it has happened.
            let again = !job.accepted || live.planted.is(Fault::TriesAnAcceptedJobAgain);
            let again = again && job.attempt < ATTEMPTS && job.last_chance.is_none();
            if again && !self.closing {
                job.attempt += 1;
                job.accepted = false;
                self.queue.push_front(job);
            } else if well {
                job.finish(&greenroom_protocol::JobFinished {
                    job: number,
                    cancelled: false,
                    failure: None,
                });
            } else {
                job.lose(reason);
            }
        }
        for (job, end) in &live.done {
            job.finish(end);
        }
        say(&json!({"worker": "gone", "reason": reason}));
    }
}
