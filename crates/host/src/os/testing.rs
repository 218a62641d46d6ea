//! Real processes for the tests of this module, and this test program run once more as a host of
//! its own.

use std::ffi::OsString;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Child as Program, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::ExitStatus;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};
use tokio::net::unix::pipe::Receiver;

use super::{Child, Order, Spawned, Stdin, spawn};
use crate::command::Command;

/// Only what hangs takes that long.
const HANGS: Duration = Duration::from_secs(30);

pub(super) const NOBODY: [u32; 0] = [];

pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANGS, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} has not come"),
    }
}

pub(super) fn sh(script: &str) -> Command {
    Command::new("/bin/sh").args(["-c", script])
}

pub(super) async fn start_with(
    command: Command,
    stdin: Stdin,
    environment: Vec<(OsString, OsString)>,
) -> Spawned {
    let order = Order {
        command: Arc::new(command.resolve().unwrap()),
        stdin,
        environment,
    };
    let mut spawned = soon("a start", spawn(order)).await.unwrap();
    spawned.child.watch().unwrap();
    spawned
}

pub(super) async fn start(command: Command) -> Spawned {
    start_with(command, Stdin::Null, Vec::new()).await
}

/// Everything that comes until nobody holds the other end.
pub(super) async fn text(stream: OwnedFd) -> String {
    let mut text = String::new();
    let mut stream = Receiver::from_owned_fd(stream).unwrap();
    soon("the end of the output", stream.read_to_string(&mut text))
        .await
        .unwrap();
    text
}

pub(super) async fn first_line(stream: OwnedFd) -> String {
    let mut line = String::new();
    let mut stream = tokio::io::BufReader::new(Receiver::from_owned_fd(stream).unwrap());
    soon("a line", stream.read_line(&mut line)).await.unwrap();
    line.trim_end().to_owned()
}

pub(super) async fn lines(stream: OwnedFd, count: usize) -> Vec<String> {
    let stream = tokio::io::BufReader::new(Receiver::from_owned_fd(stream).unwrap());
    let mut stream = stream.lines();
    let mut lines = Vec::new();
    while lines.len() < count {
        let line = soon("a line", stream.next_line()).await.unwrap();
        lines.push(line.expect("it ended before it had said everything"));
    }
    lines
}

pub(super) async fn ended(child: Child) -> ExitStatus {
    let exited = std::future::poll_fn(|context| child.poll_exited(context));
    soon("the exit", exited).await;
    child.reap().unwrap()
}

/// A process that somebody else has started, to wait for its end.
pub(super) struct Other(pub(super) Pid, OwnedFd);

impl Other {
    pub(super) fn new(pid: &str) -> Self {
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        Self(pid, pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    pub(super) async fn ended(self) {
        let fd = super::watch(self.1, tokio::io::Interest::READABLE).unwrap();
        let _ended = soon("the end of another process", fd.readable()).await;
    }

    pub(super) fn runs(&self) -> bool {
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut look = [rustix::event::PollFd::new(
            &self.1,
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut look, Some(&now)).unwrap() == 0
    }
}

/// Says to this program that it is the host which a test wants to look at from outside.
const ROLE: &str = "GREENROOM_TEST_ROLE";

pub(super) fn is_host() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// Runs one test of this program again, as a host, by way of a shell script that ends in
/// `exec "$@"`.
pub(super) struct Host {
    pub(super) program: Program,
    output: BufReader<ChildStdout>,
}

impl Host {
    pub(super) fn start(test: &str, script: &str) -> Self {
        let mut program = std::process::Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--quiet"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        Self { program, output }
    }

    /// The rest of the next line that says this.
    pub(super) fn told(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the host has ended before it said {what:?}");
            if let Some((_, rest)) = line.split_once(what) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What a host does when everything is said: it waits until its standard input ends.
pub(super) fn wait_for_end_of_input() {
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).unwrap() > 0 {}
}
