//! One run of the program in a folder of its own, and what is left of it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

/// A folder that no other process has ever been in: whoever is there was started by the run.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn folder(&self, relative: &str) -> PathBuf {
        let folder = self.path(relative);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn copy(&self, from: PathBuf, to: impl AsRef<Path>) {
        fs::copy(from, self.path(to)).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thumbnails"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end. Nobody may be left over.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(self.processes(), [], "left running");
        self.assert_no_partial_files();
        Ended::from(output)
    }

    /// Everybody who has this as working directory.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let here = self.folder.path().canonicalize().unwrap();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            // One that is gone, or a zombie, is nowhere.
            .filter(|pid| {
                fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == here)
            })
            .collect()
    }

    pub(crate) fn assert_no_partial_files(&self) {
        for file in files(self.folder.path()) {
            let name = file.file_name().unwrap().to_string_lossy();
            assert!(!name.starts_with(".thumbnail-"), "{}", file.display());
        }
    }
}

/// All files below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
        } else if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Something that the example ships.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) table: String,
    pub(crate) lines: Vec<String>,
}

impl Ended {
    /// Everything on standard error.
    pub(crate) fn said(&self) -> String {
        self.lines.join("\n")
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let said = String::from_utf8(output.stderr).unwrap();
        Self {
            code: output.status.code(),
            table: String::from_utf8(output.stdout).unwrap(),
            lines: said.lines().map(str::to_owned).collect(),
        }
    }
}

/// A run that is under way.
pub(crate) struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for a line that contains this.
    pub(crate) fn wait_for(&mut self, part: &str) {
        let found = self.lines.any(|line| line.unwrap().contains(part));
        assert!(found, "it ended without saying \"{part}\"");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end; the rest of what it says, its table and its code.
    pub(crate) fn end(mut self) -> Ended {
        let lines = self.lines.map(Result::unwrap).collect();
        let mut table = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut table).unwrap();
        let code = self.child.wait().unwrap().code();
        Ended { code, table, lines }
    }
}

/// Processes held so that their numbers cannot come to mean others.
pub(crate) struct Held(Vec<OwnedFd>);

impl Held {
    pub(crate) fn all_in(place: &Place) -> Self {
        let pids = place.processes();
        let pids = pids.into_iter().filter_map(rustix::process::Pid::from_raw);
        // One that is gone by now need not be held.
        Self(
            pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
                .collect(),
        )
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits until all are gone, each as long as given at most.
    pub(crate) fn assert_gone_within(&self, limit: Duration) {
        let limit = Timespec::try_from(limit).unwrap();
        for process in &self.0 {
            let mut process = [PollFd::new(process, PollFlags::IN)];
            assert_eq!(
                poll(&mut process, Some(&limit)),
                Ok(1),
                "a process lives on"
            );
        }
    }
}
