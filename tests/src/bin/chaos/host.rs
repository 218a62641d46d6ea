//! The stage as its judge sees it: a child that is told things and says things.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::args::{Options, Part};
use crate::processes;

/// Only a hang exceeds it: all that the stage waits for is bounded by a minute, one after another.
const HANG: Duration = Duration::from_secs(300);

/// Whoever runs as root is exempt from the limit on processes, so the stage does not.
const NOBODY: u32 = 64_000;

pub(crate) struct Host {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    log: PathBuf,
    /// Why the system would give it processes without limit, if it would.
    pub(crate) exempt: Option<&'static str>,
}

impl Host {
    pub(crate) fn start(options: &Options, directory: &Path) -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let log = directory.join("log");
        let written = File::options().create(true).append(true).open(&log)?;
        let mut arguments: Vec<OsString> = vec![this.into(), "stage".into()];
        arguments.push(options.seed.to_string().into());
        arguments.push(directory.into());
        let parts = options.parts.iter().filter(|part| **part != Part::Map);
        arguments.extend(parts.map(|part| part.name().into()));
        let (user, exempt) = user(directory)?;
        // A write beyond the limit of a file's size is to fail, not to kill.
        let mut command = shell("trap '' XFSZ; exec \"$0\" \"$@\"", user);
        let mut child = command
            .args(arguments)
            // It goes down to everybody: that is how they are found.
            .env("TMPDIR", directory)
            // Panics are part of it: their words are enough.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(written)
            .spawn()?;
        let piped = || io::Error::other("it has no pipe");
        let stdin = child.stdin.take().ok_or_else(piped)?;
        let stdout = child.stdout.take().ok_or_else(piped)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            stdin,
            lines,
            log,
            exempt,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A stage that has ended is found out by [`hear`](Self::hear).
    pub(crate) fn tell(&mut self, line: &str) {
        let _ = writeln!(self.stdin, "{line}");
    }

    /// Its next line. An error says how it has failed, with the end of its log.
    pub(crate) fn hear(&mut self) -> Result<String, String> {
        let problem = match self.lines.recv_timeout(HANG) {
            Ok(line) => return Ok(line),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                format!("the host says nothing for {HANG:?}")
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => match self.child.wait() {
                Ok(status) => format!("the host has ended: {status}"),
                Err(error) => format!("the host has ended: {error}"),
            },
        };
        let log = fs::read(&self.log).unwrap_or_default();
        let end = &log[log.len().saturating_sub(2_000)..];
        let end = String::from_utf8_lossy(end);
        Err(format!("{problem}; the end of its log is: {end}"))
    }

    /// Its log is for people, who want its end.
    pub(crate) fn trim_log(&self) -> io::Result<()> {
        File::options().write(true).open(&self.log)?.set_len(0)
    }

    /// As the system would.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

/// As whom the stage runs, and why that is exempt.
fn user(directory: &Path) -> io::Result<(Option<u32>, Option<&'static str>)> {
    if !rustix::process::geteuid().is_root() {
        return Ok((None, None));
    }
    // One that nobody else runs as: another of these has another number.
    let user = NOBODY + std::process::id() % 1_000;
    let needed = ["chaos", "puppet", "rogue", "daemon"].map(processes::beside);
    let test = "for program in \"$@\"; do test -x \"$program\" || exit 1; done";
    let mut test = shell(test, Some(user));
    if !test.arg("sh").args(needed).status()?.success() {
        let why = "it runs as root, because no other user may run the programs where they are";
        return Ok((None, Some(why)));
    }
    std::os::unix::fs::chown(directory, Some(user), Some(user))?;
    Ok((Some(user), None))
}

fn shell(script: &str, user: Option<u32>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}
