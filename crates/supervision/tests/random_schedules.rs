//! Whatever happens to a worker, in whatever order, these hold.
//!
//! A schedule is a list of plain numbers that is read as facts, messages, commands and waits. So
//! every list is a schedule, and a failing one shrinks to a short one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, Capabilities, DeadlineKind, DecodeError, ExtendDeadline, FailureKind, FrameError,
    HostMessage, InitializeCode, InitializeError, InitializeResponse, JobFailure, JobFinished,
    Limits, MessageType, Retire, ShutdownReason, ShuttingDown, WorkerMessage,
};
use greenroom_supervision::worker::{Action, Hello, Malformed, Notice, State};
use greenroom_supervision::{
    ExitReason, ExitStatus, JobUpdate, SpawnFailure, Time, Worker, WorkerPolicy,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use sim::{
    Child, First, KILLED, PID, Sim, accepted, at, cancelled, exiting, finished, job_with, ms,
    output, pong, ready, secs, stack_dump,
};

/// The same schedules in every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for others.
fn config(seed: u64) -> Config {
    let given = Config::default();
    Config {
        cases: given.cases.max(20_000),
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(seed),
            fixed => fixed,
        },
        failure_persistence: None,
        ..given
    }
}

fn choices() -> impl Strategy<Value = Vec<(u8, u16)>> {
    proptest::collection::vec(any::<(u8, u16)>(), 0..60)
}

#[derive(Debug, Default)]
struct JobSeen {
    accepted: bool,
    finished: bool,
    /// Bytes that it may still send.
    window: u64,
}

/// Drives one worker and holds everything it does against what was promised.
struct Watch {
    now: Time,
    worker: Worker,
    spawned: bool,
    connected: bool,
    kills: u32,
    slots: usize,
    pings: u64,
    jobs: BTreeMap<u64, JobSeen>,
    exited: bool,
}

impl Watch {
    fn new(arg: u16) -> Self {
        let policy = WorkerPolicy {
            ping_timeout: secs(12),
            memory_limit: (arg & 1 != 0).then_some(1_000_000_000),
            memory_warn: (arg & 2 != 0).then_some(500_000_000),
            max_calls: 2,
            max_slots: (arg & 4 != 0).then_some(2),
            ..WorkerPolicy::default()
        };
        let mut watch = Self {
            now: Time::ZERO,
            worker: Worker::new(policy, Hello::default(), Time::ZERO),
            spawned: false,
            connected: false,
            kills: 0,
            slots: 0,
            pings: 0,
            jobs: BTreeMap::new(),
            exited: false,
        };
        watch.settle();
        // Most schedules begin where most of a life is spent.
        if arg & 0x30 != 0 {
            watch.spawn();
            watch.hear(WorkerMessage::InitializeResponse(InitializeResponse {
                slots: 3,
                capabilities: Capabilities(u64::from(arg >> 8 & 1)),
                ..ready()
            }));
        }
        watch
    }

    fn spawn(&mut self) {
        if !self.exited {
            self.connected |= !self.spawned;
            self.spawned = true;
        }
        self.worker.handle_spawned(self.now, PID);
        self.settle();
    }

    fn hear(&mut self, message: WorkerMessage) {
        self.worker.handle_message(self.now, message);
        self.settle();
    }

