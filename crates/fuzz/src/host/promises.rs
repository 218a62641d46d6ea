//! What a machine may do, checked against all that it did before.

use std::collections::BTreeMap;

use greenroom_protocol::version::output_cost;
use greenroom_protocol::{HostMessage, Limits};
use greenroom_supervision::worker::{Action, State};
use greenroom_supervision::{JobUpdate, Worker};

/// What has been seen of a worker that was spawned.
#[derive(Default)]
pub(super) struct Promises {
    /// Its stream has ended: nothing more can be sent.
    pub(super) disconnected: bool,
    pub(super) killed: bool,
    pub(super) exited: bool,
    pings: u64,
    jobs: BTreeMap<u64, Job>,
}

#[derive(Default)]
struct Job {
    accepted: bool,
    finished: bool,
    /// What it may still send, in bytes.
    window: u64,
}

impl Promises {
    pub(super) fn launched(&mut self, number: u64) {
        let job = Job {
            window: u64::from(Limits::MIN_OUTPUT_WINDOW),
            ..Job::default()
        };
        let before = self.jobs.insert(number, job);
        assert!(before.is_none(), "job number {number} twice");
    }

    pub(super) fn check(&mut self, action: &Action) {
        assert!(!self.exited, "after the exit: {action:?}");
        match action {
            Action::Send(message) => {
                assert!(!self.killed, "after the kill: {message:?}");
                assert!(!self.disconnected, "nobody hears {message:?}");
                assert!(message.encode().is_ok(), "cannot be written: {message:?}");
                self.sent(message);
            }
            Action::Kill => {
                assert!(!self.killed, "killed twice");
                self.killed = true;
            }
            Action::SampleMemory => assert!(!self.killed),
            Action::Job(number, update) => self.updated(*number, update),
            Action::Exited(_) => {
                self.exited = true;
                let lost = self.jobs.values().filter(|job| !job.finished).count();
                assert_eq!(lost, 0, "jobs without an outcome");
            }
            Action::Call { .. } | Action::Notice(_) => {}
        }
    }

    fn sent(&mut self, message: &HostMessage) {
        match message {
            HostMessage::Ping(ping) => {
                assert_eq!(ping.seq, self.pings);
                self.pings += 1;
            }
            HostMessage::JobWindow(window) => {
                let job = self
                    .jobs
                    .get_mut(&window.job)
                    .expect("a job that was launched");
                assert!(!job.finished, "room for a job that has ended");
                job.window += u64::from(window.bytes);
                assert!(job.window <= u64::from(Limits::MIN_OUTPUT_WINDOW));
            }
            _ => {}
        }
    }

    fn updated(&mut self, number: u64, update: &JobUpdate) {
        let job = self.jobs.get_mut(&number).expect("a job that was launched");
        assert!(!job.finished, "after its end: {update:?}");
        match update {
            JobUpdate::Accepted => {
                assert!(!job.accepted, "accepted twice");
                job.accepted = true;
            }
            JobUpdate::Output(data) => {
                assert!(job.accepted, "output before it was accepted");
                let left = job.window.checked_sub(output_cost(data.len()));
                job.window = left.expect("output beyond the window was refused");
            }
            JobUpdate::Finished(_) => job.finished = true,
        }
    }

    pub(super) fn check_state(&self, machine: &Worker) {
        let running = self.jobs.values().filter(|job| !job.finished).count();
        assert_eq!(running, machine.running());
        assert_eq!(self.exited, machine.state() == State::Exited);
        assert_eq!(
            self.exited,
            machine.poll_timeout().is_none(),
            "a live worker has a deadline: {machine:?}"
        );
    }
}
