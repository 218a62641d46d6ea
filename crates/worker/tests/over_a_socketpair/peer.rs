//! The host's side of the scenarios: blocking, and every wait is bounded.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use greenroom_protocol::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// No scenario comes near it, unless something is broken.
const LIMIT: Duration = Duration::from_secs(20);

pub const WORKER: &str = "GREENROOM_WORKER";
pub const HOST_PID: &str = "GREENROOM_HOST_PID";
pub const ROLE: &str = "OVER_A_SOCKETPAIR_ROLE";

pub struct Peer {
    pub child: Child,
    pub socket: UnixStream,
    codec: FrameCodec,
    inbox: BytesMut,
}

/// This program again, as a worker in a group of its own.
pub fn command(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env(ROLE, role)
        .env(WORKER, "1")
        .env(HOST_PID, std::process::id().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

impl Peer {
    /// A worker that has read nothing yet.
    pub fn start(role: &str) -> Self {
        Self::start_as(command(role))
    }

    pub fn start_as(mut command: Command) -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
        let child = command.stdin(OwnedFd::from(theirs)).spawn().unwrap();
        Self {
            child,
            socket,
            codec: FrameCodec::default(),
            inbox: BytesMut::new(),
        }
    }

    /// A worker that is ready, with small windows.
    pub fn ready(role: &str) -> Self {
        let mut peer = Self::start(role);
        peer.initialize(request(), b"hello");
        peer
    }

    pub fn initialize(
        &mut self,
        request: InitializeRequest,
        arguments: &'static [u8],
    ) -> InitializeResponse {
        self.send(HostMessage::InitializeRequest(
            request,
            Bytes::from_static(arguments),
        ));
        match self.receive() {
            WorkerMessage::InitializeResponse(response) => {
                self.codec.set_max_frame(256 << 10);
                response
            }
            other => panic!("expected InitializeResponse, got {other:?}"),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "made on the spot")]
    pub fn send(&mut self, message: HostMessage) {
        self.try_send(&message).unwrap();
    }

    fn try_send(&mut self, message: &HostMessage) -> std::io::Result<()> {
        let mut bytes = BytesMut::new();
        message.encode().unwrap().write_to(&mut bytes);
        self.socket.write_all(&bytes)
    }

    pub fn start_job(&mut self, job: u64, name: &str, input: impl Into<Bytes>) {
        self.send(HostMessage::StartJob(start_job(job, name), input.into()));
    }

    pub fn ping(&mut self, seq: u64) {
        self.send(HostMessage::Ping(Ping { seq }));
    }

    pub fn cancel(&mut self, job: u64) {
        let reason = CancelReason::REQUESTED;
        self.send(HostMessage::CancelJob(CancelJob { job, reason }));
    }

    pub fn grant(&mut self, job: u64, bytes: u32) {
        self.send(HostMessage::JobWindow(JobWindow { job, bytes }));
    }

    pub fn shut_down(&mut self, grace_ms: u64) {
        let reason = ShutdownReason::SURPLUS;
        self.send(HostMessage::Shutdown(Shutdown { reason, grace_ms }));
    }

    /// The next message; fails at the end of the stream.
    pub fn receive(&mut self) -> WorkerMessage {
        self.next().expect("a message, not the end of the stream")
    }

    /// The next message, or `None` at the end of the stream.
    pub fn next(&mut self) -> Option<WorkerMessage> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.inbox).unwrap() {
                return Some(WorkerMessage::decode(frame).unwrap().unwrap());
            }
            let mut piece = [0; 4096];
            match self.socket.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.inbox.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came in {LIMIT:?}: {error}"),
            }
        }
    }

    pub fn expect_accepted(&mut self, job: u64) {
        assert_eq!(
            self.receive(),
            WorkerMessage::JobAccepted(JobAccepted { job })
        );
    }

    /// The end of a job, with all of its output; grants whatever the worker needs.
    pub fn outcome(&mut self, job: u64) -> (JobFinished, Vec<u8>) {
        let mut output = Vec::new();
        loop {
            match self.receive() {
                WorkerMessage::JobAccepted(accepted) => assert_eq!(accepted.job, job),
                WorkerMessage::JobOutput(from, data) => {
                    assert_eq!(from.job, job);
                    let bytes = u32::try_from(data.len()).unwrap();
                    let window = HostMessage::JobWindow(JobWindow { job, bytes });
                    // A worker that is leaving may have finished and exited meanwhile.
                    match self.try_send(&window) {
                        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                        sent => sent.unwrap(),
                    }
                    output.extend_from_slice(&data);
                }
                WorkerMessage::JobFinished(finished, data) => {
                    assert_eq!(finished.job, job);
                    output.extend_from_slice(&data);
                    return (finished, output);
                }
                other => panic!("expected the end of job {job}, got {other:?}"),
            }
        }
    }

    /// The output of a job that must succeed.
    pub fn output(&mut self, job: u64) -> Vec<u8> {
        let (finished, output) = self.outcome(job);
        assert_eq!((finished.cancelled, finished.failure), (false, None));
        output
    }

    /// The failure of a job that must fail.
    pub fn failure(&mut self, job: u64) -> JobFailure {
        let (finished, _) = self.outcome(job);
        finished.failure.expect("a failure")
    }

    /// The worker's exit, and what it wrote to standard error.
    pub fn exit(&mut self) -> (ExitStatus, String) {
        wait_for_end_of(self.child.id());
        let status = self.child.wait().unwrap();
        let mut errors = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_string(&mut errors).unwrap();
        (status, errors)
    }

    /// An orderly end.
    pub fn leave(mut self) -> String {
        self.shut_down(5_000);
        assert_eq!(
            self.receive(),
            WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 })
        );
        self.expect_exiting();
        let (status, errors) = self.exit();
        assert_eq!(status.code(), Some(0), "{errors}");
        errors
    }

    pub fn expect_exiting(&mut self) {
        assert!(matches!(self.receive(), WorkerMessage::Exiting(_)));
        assert_eq!(self.next(), None);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Only matters when a scenario has failed half-way.
        let group = Pid::from_child(&self.child);
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Waits until a process is a zombie or gone.
pub fn wait_for_end_of(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    let timeout = Timespec::try_from(LIMIT).unwrap();
    let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout));
    assert_eq!(ready, Ok(1), "process {pid} is still there after {LIMIT:?}");
}

pub fn request() -> InitializeRequest {
    InitializeRequest {
        protocol_min: 1,
        protocol_max: 9,
        capabilities: Capabilities(u64::MAX),
        slot: 3,
        generation: 4,
        host_name: "test".into(),
        host_version: "1".into(),
        limits: Limits {
            output_window: Limits::MIN_OUTPUT_WINDOW,
            max_payload: 1 << 20,
            ..Limits::default()
        },
        ping_interval_ms: 1,
        ping_timeout_ms: 1,
        high_ping_ms: 1,
        initialize_timeout_ms: 1,
        close_timeout_ms: 1,
        log_filter: String::new(),
        extensions: Vec::new(),
    }
}

pub fn start_job(job: u64, name: &str) -> StartJob {
    StartJob {
        job,
        id: format!("id-{job}"),
        name: name.into(),
        metadata: vec![Pair {
            key: "tenant".into(),
            value: "blue".into(),
        }],
        traceparent: String::new(),
        deadline_ms: 60_000,
        attempt: 2,
        last: true,
    }
}
