//! Commands that judge a service.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

use super::LONG;
use crate::command::Command;
use crate::probe::exec::{TAIL, Tail};
use crate::{Probe, ProbeFailure};

fn shell(script: &str) -> Probe {
    Probe::exec(&Command::new("/bin/sh").arg("-c").arg(script)).unwrap()
}

async fn told(script: &str) -> String {
    shell(script).run(LONG).await.unwrap_err().to_string()
}

/// A named pipe. Its end comes once all who hold it are gone, this one's own sender included.
struct Fifo {
    path: PathBuf,
    receiver: Receiver,
    sender: Sender,
}

impl Fifo {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("greenroom-fifo-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0).unwrap();
        let receiver = OpenOptions::new().open_receiver(&path).unwrap();
        let sender = OpenOptions::new().open_sender(&path).unwrap();
        Self {
            path,
            receiver,
            sender,
        }
    }

    /// Puts the pipe's path in the place of `FIFO`.
    fn within(&self, script: &str) -> String {
        script.replace("FIFO", self.path.to_str().unwrap())
    }

    /// Returns when nobody else holds it.
    async fn end(mut self) {
        drop(self.sender);
        std::fs::remove_file(&self.path).unwrap();
        let mut rest = Vec::new();
        let end = self.receiver.read_to_end(&mut rest);
        tokio::time::timeout(LONG, end)
            .await
            .expect("somebody still holds the pipe")
            .unwrap();
    }
}

const FAMILY: &str = "exec 3>FIFO; (echo child >&3; exec sleep 1000) & echo parent >&3; wait";

#[tokio::test]
async fn code_0_is_good() {
    assert_eq!(shell("echo fine; exit 0").run(LONG).await, Ok(()));
}

#[tokio::test]
async fn the_last_line_is_told() {
    assert_eq!(
        told("echo out; echo first >&2; echo 'disk full' >&2; echo >&2; exit 3").await,
        "exit code 3: disk full"
    );
    assert_eq!(told("echo only out; exit 2").await, "exit code 2: only out");
    assert_eq!(
        told("printf 'no end' >&2; exit 1").await,
        "exit code 1: no end"
    );
    assert_eq!(told("exit 4").await, "exit code 4");
    assert_eq!(told("kill -9 $$").await, "killed by SIGKILL");
    let painted = told(r"printf '\033[31mred\033[0m\n' >&2; exit 1").await;
    assert!(!painted.contains('\u{1b}'), "{painted:?}");
}

#[tokio::test]
async fn a_flood_of_output_is_read_and_forgotten() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 5";
    assert_eq!(told(script).await, "exit code 5: line 19999");
    let long = told("printf '%05000d' 7 >&2; exit 6").await;
    assert_eq!(long, format!("exit code 6: {}", "0".repeat(500)));
}

#[tokio::test]
async fn only_the_end_of_a_flood_is_kept() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flood = std::thread::spawn(move || writer.write_all(&[b'x'; 1 << 20]).unwrap());
    let mut tail = Tail::new(reader.into()).unwrap();
    tail.read().await;
    assert_eq!(tail.bytes.len(), TAIL);
    flood.join().unwrap();
}

#[tokio::test]
async fn at_the_timeout_the_whole_group_dies() {
    let fifo = Fifo::new();
    let probe = shell(&fifo.within(FAMILY));
    let within = Duration::from_secs(1);
    let failure = probe.run(within).await.unwrap_err();
    assert_eq!(failure, ProbeFailure::NoAnswer { within });
    fifo.end().await;
}

#[tokio::test]
async fn an_attempt_that_is_dropped_ends_its_group() {
    let mut fifo = Fifo::new();
    let probe = shell(&fifo.within(FAMILY));
    let attempt = tokio::spawn({
        let probe = probe.clone();
        async move { probe.run(LONG).await }
    });
    let mut lines = BufReader::new(&mut fifo.receiver).lines();
    for _ in ["child", "parent"] {
        lines.next_line().await.unwrap().unwrap();
    }
    attempt.abort();
    fifo.end().await;
    // The turn comes back with the dead.
    let turn = tokio::time::timeout(LONG, probe.turn.acquire());
    let turn = turn.await.expect("the process is reaped");
    assert!(turn.is_ok());
}

#[tokio::test]
async fn what_it_leaves_behind_in_its_group_dies_with_it() {
    let fifo = Fifo::new();
    let script = "exec 3>FIFO; sleep 1000 & exit 0";
    assert_eq!(shell(&fifo.within(script)).run(LONG).await, Ok(()));
    fifo.end().await;
}

#[tokio::test]
async fn who_holds_its_output_is_not_waited_for() {
    let fifo = Fifo::new();
    // It has left the group, and reads until the test ends.
    let script = fifo.within("setsid cat FIFO & exit 7");
    assert_eq!(told(&script).await, "exit code 7");
    fifo.end().await;
}

#[tokio::test]
async fn its_arguments_are_not_told() {
    let probe = shell("exit 0 # hush");
    assert_eq!(probe.to_string(), "exec /bin/sh");
    assert!(!format!("{probe:?}").contains("hush"));
}

#[test]
fn a_program_that_is_not_there_is_refused_at_once() {
    let error = Probe::exec(&Command::new("/nowhere/at-all")).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("/nowhere/at-all"), "{source}");
}
