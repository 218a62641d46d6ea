//! Starts the program and follows it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(90);

/// The worker of these tests.
pub(crate) fn moody() -> PathBuf {
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

/// `greenroom map` with the moody worker and these arguments, split at spaces.
pub(crate) fn map(arguments: &str) -> Command {
    let mut command = map_with(&moody());
    command.args(arguments.split_whitespace());
    command
}

pub(crate) fn map_with(worker: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.arg("map").arg("--worker").arg(worker);
    command
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    /// Lines as they come, and those that were seen.
    stderr: mpsc::Receiver<String>,
    said: String,
    /// Dropped when it has ended; if not in time, it is killed and the test fails.
    watchdog: mpsc::Sender<()>,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) results: Vec<Value>,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_with_output(command, Stdio::piped())
    }

    pub(crate) fn start_with_output(mut command: Command, output: Stdio) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let (lines, stderr) = mpsc::channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while errors.read_until(b'\n', &mut line).unwrap() > 0 {
                let text = String::from_utf8_lossy(&line).into_owned();
                if lines.send(text).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let (watchdog, ended) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            if ended.recv_timeout(HANG) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr,
            said: String::new(),
            child,
            watchdog,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for a line on standard error with these words.
    pub(crate) fn said(&mut self, words: &str) {
        loop {
            let Ok(line) = self.stderr.recv_timeout(HANG) else {
                panic!("it never said {words:?}, but: {}", self.said);
            };
            self.said += &line;
            if line.contains(words) {
                return;
            }
        }
    }

    pub(crate) fn feed(&mut self, text: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_ref()).unwrap();
    }

    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    pub(crate) fn close_output(&mut self) {
        self.stdout = None;
    }

    /// Waits for the next result.
    pub(crate) fn result(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    /// Ends its input, reads the rest of its results and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.stdin.take());
        self.await_end()
    }

    /// The same, but the input stays open.
    pub(crate) fn await_end(mut self) -> Ended {
        let mut results = Vec::new();
        if let Some(output) = self.stdout.take() {
            for line in output.lines() {
                let line = line.unwrap();
                results.push(serde_json::from_str(&line).unwrap());
            }
        }
        let status = self.child.wait().unwrap();
        drop(self.watchdog);
        self.said.extend(self.stderr.iter());
        Ended {
            status,
            results,
            stderr: self.said,
        }
    }

    /// Waits for its end without reading its results.
    pub(crate) fn wait_unread(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Ended {
    /// Runs a command to its end, without input.
    pub(crate) fn of(command: Command) -> Self {
        Running::start(command).end()
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.status.signal(), None, "{self:#?}");
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// The numbers of the jobs, in the order of their results.
    pub(crate) fn indices(&self) -> Vec<u64> {
        self.results.iter().map(index).collect()
    }

    /// The results in the order of their numbers.
    pub(crate) fn sorted(mut self) -> Vec<Value> {
        self.results.sort_by_key(index);
        self.results
    }
}

pub(crate) fn index(result: &Value) -> u64 {
    result["index"].as_u64().unwrap()
}

/// A folder for one test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A FIFO at which a job can wait.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        let path = self.path(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        Gate { path }
    }
}

pub(crate) struct Gate {
    path: PathBuf,
}

impl Gate {
    /// The input of the job.
    pub(crate) fn job(&self) -> String {
        format!("gate {}", self.path.display())
    }

    /// Waits until the job stands there. It goes on when what is returned is dropped.
    pub(crate) fn met(&self) -> Waiting {
        Waiting(OpenOptions::new().write(true).open(&self.path).unwrap())
    }
}

/// A job that stands at a gate.
pub(crate) struct Waiting(File);

impl Waiting {
    /// Waits until its process is gone.
    pub(crate) fn gone(&self) {
        let mut fds = [PollFd::new(&self.0, PollFlags::empty())];
        let limit = Timespec {
            tv_sec: HANG.as_secs().try_into().unwrap(),
            tv_nsec: 0,
        };
        assert_eq!(poll(&mut fds, Some(&limit)), Ok(1), "a worker is left");
    }
}
