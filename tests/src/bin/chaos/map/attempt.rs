//! One run of the program.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, Signal};

use super::books::Books;
use crate::dice::Dice;
use crate::limits::Lowered;
use crate::processes::{self, beside, children, signal, wait_until};

/// Only a hang exceeds it.
const HANG: Duration = Duration::from_secs(120);
/// Until nobody of a run that was killed is left; the promise is 1 s.
const ORPHANS: Duration = Duration::from_secs(10);

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// SIGKILL to the program itself.
    Kill,
    /// SIGTERM: it finishes what runs.
    Terminate,
    /// SIGKILL to some of its workers.
    KillWorkers,
    /// It and a worker do not run for a while.
    Freeze,
    /// The journal cannot grow by more than this.
    FullJournal {
        room: u64,
    },
    /// Standard error is a full disk.
    FullLog,
    /// It may open nothing more for a while, and its workers die.
    NoDescriptors,
}

impl Trouble {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let room = dice.between(0, 9_000);
        match dice.below(9) {
            0..=2 => Self::Kill,
            3 => Self::Terminate,
            4 => Self::KillWorkers,
            5 => Self::Freeze,
            6 => Self::FullJournal { room },
            7 => Self::FullLog,
            _ => Self::NoDescriptors,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Kill => "kill",
            Self::Terminate => "terminate",
            Self::KillWorkers => "kill workers",
            Self::Freeze => "freeze",
            Self::FullJournal { .. } => "full journal",
            Self::FullLog => "full log",
            Self::NoDescriptors => "no descriptors",
        }
    }
}

/// A run, its output read as it comes.
pub(super) struct Attempt {
    child: Child,
    output: JoinHandle<io::Result<Vec<u8>>>,
    trouble: Trouble,
    directory: PathBuf,
}

impl Attempt {
    pub(super) fn start(directory: &Path, trouble: Trouble) -> Result<Self, String> {
        Self::spawn(directory, trouble).map_err(|error| format!("map cannot be started: {error}"))
    }

    fn spawn(directory: &Path, trouble: Trouble) -> io::Result<Self> {
        let journal = directory.join("journal");
        let errors = match trouble {
            Trouble::FullLog => File::options().write(true).open("/dev/full")?,
            _ => File::create(directory.join("errors"))?,
        };
        // A write beyond the limit of a file's size is to fail, not to kill.
        let mut child = Command::new("/bin/sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(beside("greenroom"))
            .args([
                "map",
                "--name",
                "echo",
                "--max",
                "3",
                "--jobs-per-worker",
                "5",
            ])
            .arg("--worker")
            .arg(beside("puppet"))
            // By this they are found.
            .args(["--worker-arg", "--ignored", "--worker-arg"])
            .arg(directory)
            .arg("--resume")
            .arg(&journal)
            .stdin(File::open(directory.join("inputs"))?)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        if let Trouble::FullJournal { room } = trouble {
            let size = std::fs::metadata(&journal).map_or(0, |file| file.len());
            // For as long as it runs: only this process has it.
            std::mem::forget(Lowered::lower(child.id(), Resource::Fsize, size + room)?);
        }
        let mut stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no pipe"))?;
        let output = thread::spawn(move || {
            let mut all = Vec::new();
            stdout.read_to_end(&mut all).map(|_| all)
        });
        Ok(Self {
            child,
            output,
            trouble,
            directory: directory.to_owned(),
        })
    }

    /// It may have ended by now: then it was not disturbed.
    pub(super) fn disturb(&mut self, dice: &mut Dice) {
        let pid = self.child.id();
        let time = Duration::from_millis(dice.between(1, 400));
        match self.trouble {
            Trouble::Kill => signal(pid, Signal::KILL),
            Trouble::Terminate => signal(pid, Signal::TERM),
            Trouble::KillWorkers => {
                for _ in 0..dice.between(1, 5) {
                    children(pid)
                        .into_iter()
                        .for_each(|worker| signal(worker, Signal::KILL));
                    thread::sleep(time / 10);
                }
            }
            Trouble::Freeze => {
                let stopped: Vec<_> = children(pid).into_iter().take(1).chain([pid]).collect();
                stopped.iter().for_each(|pid| signal(*pid, Signal::STOP));
                thread::sleep(time);
                stopped.iter().for_each(|pid| signal(*pid, Signal::CONT));
            }
            Trouble::NoDescriptors => {
                if let Ok(lowered) = Lowered::lower(pid, Resource::Nofile, 3) {
                    children(pid)
                        .into_iter()
                        .for_each(|worker| signal(worker, Signal::KILL));
                    thread::sleep(time);
                    drop(lowered);
                }
            }
            Trouble::FullJournal { .. } | Trouble::FullLog | Trouble::None => {}
        }
    }

    /// Waits for its end and books what it has written; how it ended.
    pub(super) fn end(mut self, books: &mut Books) -> Result<String, String> {
        let pid = self.child.id();
        let mut status = None;
        let ended = wait_until(HANG, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        let Some(status) = status.filter(|_| ended.is_some()) else {
            let all: Vec<_> = children(pid).into_iter().map(processes::describe).collect();
            signal(pid, Signal::KILL);
            return Err(format!(
                "{:?}: no end after {HANG:?}, with {all:?}",
                self.trouble
            ));
        };
        let mark = self.directory.display().to_string();
        if wait_until(ORPHANS, || processes::marked(&mark).is_empty()).is_none() {
            let left = processes::marked(&mark).into_iter();
            let left: Vec<_> = left.map(processes::describe).collect();
            return Err(format!(
                "{:?}: left after {ORPHANS:?}: {left:?}",
                self.trouble
            ));
        }
        self.judge(status)?;
        let output = self.output.join().map_err(|_| "its reader has panicked")?;
        let output = output.map_err(|error| format!("its output cannot be read: {error}"))?;
        let trouble = self.trouble;
        let killed = status.signal().is_some();
        let booked = books.attempt(&output, killed);
        booked.map_err(|fault| format!("{trouble:?}: {fault}"))?;
        Ok(shown(status))
    }

    /// Whether it may end so.
    fn judge(&self, status: ExitStatus) -> Result<(), String> {
        let errors = std::fs::read(self.directory.join("errors")).unwrap_or_default();
        let errors = String::from_utf8_lossy(&errors);
        let (code, trouble) = (status.code(), self.trouble);
        let may = match trouble {
            Trouble::Kill => matches!(code, None | Some(0)),
            Trouble::Terminate => matches!(code, Some(0 | 143)) || status.signal() == Some(15),
            // Workers die, and their jobs with them.
            Trouble::KillWorkers => matches!(code, Some(0 | 1)),
            // From 126 on: it could not even be loaded.
            Trouble::NoDescriptors => matches!(code, Some(0 | 1 | 66 | 69 | 71 | 73 | 126 | 127)),
            Trouble::FullJournal { .. } => matches!(code, Some(0 | 73)),
            Trouble::None | Trouble::Freeze | Trouble::FullLog => code == Some(0),
        };
        if may && !errors.contains("panicked") {
            return Ok(());
        }
        Err(format!(
            "{trouble:?}: it ended by {}: {errors}",
            shown(status)
        ))
    }
}

fn shown(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
