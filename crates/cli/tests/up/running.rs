//! A running `greenroom up` in a directory of its own.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use serde_json::Value;
use tempfile::TempDir;

/// Only a hang takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Up {
    child: Child,
    directory: TempDir,
    /// What it prints: events and lines.
    printed: Receiver<Value>,
    /// What it printed so far.
    pub(crate) story: Vec<Value>,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    pub(crate) story: Vec<Value>,
}

/// A directory with this configuration.
pub(crate) fn configured(configuration: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("greenroom.toml"), configuration).unwrap();
    directory
}

/// The program, in this directory.
pub(crate) fn greenroom(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("XDG_RUNTIME_DIR", directory)
        .env("NO_COLOR", "1")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null());
    command
}

impl Up {
    /// Starts it and waits until something has happened: then its socket is there.
    pub(crate) fn start(configuration: &str) -> Self {
        Self::start_with(configuration, &[], |_| {})
    }

    pub(crate) fn start_with(
        configuration: &str,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        Self::start_in(configured(configuration), arguments, change)
    }

    pub(crate) fn start_in(
        directory: TempDir,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = greenroom(directory.path(), &["up", "--json"]);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, printed) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut up = Self {
            child,
            directory,
            printed,
            story: Vec::new(),
        };
        up.next();
        up
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn rewrite(&self, configuration: &str) {
        std::fs::write(self.path("greenroom.toml"), configuration).unwrap();
    }

    /// The one socket in its runtime directory.
    pub(crate) fn socket(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.path("greenroom")).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|end| end == "sock"))
            .unwrap()
    }

    /// Runs another command of the program beside it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        greenroom(self.directory.path(), arguments)
            .output()
            .unwrap()
    }

    /// As [`run`](Self::run), what it printed, if it succeeded.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = text(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {:?} {said}",
            output.status
        );
        text(&output.stdout)
    }

    /// The status of a unit.
    pub(crate) fn status(&self, unit: &str) -> Value {
        let output = self.run(&["status", "--json", unit]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for an event of this kind of this unit, from now on, and gives it.
    pub(crate) fn event(&mut self, unit: &str, kind: &str) -> Value {
        self.find(|it| it["unit"] == unit && it["event"] == kind)
    }

    /// Waits for something that is printed from now on.
    pub(crate) fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let it = self.next();
            if wanted(&it) {
                return it;
            }
        }
    }

    fn next(&mut self) -> Value {
        match self.printed.recv_timeout(PATIENCE) {
            Ok(it) => {
                self.story.push(it.clone());
                it
            }
            Err(error) => {
                let said = self.stderr();
                panic!("{error}; so far: {:#?}; {said}", self.story)
            }
        }
    }

    /// Reads its standard output no more, and gives the first line that it says of that.
    pub(crate) fn close_stdout(&mut self) -> String {
        let (_, nothing) = channel();
        self.printed = nothing;
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut line = String::new();
        // What follows is left for others.
        let mut slow = BufReader::with_capacity(1, stderr);
        slow.read_line(&mut line).unwrap();
        line
    }

    fn stderr(&mut self) -> String {
        let _ = self.child.kill();
        let mut said = String::new();
        let stderr = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut said).unwrap();
        said
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> Ended {
        let pid = Watched::new(self.child.id());
        pid.wait_for_end();
        let status = self.child.wait().unwrap();
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        let mut story = std::mem::take(&mut self.story);
        while let Ok(it) = self.printed.recv_timeout(PATIENCE) {
            story.push(it);
        }
        Ended {
            status,
            stderr,
            story,
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code().or_else(|| Some(-self.status.signal()?))
    }
}

/// A process that may not be a child of ours.
pub(crate) struct Watched(OwnedFd);

impl Watched {
    pub(crate) fn new(pid: u32) -> Self {
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        Self(pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    pub(crate) fn wait_for_end(&self) {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let patience = Timespec::try_from(PATIENCE).unwrap();
        assert_eq!(
            poll(&mut fds, Some(&patience)).unwrap(),
            1,
            "it has not ended"
        );
    }
}

/// Which of some processes ends first, by position.
pub(crate) fn first_to_end(pids: impl Iterator<Item = u32>) -> usize {
    let watched: Vec<_> = pids.map(Watched::new).collect();
    let mut fds: Vec<_> = watched
        .iter()
        .map(|it| PollFd::new(&it.0, PollFlags::IN))
        .collect();
    let patience = Timespec::try_from(PATIENCE).unwrap();
    assert_ne!(
        poll(&mut fds, Some(&patience)).unwrap(),
        0,
        "none has ended"
    );
    fds.iter().position(|fd| !fd.revents().is_empty()).unwrap()
}

pub(crate) fn pid_of(it: &Value) -> u32 {
    it["pid"].as_u64().unwrap().try_into().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
