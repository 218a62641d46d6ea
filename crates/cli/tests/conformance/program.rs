//! Starts the program and follows it.

use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use greenroom_conformance::{Case, host, worker};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(90);

/// Ends at once and says nothing: no worker and no host does.
pub(crate) const SILENT: &str = "true";

/// `greenroom conformance` with these arguments, split at spaces.
pub(crate) fn conformance(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.arg("conformance");
    command.args(arguments.split_whitespace());
    command.stdin(Stdio::null());
    command
}

/// A worker that follows the protocol and offers none of the jobs for tests.
pub(crate) fn good_worker() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let worker = target.join("examples/moody");
    assert!(
        worker.exists(),
        "{} is missing: run cargo build --examples first",
        worker.display()
    );
    worker
}

/// The theme that the first case of a catalogue belongs to, and how many cases it has.
pub(crate) fn first_theme(cases: &[Case]) -> (&'static str, usize) {
    let theme = |case: &Case| case.id.split_once('/').unwrap().0;
    let first = theme(&cases[0]);
    let count = cases.iter().filter(|case| theme(case) == first).count();
    (first, count)
}

pub(crate) fn catalogues() -> [(&'static str, Vec<Case>); 2] {
    [("worker", worker::catalogue()), ("host", host::catalogue())]
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    /// Dropped when it has ended; if not in time, it is killed and the test fails.
    watchdog: mpsc::Sender<()>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        Self::start_with_output(command)
    }

    /// With the standard output that it has.
    pub(crate) fn start_with_output(mut command: Command) -> Self {
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (watchdog, ended) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            if ended.recv_timeout(HANG) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self { child, watchdog }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn end(self) -> Ended {
        let output = self.child.wait_with_output().unwrap();
        drop(self.watchdog);
        Ended::from(output)
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        assert_eq!(output.status.signal(), None, "{output:?}");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Runs a command to its end.
    pub(crate) fn of(command: Command) -> Self {
        Running::start(command).end()
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// The ids of those cases of a JSON report that came to this.
pub(crate) fn ids(report: &Value, outcome: &str) -> Vec<String> {
    let cases = report["cases"].as_array().unwrap();
    let found = cases.iter().filter(|case| case["outcome"] == outcome);
    found
        .map(|case| case["id"].as_str().unwrap().to_owned())
        .collect()
}

/// A FIFO that a program under test opens.
pub(crate) struct Gate(PathBuf);

impl Gate {
    pub(crate) fn new(folder: &Path) -> Self {
        let path = folder.join("gate");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        Self(path)
    }

    /// Waits until a program has it open.
    pub(crate) fn met(&self) -> Held {
        Held(OpenOptions::new().write(true).open(&self.0).unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// A FIFO that a program under test holds.
pub(crate) struct Held(File);

impl Held {
    /// Waits until no program has it open.
    pub(crate) fn gone(&self) {
        let mut fds = [PollFd::new(&self.0, PollFlags::empty())];
        let limit = Timespec {
            tv_sec: HANG.as_secs().try_into().unwrap(),
            tv_nsec: 0,
        };
        assert_eq!(poll(&mut fds, Some(&limit)), Ok(1), "a process is left");
    }
}
