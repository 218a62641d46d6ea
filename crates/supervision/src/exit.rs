//! How a worker's life ended, and why.

use std::fmt;
use std::time::Duration;

use crate::text::Span;
use crate::worker::State;

/// Why a worker is gone. Whoever ends a worker says why before doing it; only a worker that ended
/// by itself is judged by its exit status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExitReason {
    /// It left as it was asked to, or said that it would, with code 0.
    #[error("exited cleanly")]
    Clean,
    /// It left by itself with a code; 0 means that nobody had asked it to.
    #[error("exited with code {code}{}", unasked(*.code))]
    Code {
        /// The code.
        code: i32,
    },
    /// A signal that this host did not send ended it.
    #[error("was killed by {}{}", SignalName(*.signal), if *.core { " (core dumped)" } else { "" })]
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core file.
        core: bool,
    },
    /// The system killed it, most likely because memory ran out: it was SIGKILL, nobody here had sent
    /// it, and the system has killed for want of memory meanwhile.
    #[error("was killed by the system, which was out of memory")]
    OutOfMemory,
    /// It could not be started.
    #[error("could not be started: {0}")]
    SpawnFailed(SpawnFailure),
    /// It was not ready in time.
    #[error("was not ready after {} ({phase})", Span(*.after))]
    InitializeTimeout {
        /// What it was doing.
        phase: InitializePhase,
        /// The limit, extensions included.
        after: Duration,
    },
    /// It said that it cannot be used.
    #[error("could not initialize: {message}")]
    InitializeFailed {
        /// Its own words.
        message: String,
    },
    /// It is of another build than the first worker of its program, and the policy refuses that.
    #[error(
        "is of build {found:?}, the pool's is {expected:?}: the program on disk was replaced; call Pool::reload to take it"
    )]
    ProgramChanged {
        /// The build of the first worker.
        expected: String,
        /// The build of this one.
        found: String,
    },
    /// It did not answer pings.
    #[error("did not answer a ping for {}", Span(*.silent_for))]
    PingTimeout {
        /// How long its last answer took, if there was one.
        last_rtt: Option<Duration>,
        /// For how long it was silent.
        silent_for: Duration,
    },
    /// It used more memory than it may.
    #[error("used {} of memory, the limit is {}", MiB(*.rss), MiB(*.limit))]
    MemoryLimit {
        /// Resident bytes when it was measured.
        rss: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It was asked to leave and did not in time.
    #[error("did not leave within {}", Span(*.after))]
    CloseTimeout {
        /// The limit, extensions included.
        after: Duration,
    },
    /// It broke the protocol.
    #[error("broke the protocol ({requirement}): {detail}")]
    ProtocolViolation {
        /// The requirement of `proto-spec/` that it broke.
        requirement: &'static str,
        /// What it sent.
        detail: String,
    },
    /// A job ran past its deadline and did not stop when it was told to.
    #[error("job {job} ran past its deadline of {} and did not stop", Span(*.deadline))]
    JobDeadline {
        /// The job's id.
        job: String,
        /// The deadline, extensions included.
        deadline: Duration,
    },
    /// A job was cancelled and did not stop.
    #[error("job {job} was cancelled and did not stop within {}", Span(*.after))]
    CancelIgnored {
        /// The job's id.
        job: String,
        /// How long it had to stop.
        after: Duration,
    },
    /// It closed its socket but lived on.
    #[error("closed its connection and did not exit")]
    Disconnected,
    /// It was not ready in time.
    #[error("was not ready within {}", Span(*.after))]
    StartTimeout {
        /// The limit, extensions included.
        after: Duration,
    },
    /// It printed nothing for too long.
    #[error("printed nothing for {}", Span(*.silent_for))]
    Silent {
        /// For how long.
        silent_for: Duration,
    },
    /// A check failed too often in a row.
    #[error("check {check} failed {failures} times in a row: {message}")]
    CheckFailed {
        /// The check's name.
        check: String,
        /// How often.
        failures: u32,
        /// What went wrong the last time.
        message: String,
    },
    /// It did not give its sign of life, or asked to be ended for cause.
    #[error("{}", no_sign(*.silent_for))]
    Watchdog {
        /// For how long; zero if it asked for it.
        silent_for: Duration,
    },
    /// A task returned an error, or a pool could not start.
    #[error("failed: {message}")]
    Failed {
        /// Its own words.
        message: String,
    },
    /// A task panicked.
    #[error("panicked: {message}")]
    Panicked {
        /// Its words.
        message: String,
    },
    /// It did not end in time, and there is no way to make it.
    #[error("did not end within {} and was abandoned", Span(*.after))]
    Abandoned {
        /// How long it had.
        after: Duration,
    },
    /// Another member of its group ended.
    #[error("was ended with its group, because {culprit} ended")]
    GroupRestart {
        /// Who.
        culprit: String,
    },
    /// Somebody had it killed.
    #[error("was killed on request: {by}")]
    Requested {
        /// Who, or in which course of events.
        by: String,
    },
    /// The host itself ended.
    #[error("the host is gone")]
    HostGone,
}