    /// Checks each action against all that was seen before it.
    fn settle(&mut self) {
        while let Some(action) = self.worker.poll_action() {
            assert!(!self.exited, "after the exit: {action:?}");
            match action {
                Action::Send(message) => {
                    assert!(self.spawned, "nobody is there to hear {message:?}");
                    assert!(self.connected, "the connection is gone: {message:?}");
                    assert_eq!(self.kills, 0, "after the kill: {message:?}");
                    self.sent(&message);
                }
                Action::SampleMemory => assert_eq!(self.kills, 0),
                Action::Kill => {
                    assert!(self.spawned, "there is nothing to kill");
                    self.kills += 1;
                    assert_eq!(self.kills, 1, "killed twice");
                }
                Action::Job(number, update) => self.job(number, &update),
                Action::Notice(Notice::Ready { slots, .. }) => {
                    assert_eq!(self.slots, 0, "ready twice");
                    self.slots = slots as usize;
                }
                Action::Exited(report) => {
                    self.exited = true;
                    let unfinished: Vec<_> =
                        self.jobs.iter().filter(|(_, job)| !job.finished).collect();
                    assert!(unfinished.is_empty(), "lost without a word: {unfinished:?}");
                    assert!(report.journey.len() <= 6);
                    let life: Duration = report.journey.iter().map(|(_, span)| *span).sum();
                    assert_eq!(life, self.now - Time::ZERO, "each moment is in the journey");
                    assert_eq!(report.pid.is_some(), self.spawned);
                }
                Action::Call { .. } | Action::Notice(_) => {}
            }
        }
        let running = self.jobs.values().filter(|job| !job.finished).count();
        assert_eq!(running, self.worker.running());
        assert!(running + self.worker.free_slots() <= self.slots, "too many");
        assert_eq!(self.exited, self.worker.state() == State::Exited);
        assert_eq!(
            self.exited,
            self.worker.poll_timeout().is_none(),
            "a live worker always has a deadline: {:?}",
            self.worker
        );
    }

    fn sent(&mut self, message: &HostMessage) {
        match message {
            HostMessage::Ping(ping) => {
                assert_eq!(ping.seq, self.pings, "pings are counted");
                self.pings += 1;
            }
            HostMessage::JobWindow(window) => {
                let job = self.jobs.get_mut(&window.job).unwrap();
                assert!(!job.finished);
                job.window += u64::from(window.bytes);
                assert!(job.window <= u64::from(Limits::default().output_window));
            }
            _ => {}
        }
    }

    fn job(&mut self, number: u64, update: &JobUpdate) {
        let job = self.jobs.get_mut(&number).expect("a job that was launched");
        assert!(!job.finished, "after its end: {update:?}");
        match update {
            JobUpdate::Accepted => {
                assert!(!job.accepted, "accepted twice");
                job.accepted = true;
            }
            JobUpdate::Output(data) => {
                assert!(job.accepted);
                job.window = job.window.checked_sub(data.len() as u64).unwrap();
            }
            JobUpdate::Finished(_) => job.finished = true,
        }
    }

    fn launch(&mut self, arg: u16) {
        let deadline = (arg & 3 != 0).then(|| ms(u64::from(arg)));
        let input = Bytes::from_static(&[7; 600_000]).slice(..usize::from(arg >> 15) * 600_000);
        let free = self.worker.free_slots();
        match self.worker.launch(self.now, job_with("j", deadline, input)) {
            Ok(number) => {
                assert!(free > 0);
                let job = JobSeen {
                    window: u64::from(Limits::default().output_window),
                    ..JobSeen::default()
                };
                assert!(
                    self.jobs.insert(number, job).is_none(),
                    "a number of its own"
                );
            }
            Err(_) => assert_eq!(free, 0),
        }
    }

    /// A job's number: mostly one that there is.
    fn some_job(&self, arg: u16) -> u64 {
        let known = self.jobs.len();
        let at = usize::from(arg & 0xff) % (known + 1);
        self.jobs.keys().nth(at).copied().unwrap_or(99)
    }

