//! What the tests of units share: the daemon, short policies, lines that it prints.

#![allow(dead_code, reason = "each test file uses a part")]

use std::net::TcpListener;
use std::time::Duration;

use greenroom::supervisor::{OutputLines, SupervisorBuilder};
use greenroom::unit::{Backoff, Regex, Restart, RestartPolicy, StopAction, StopLadder, StopStep};
use greenroom::{Command, Daemon, Supervisor, Unit};
use greenroom_tests::{Scratch, within};
use rustix::fs::{CWD, FileType, Mode, mknodat};

pub(crate) const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");
pub(crate) const SIGTERM: i32 = 15;
pub(crate) const SIGKILL: i32 = 9;

/// A daemon that takes these steps.
pub(crate) fn daemon(steps: &str) -> Daemon {
    let steps: Vec<String> = steps.split_whitespace().map(str::to_owned).collect();
    Daemon::new(move || Command::new(DAEMON).args(&steps))
}

/// One that ignores SIGTERM.
pub(crate) fn deaf_daemon(steps: &str) -> Daemon {
    let steps: Vec<String> = steps.split_whitespace().map(str::to_owned).collect();
    let deafly = "trap '' TERM; exec \"$0\" \"$@\"";
    Daemon::new(move || Command::new("sh").args(["-c", deafly, DAEMON]).args(&steps))
}

pub(crate) fn unit(name: &str, steps: &str) -> Unit {
    Unit::new(name, daemon(steps))
}

/// Restarts that do not keep a test waiting.
pub(crate) fn quick() -> RestartPolicy {
    RestartPolicy {
        backoff: Backoff {
            initial: Duration::from_millis(10),
            max: Duration::from_millis(40),
        },
        ..RestartPolicy::default()
    }
}

pub(crate) fn ladder(steps: &[(StopAction, u64)]) -> StopLadder {
    let step = |(action, ms): &(StopAction, u64)| StopStep {
        action: action.clone(),
        wait: Duration::from_millis(*ms),
    };
    StopLadder {
        steps: steps.iter().map(step).collect(),
    }
}

pub(crate) fn supervisor(units: impl IntoIterator<Item = Unit>) -> Supervisor {
    let builder = units
        .into_iter()
        .fold(Supervisor::builder(), SupervisorBuilder::unit);
    builder.build().expect("the units can be as described")
}

/// Starts everything, and it is expected to succeed.
#[track_caller]
pub(crate) fn started(supervisor: &Supervisor) -> impl Future<Output = ()> {
    let start = within(30, supervisor.start());
    async { start.await.expect("every unit is ready") }
}

/// The next line that begins so: its rest.
#[track_caller]
pub(crate) fn line(lines: &mut OutputLines, start: &str) -> impl Future<Output = String> {
    within(30, async move {
        loop {
            let line = lines.next().await.expect("the supervisor lives");
            if let Some(rest) = line.text.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    })
}

/// Never restarted.
pub(crate) fn never() -> RestartPolicy {
    RestartPolicy {
        restart: Restart::Never,
        ..RestartPolicy::default()
    }
}

pub(crate) fn regex_of(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}

/// Gives a daemon a pipe as its stdin.
pub(crate) fn with_stdin(name: &str, steps: &str) -> Unit {
    Unit::new(name, daemon(steps).stdin(true))
}

/// A port that nobody uses at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A named pipe for the daemon's `gate`.
pub(crate) fn fifo(scratch: &Scratch, name: &str) -> String {
    let path = scratch.file(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
    path
}

/// Lets the one who waits at the gate go on. It must be there.
pub(crate) fn open(gate: &str) {
    std::fs::write(gate, "\n").expect("the gate opens");
}

/// Whether a process has ended, and its parent has not looked yet.
pub(crate) fn zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with('Z'))
}
