//! A host's machine, fed with what a worker may send and what else may happen.

mod promises;
mod script;

use std::time::Duration;

use bytes::BytesMut;
use greenroom_protocol::{FrameCodec, Limits, ShutdownReason, WorkerMessage};
use greenroom_supervision::worker::{Hello, LaunchRefused, State};
use greenroom_supervision::{ExitStatus, JobRequest, Time, Worker, WorkerPolicy};

use promises::Promises;
use script::{Script, Step};

/// So many wake-ups end every life: it only has to be killed, and given up on.
const LAST_WAKE_UPS: usize = 400;

/// Runs a script: steps of a kind byte and its arguments, see `script.rs`.
pub fn host(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut host = Host::new(script.byte());
    while let Some(step) = script.next_step() {
        host.step(step);
    }
    host.end();
}

struct Host {
    now: Time,
    machine: Worker,
    promises: Promises,
    codec: FrameCodec,
    /// What has arrived and is no whole frame yet.
    inbox: BytesMut,
    /// Whether the worker's stream is still read.
    open: bool,
}

impl Host {
    fn new(options: u8) -> Self {
        let policy = WorkerPolicy {
            initialize_timeout: Duration::from_secs(3),
            ping_timeout: Duration::from_secs(12),
            memory_limit: (options & 1 != 0).then_some(1_000_000_000),
            // As small as may be, so that a short script can exceed it.
            limits: Limits {
                output_window: Limits::MIN_OUTPUT_WINDOW,
                ..Limits::default()
            },
            max_calls: 2,
            max_slots: (options & 2 != 0).then_some(2),
            ..WorkerPolicy::default()
        };
        let mut host = Self {
            now: Time::ZERO,
            machine: Worker::new(policy, Hello::default(), Time::ZERO),
            promises: Promises::default(),
            codec: FrameCodec::default(),
            inbox: BytesMut::new(),
            open: true,
        };
        host.machine.handle_spawned(host.now, 4711);
        host.settle();
        host
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Bytes(bytes) => self.receive(&bytes),
            Step::EndOfStream => self.end_of_stream(),
            Step::Wait(span) => self.now = now + span,
            Step::WakeUp => self.wake_up(),
            Step::Launch { input, deadline } => self.launch(input, deadline),
            Step::Cancel(job) => self.machine.cancel(now, job),
            Step::Taken { job, bytes } => self.machine.grant(now, job, bytes),
            Step::Answer { call, result } => self.machine.handle_call_result(now, call, result),
            Step::Memory(rss) => self.machine.handle_memory(now, rss),
            Step::Close => self.machine.close(now, ShutdownReason::REQUESTED),
            Step::Kill => self.machine.kill(now, "operator"),
            Step::Exit(code) => self.exit(ExitStatus::Code(code)),
        }
        self.settle();
    }

    fn receive(&mut self, bytes: &[u8]) {
        if !self.open {
            return;
        }
        self.inbox.extend_from_slice(bytes);
        while self.open {
            // An agreement holds for the very next frame.
            if let Some(max) = self.machine.max_frame() {
                self.codec.set_max_frame(max);
            }
            let malformed = match self.codec.decode(&mut self.inbox) {
                Ok(None) => return,
                Ok(Some(frame)) => match WorkerMessage::decode(frame) {
                    Ok(None) => continue,
                    Ok(Some(message)) => {
                        self.machine.handle_message(self.now, message);
                        self.settle();
                        continue;
                    }
                    Err(error) => error.into(),
                },
                Err(error) => error.into(),
            };
            self.open = false;
            self.machine.handle_malformed(self.now, &malformed);
            self.settle();
            assert!(
                matches!(self.machine.state(), State::Killing | State::Exited),
                "{malformed} did not end it: {:?}",
                self.machine
            );
        }
    }

    fn end_of_stream(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        match self.codec.decode_eof(&mut self.inbox) {
            Ok(_) => self.machine.handle_disconnected(self.now),
            Err(error) => self.machine.handle_malformed(self.now, &error.into()),
        }
        self.promises.disconnected = true;
    }

    fn launch(&mut self, input: usize, deadline: Option<Duration>) {
        let free = self.machine.free_slots();
        let request = JobRequest {
            id: "j".into(),
            name: String::new(),
            metadata: Vec::new(),
            traceparent: String::new(),
            deadline,
            attempt: 1,
            input: vec![7; input].into(),
        };
        match self.machine.launch(self.now, request) {
            Ok(number) => {
                assert!(free > 0, "a job without a place");
                self.promises.launched(number);
            }
            Err(refused) => assert!(
                free == 0 || !matches!(refused, LaunchRefused::Busy { .. }),
                "{refused}"
            ),
        }
    }

    fn wake_up(&mut self) {
        if let Some(due) = self.machine.poll_timeout() {
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
        }
    }

    fn exit(&mut self, status: ExitStatus) {
        self.open = false;
        self.machine.handle_exit(self.now, status);
    }

    fn settle(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            self.promises.check(&action);
        }
        self.promises.check_state(&self.machine);
    }

    /// Nothing more is heard of the worker: the host must end it.
    fn end(mut self) {
        for _ in 0..LAST_WAKE_UPS {
            if self.promises.exited {
                return;
            }
            if self.promises.killed {
                self.exit(ExitStatus::Signal {
                    signal: 9,
                    core: false,
                });
            } else {
                self.wake_up();
            }
            self.settle();
        }
        panic!("it does not end: {:?}", self.machine);
    }
}