    fn step(&mut self, choice: u8, arg: u16) {
        let (now, wide) = (self.now, u64::from(arg));
        let number = self.some_job(arg);
        match choice % 40 {
            // Waits: none, short, up to the next deadline, a little late, a stall.
            0..=2 => self.now = now + ms(wide % 3_000),
            3..=6 => {
                self.now = now.max(self.worker.poll_timeout().unwrap_or(now));
                self.worker.handle_timeout(self.now);
            }
            7 => {
                self.now = self.worker.poll_timeout().unwrap_or(now).max(now) + ms(wide % 120);
                self.worker.handle_timeout(self.now);
            }
            8 => self.now = now + ms(wide * 10),
            9 => self.early_wake_ups_do_nothing(),
            // Facts.
            10 => self.spawn(),
            11 if !self.spawned => {
                let failure = SpawnFailure {
                    step: "run".into(),
                    errno: None,
                    message: String::new(),
                    permanent: false,
                };
                self.worker.handle_spawn_failed(now, failure);
            }
            12 => {
                self.worker.handle_malformed(now, &malformed(arg));
                // It may count as a disconnect.
                self.connected = false;
            }
            13 if arg.is_multiple_of(4) => {
                self.worker.handle_disconnected(now);
                self.connected = false;
            }
            14 if arg.is_multiple_of(4) && self.spawned => {
                self.worker.handle_exit(now, status(arg));
            }
            15 => self.worker.handle_memory(now, wide * 20_000),
            16 => {
                let result = if arg & 8 == 0 {
                    Ok(Bytes::new())
                } else {
                    Err("no".into())
                };
                self.worker.handle_call_result(now, wide % 4, result);
            }
            // Commands.
            17..=20 => self.launch(arg),
            21 => self.worker.cancel(now, number),
            22 => self.worker.grant(now, number, wide * 64),
            23 if arg.is_multiple_of(4) => self.worker.close(now, ShutdownReason::REQUESTED),
            24 if arg.is_multiple_of(4) => self.worker.kill(now, "operator"),
            // Messages.
            _ => self
                .worker
                .handle_message(now, self.message(choice, arg, number)),
        }
        self.settle();
    }

    fn message(&self, choice: u8, arg: u16, number: u64) -> WorkerMessage {
        let wide = u64::from(arg);
        match choice % 15 {
            0 => WorkerMessage::InitializeResponse(response(arg)),
            1..=3 => pong((self.pings + wide % 8).saturating_sub(1 + wide % 2)),
            4 if arg.is_multiple_of(4) => WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }),
            5 if arg.is_multiple_of(4) => exiting("so"),
            6 => WorkerMessage::ExtendDeadline(ExtendDeadline {
                which: DeadlineKind(arg % 5),
                job: number,
                extra_ms: wide,
            }),
            7 if arg.is_multiple_of(4) => WorkerMessage::Retire(Retire {
                reason: String::new(),
            }),
            8 | 9 => accepted(number),
            10 => output(
                number,
                Bytes::from_static(&[0; 200_000]).slice(..usize::from(arg) * 3),
            ),
            11 => finished(number),
            12 => cancelled(number),
            13 => WorkerMessage::JobFinished(
                JobFinished {
                    job: number,
                    cancelled: false,
                    failure: Some(JobFailure {
                        kind: FailureKind::ERROR,
                        message: String::new(),
                        retryable: false,
                    }),
                },
                Bytes::new(),
            ),
            14 => {
                let request = CallRequest {
                    call: wide % 8,
                    method: String::new(),
                };
                WorkerMessage::CallRequest(request, Bytes::new())
            }
            _ => stack_dump("main"),
        }
    }

    fn early_wake_ups_do_nothing(&mut self) {
        if self.worker.poll_timeout().is_some_and(|due| due > self.now) {
            let before = format!("{:?}", self.worker);
            self.worker.handle_timeout(self.now);
            assert_eq!(before, format!("{:?}", self.worker));
        }
    }

    /// From here on it hears of nothing but the time and, if it kills, of the exit.
    fn leave_alone(&mut self, obeys_a_kill: bool) {
        for _ in 0..400 {
            if self.exited {
                return self.dead_workers_do_nothing();
            }
            if self.kills > 0 && obeys_a_kill {
                self.now = self.now + ms(2);
                self.worker.handle_exit(self.now, KILLED);
            } else {
                let due = self.worker.poll_timeout().unwrap();
                self.now = self.now.max(due);
                self.worker.handle_timeout(self.now);
                assert!(
                    self.worker
                        .poll_timeout()
                        .is_none_or(|next| next > self.now),
                    "it asks for a moment that has passed: {:?}",
                    self.worker
                );
            }
            self.settle();
        }
        panic!("it does not end: {:?}", self.worker);
    }

    fn dead_workers_do_nothing(&mut self) {
        for choice in 0..40 {
            self.step(choice, 4);
        }
    }
}

