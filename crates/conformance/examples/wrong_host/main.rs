//! A host for tests of the conformance kit: right, but for the one fault that its first argument
//! names, if there is one before the path of the worker.
//!
//! # Theory of operation
//!
//! It speaks the protocol without the library `greenroom`, with the encoding of `greenroom-protocol`.
//! All state is on one thread, which takes events from one queue; what may wait has a thread of its
//! own:
//!
//! ```text
//!   stdin ──► orders ──┐                          ┌──► writer ──► a worker's socket
//!   socket ─► reader ──┼──► events ──► host ──────┤
//!   pipes ──► lines ───┘      (and its timers)    └──► stdout
//! ```
//!
//! Each [`Fault`] is one `if` in the place where the right thing is done.

mod dealings;
mod fault;
mod host;
mod job;
mod live;
mod order;
mod reader;
mod rules;
mod start;
mod writer;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::exit;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use greenroom_protocol::WorkerMessage;
use serde_json::Value;

use fault::{FAULTS, Fault};
use host::Host;
use order::Order;

/// Nothing here lives longer, whatever becomes of the kit.
const LIFETIME: Duration = Duration::from_secs(60);
/// How many events may wait for the host. A thread with more to say waits itself.
const EVENTS: usize = 256;

/// What is wrong, if anything is.
#[derive(Clone, Copy)]
pub(crate) struct Planted(Option<Fault>);

impl Planted {
    pub(crate) fn is(self, fault: Fault) -> bool {
        self.0 == Some(fault)
    }
}

/// What can happen.
pub(crate) enum Event {
    Order(Order),
    NoMoreOrders,
    /// What the worker of this generation has said.
    Heard(u64, Heard),
    /// A line of a worker.
    Line(&'static str, String),
}

/// What can come from a worker's socket.
pub(crate) enum Heard {
    Message(WorkerMessage),
    Violation(Violation),
    End,
}

/// A requirement that a worker broke.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) requirement: &'static str,
    pub(crate) detail: String,
}

fn main() {
    thread::spawn(|| {
        thread::sleep(LIFETIME);
        exit(98);
    });
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let (planted, worker) = match &arguments[..] {
        [worker] => (Planted(None), worker),
        [name, worker] => {
            let found = FAULTS.iter().find(|(fault, _)| *fault == name);
            let fault = found
                .unwrap_or_else(|| panic!("there is no fault {name:?}"))
                .1;
            (Planted(Some(fault)), worker)
        }
        _ => panic!("usage: wrong_host [FAULT] WORKER"),
    };
    let (events, inbox) = sync_channel(EVENTS);
    let orders = events.clone();
    thread::spawn(move || read_orders(&orders));
    Host::new(PathBuf::from(worker), events, planted).run(&inbox);
}

fn read_orders(events: &SyncSender<Event>) {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the kit writes text");
        let order = serde_json::from_str(&line).expect("the kit writes what section 9.2 says");
        if events.send(Event::Order(order)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::NoMoreOrders);
}

/// One line for the kit; if it is gone, so is the reason to go on.
pub(crate) fn say(line: &Value) {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .is_err()
    {
        exit(1);
    }
}
