//! The first death ends all, within one window, with its code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes; only a hang is longer.
const HANG: Duration = Duration::from_secs(60);

struct Parent {
    child: Child,
    /// Lines of both streams, as they come.
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Parent {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fail-fast"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("a pipe")),
            Box::new(child.stderr.take().expect("a pipe")),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Reads on until each of these has been said, in any order.
    fn until(&mut self, all: &[&str]) {
        let missing = |seen: &[String]| {
            let unsaid = |words: &&&str| !seen.iter().any(|line| line.contains(**words));
            all.iter().find(unsaid).copied()
        };
        while let Some(words) = missing(&self.seen) {
            match self.lines.recv_timeout(HANG) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("it never said {words:?}: {:#?}", self.seen),
            }
        }
    }

    fn address(&self, before: &str) -> String {
        let mut found = self
            .seen
            .iter()
            .filter_map(|line| line.split(before).nth(1));
        found.next().expect("it has said where").trim().to_owned()
    }

    /// Its code, and all it said.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        while let Ok(line) = self.lines.recv_timeout(HANG) {
            self.seen.push(line);
        }
        let code = self.child.wait().expect("it ends").code();
        (code, self.seen)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }
}

const ALL_UP: [&str; 4] = [
    "the API listens on ",
    "health is served on ",
    "background is ready",
    "health is ready",
];

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    // One that crashes meanwhile answers nothing.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn the_first_death_is_named_and_its_code_is_the_parents() {
    let mut parent = Parent::start(&[]);
    parent.until(&ALL_UP);
    let health = parent.address("health is served on ");
    assert!(get(&health, "/health").starts_with("HTTP/1.1 200"));
    get(&parent.address("the API listens on "), "/crash");
    let (code, seen) = parent.end();
    assert_eq!(code, Some(3), "{seen:#?}");
    let named = seen
        .iter()
        .position(|line| line.starts_with("api exited with code 3"));
    let drained = seen.iter().position(|line| line.contains("is finished"));
    assert!(named.is_some() && named < drained, "{seen:#?}");
}

#[test]
fn a_background_worker_that_fails_ends_the_api_too() {
    let parent = Parent::start(&["--fail-after", "1"]);
    let (code, seen) = parent.end();
    assert_eq!(code, Some(4), "{seen:#?}");
    assert!(
        seen.iter()
            .any(|line| line.starts_with("background exited with code 4"))
    );
}

#[test]
fn sigterm_drains_what_has_begun() {
    let mut parent = Parent::start(&[]);
    parent.until(&ALL_UP);
    let api = parent.address("the API listens on ");
    let (sender, connected) = channel();
    let slow = thread::spawn(move || {
        let mut stream = TcpStream::connect(api).expect("it listens");
        write!(stream, "GET /slow HTTP/1.1\r\nHost: here\r\n\r\n").expect("it reads");
        sender.send(()).expect("somebody waits");
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    connected.recv().expect("the request is on its way");
    // The server has taken it when a later one has been answered.
    assert!(get(&parent.address("the API listens on "), "/").contains("hello"));
    parent.signal(Signal::TERM);
    let (code, seen) = parent.end();
    assert_eq!(code, Some(0), "{seen:#?}");
    assert!(slow.join().expect("no panic").contains("200 OK"));
}

#[test]
fn a_port_that_is_taken_ends_it_with_the_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let (code, seen) = Parent::start(&["--api-port", &port]).end();
    assert_eq!(code, Some(1), "{seen:#?}");
    assert!(
        seen.iter()
            .any(|line| line.contains("Address already in use")),
        "{seen:#?}"
    );
}
