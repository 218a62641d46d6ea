//! What the system and others tell a worker's task.

use std::io;
use std::time::Duration;

use greenroom_protocol::{DecodeError, WorkerMessage};
use greenroom_supervision::worker::{LaunchRefused, Malformed, State};
use greenroom_supervision::{ExitStatus, SpawnFailure, Time};

use super::body::{Body, Running};
use super::{Driver, Input, Owner, Tidings};
use crate::channel::{Channel, Read};
use crate::clock;
use crate::job::{JobCommand, Ticket};
use crate::logs::Logs;
use crate::os::{self, SIGKILL, Spawned};

/// How long output may still come once the process has ended. Who holds the pipes longer is
/// somebody else.
const DRAIN: Duration = Duration::from_millis(200);

impl Driver {
    pub(super) fn spawned(&mut self, now: Time, spawned: Spawned) {
        let Spawned {
            mut child,
            stdin,
            stdout,
            stderr,
            shortcomings,
        } = spawned;
        let pid = child.id();
        for shortcoming in shortcomings {
            tracing::warn!(worker = %self.id, pid, %shortcoming, "a worker runs without a limit");
        }
        let body = child.watch().and_then(|()| {
            let socket = stdin.ok_or_else(|| io::Error::other("it has no control socket"))?;
            Ok(Body::Running(Box::new(Running {
                logs: Logs::new(self.id, pid, stdout, stderr)?,
                channel: Some(Channel::new(socket)?),
                child,
            })))
        });
        match body {
            Ok(body) => {
                self.body = body;
                self.machine.handle_spawned(now, pid);
            }
            // The child was dropped on the way, and so ended.
            Err(error) => {
                self.body = Body::nothing();
                let failure = SpawnFailure {
                    step: "watch the process".into(),
                    errno: error.raw_os_error(),
                    message: error.to_string(),
                    permanent: false,
                };
                self.machine.handle_spawn_failed(now, failure);
            }
        }
    }

    /// The process has ended: what it still said counts, then it is reaped.
    pub(super) async fn exited(&mut self, now: Time) {
        if let Some(channel) = self.body.channel() {
            channel.forget();
        }
        self.read_what_is_there(now);
        self.perform().await;
        let jobs = self.job_ids();
        let Body::Running(running) = std::mem::replace(&mut self.body, Body::nothing()) else {
            return;
        };
        let Running {
            child, mut logs, ..
        } = *running;
        // What it has left behind in its group would hold the pipes open.
        child.kill();
        let drained = tokio::time::timeout(DRAIN, async {
            while !logs.ended() {
                let printed = std::future::poll_fn(|context| logs.poll_read(context)).await;
                logs.take(&printed, clock::now(), &jobs);
            }
        });
        let output_held_open = drained.await.is_err();
        let status = child.reap().unwrap_or(ExitStatus::Code(-1));
        let status = if self.was_out_of_memory(status) {
            ExitStatus::OutOfMemory
        } else {
            status
        };
        let (last_lines, dropped_lines) = logs.finish();
        self.body = Body::Gone {
            last_lines,
            dropped_lines,
            output_held_open,
        };
        self.machine.handle_exit(clock::now(), status);
    }

    /// The system kills with the same signal as everybody else.
    fn was_out_of_memory(&self, status: ExitStatus) -> bool {
        let killed = matches!(
            status,
            ExitStatus::Signal {
                signal: SIGKILL,
                ..
            }
        );
        killed && self.machine.state() != State::Killing && os::out_of_memory_since_last_look()
    }

    /// Takes the frames that a read brought.
    pub(super) fn frames(&mut self, now: Time, read: Read) {
        while let Some(channel) = self.body.channel() {
            let message = match channel.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => WorkerMessage::decode(frame),
                Err(error) => return self.malformed(now, &error.into()),
            };
            match message {
                Ok(Some(message)) => {
                    self.machine.handle_message(now, message);
                    self.accept_frames();
                }
                Ok(None) => {}
                Err(error) => return self.malformed(now, &DecodeError::into(error)),
            }
        }
        if read == Read::Gone {
            self.disconnected(now);
        }
    }

    /// A new limit holds from the very next frame, which may have been read already.
    fn accept_frames(&mut self) {
        if let Some(max_frame) = self.machine.max_frame()
            && let Some(channel) = self.body.channel()
        {
            channel.set_max_frame(max_frame);
        }
    }

    fn malformed(&mut self, now: Time, malformed: &Malformed) {
        self.close_channel();
        self.machine.handle_malformed(now, malformed);
    }

    pub(super) fn disconnected(&mut self, now: Time) {
        let ended = self.close_channel().map(|mut channel| channel.check_end());
        match ended {
            Some(Err(cut)) => self.machine.handle_malformed(now, &cut.into()),
            Some(Ok(())) | None => self.machine.handle_disconnected(now),
        }
    }

    fn close_channel(&mut self) -> Option<Channel> {
        match &mut self.body {
            Body::Running(running) => running.channel.take(),
            Body::Spawning(_) | Body::Gone { .. } => None,
        }
    }

    /// Bypasses the runtime, which may not have looked yet: an answer that is there counts before
    /// time does, and a result before death.
    pub(super) fn read_what_is_there(&mut self, now: Time) {
        let Some(channel) = self.body.channel() else {
            return;
        };
        let read = channel.read_now();
        if read != Read::Nothing {
            self.frames(now, read);
        }
    }

    pub(super) async fn input(&mut self, now: Time, input: Input) {
        match input {
            Input::Launch(ticket) => self.launch(now, ticket).await,
            Input::Job(request, command) => {
                let Some(&number) = self.numbers.get(&request) else {
                    return;
                };
                if !matches!(command, JobCommand::Grant(_))
                    && let Some(ticket) = self.jobs.get_mut(&number)
                {
                    ticket.attempts.stopped = true;
                }
                match command {
                    JobCommand::Grant(bytes) => self.machine.grant(now, number, bytes),
                    JobCommand::Cancel => self.machine.cancel(now, number),
                    JobCommand::Kill => self.machine.kill(now, "the job was killed"),
                }
            }
            Input::Close(reason) => self.machine.close(now, reason),
            Input::Kill(by) => self.machine.kill(now, by),
        }
    }

    /// A process that has just ended shows nothing. One that lives and shows nothing twice cannot be
    /// measured, and its limits do not hold.
    pub(super) fn note_whether_measured(&mut self, rss: u64) {
        self.unmeasured = if rss == 0 { self.unmeasured + 1 } else { 0 };
        let lives = || matches!(&self.body, Body::Running(running) if !running.child.has_exited());
        if self.unmeasured == 2 && lives() {
            tracing::warn!(
                worker = %self.id,
                "its memory cannot be measured, so that its memory limits do not hold: is the host \
                 out of file descriptors?"
            );
        }
    }

    async fn launch(&mut self, now: Time, mut ticket: Box<Ticket>) {
        match self.machine.launch(now, ticket.to_request()) {
            Ok(number) => {
                ticket.launched(self.id);
                self.numbers.insert(ticket.request, number);
                self.jobs.insert(number, ticket);
            }
            Err(LaunchRefused::Busy { .. }) if matches!(self.owner, Owner::Pool(_)) => {
                // It began to leave when the pool did not know yet.
                let used = false;
                self.tell(Tidings::Returned { ticket, used }).await;
            }
            Err(refused) => {
                let request = ticket.request;
                let job = ticket.id().to_owned();
                ticket.fail_launch(refused);
                self.tell(Tidings::Refused { request, job }).await;
            }
        }
    }
}