/// The part of a start that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitializePhase {
    /// The system had not started the process yet.
    Spawn,
    /// The process ran but had not answered the handshake.
    Handshake,
}

impl fmt::Display for InitializePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spawn => "the process had not started",
            Self::Handshake => "it had not answered InitializeRequest",
        })
    }
}

/// What the system refused when a worker was to be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {message}")]
pub struct SpawnFailure {
    /// What was tried, with its object: `run /usr/bin/nothing`.
    pub step: String,
    /// The system's error number, if there is one.
    pub errno: Option<i32>,
    /// The system's words.
    pub message: String,
    /// Whether another try can only fail again: no such file, not executable.
    pub permanent: bool,
}

/// What the system says of a process that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It returned this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core file.
        core: bool,
    },
    /// The system ended it because memory ran out.
    OutOfMemory,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal {
                signal,
                core: false,
            } => SignalName(signal).fmt(f),
            Self::OutOfMemory => f.write_str("SIGKILL (out of memory)"),
            Self::Signal { signal, core: true } => write!(f, "{} (core)", SignalName(signal)),
        }
    }
}

/// Everything that is known of a worker's life once it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitReport {
    /// The process, if there ever was one.
    pub pid: Option<u32>,
    /// Why it is gone.
    pub reason: ExitReason,
    /// What the system said; `None` if it never started, or still had not ended when it was given
    /// up.
    pub status: Option<ExitStatus>,
    /// Each state it went through, and for how long. At most six entries.
    pub journey: Vec<(State, Duration)>,
    /// The most resident memory that was measured, in bytes; 0 if it was never measured.
    pub peak_memory: u64,
    /// The ids of the jobs it had when it ended.
    pub jobs: Vec<String>,
    /// The reason it gave itself in its last message.
    pub farewell: Option<String>,
    /// What its threads were doing, if it was asked before it was killed and answered.
    pub stacks: Option<String>,
}

/// Code 0 alone would read as if all were well.
fn unasked(code: i32) -> &'static str {
    if code == 0 {
        " without being asked"
    } else {
        ""
    }
}

/// One that asks to be ended has not been silent.
fn no_sign(silent_for: Duration) -> String {
    if silent_for.is_zero() {
        "asked to be ended for cause".to_owned()
    } else {
        format!("gave no sign of life for {}", Span(silent_for))
    }
}

/// Bytes for people.
struct MiB(u64);

impl fmt::Display for MiB {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

pub(crate) struct SignalName(pub(crate) i32);

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The numbers that Linux and the BSDs share, and the two of Linux that people send.
        let name = match self.0 {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            8 => "SIGFPE",
            9 => "SIGKILL",
            10 if cfg!(target_os = "linux") => "SIGUSR1",
            11 => "SIGSEGV",
            12 if cfg!(target_os = "linux") => "SIGUSR2",
            13 => "SIGPIPE",
            14 => "SIGALRM",
            15 => "SIGTERM",
            number => return write!(f, "signal {number}"),
        };
        f.write_str(name)
    }
}