fn malformed(arg: u16) -> Malformed {
    match arg % 8 {
        0 => Malformed::Frame(FrameError::TooLarge { length: 9, max: 1 }),
        1 => Malformed::Message(DecodeError::WrongDirection(MessageType::PING)),
        _ => Malformed::Frame(FrameError::Truncated { have: 1, need: 6 }),
    }
}

fn status(arg: u16) -> ExitStatus {
    match arg % 3 {
        0 => ExitStatus::Code(i32::from(arg % 2)),
        1 => KILLED,
        _ => ExitStatus::OutOfMemory,
    }
}

fn response(arg: u16) -> InitializeResponse {
    let error = (arg % 16 == 1).then(|| InitializeError {
        code: InitializeCode::FAILED,
        message: "no".into(),
    });
    InitializeResponse {
        error,
        protocol: if arg % 16 == 2 { 9 } else { 1 },
        capabilities: Capabilities(u64::from(arg & 1)),
        slots: u32::from(arg >> 4) % 5,
        ..ready()
    }
}

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn any_schedule_keeps_every_promise(start: u16, choices in choices(), obeys: bool) {
        let mut watch = Watch::new(start);
        for (choice, arg) in choices {
            watch.step(choice, arg);
        }
        watch.leave_alone(obeys);
    }
}

/// A process that always answers, and a host that may stop at any moment for any time.
#[derive(Clone, Debug)]
struct Stalled {
    first_facts: bool,
    latency: u16,
    works: u16,
    deadline: Option<u16>,
    /// How long the host runs, then for how long it does not: both in units of 10 ms.
    stalls: Vec<(u8, u16)>,
}

fn stalled() -> impl Strategy<Value = Stalled> {
    (
        any::<bool>(),
        0..400_u16,
        0..3_000_u16,
        proptest::option::of(500..5_000_u16),
        proptest::collection::vec(any::<(u8, u16)>(), 1..6),
    )
        .prop_map(|(first_facts, latency, works, deadline, stalls)| Stalled {
            first_facts,
            latency,
            works,
            deadline,
            stalls,
        })
}

proptest! {
    #![proptest_config(config(2))]

    #[test]
    fn stalls_of_any_length_kill_nobody_that_answers(stalled in stalled()) {
        let latency = Some(ms(stalled.latency.into()));
        let child = Child {
            initializes: latency,
            pongs: latency,
            accepts: latency,
            stops: latency,
            leaves: latency,
            works: Some(ms(u64::from(stalled.latency) + u64::from(stalled.works))),
            ..Child::healthy()
        };
        let policy = WorkerPolicy { ping_timeout: secs(10), ..WorkerPolicy::default() };
        let mut sim = Sim::new(child, policy);
        sim.first = if stalled.first_facts { First::Facts } else { First::Timer };
        let mut end = Time::ZERO;
        for (runs, stops) in stalled.stalls {
            let from = end + ms(u64::from(runs) * 10);
            end = from + ms(u64::from(stops) * 10);
            sim.frozen.push((from, end));
        }
        while sim.worker.free_slots() == 0 {
            prop_assert!(sim.step());
        }
        sim.launch(stalled.deadline.map(|span| ms(span.into())));
        while sim.worker.running() > 0 {
            prop_assert!(sim.step());
        }
        sim.run_until(end.max(at(secs(5))) + secs(15));
        prop_assert_eq!(sim.worker.state(), State::Ready);
        sim.close();
        prop_assert_eq!(sim.run_to_exit().reason, ExitReason::Clean);
        prop_assert_eq!(sim.kills(), []);
    }
}
