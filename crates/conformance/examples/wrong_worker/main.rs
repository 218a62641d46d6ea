//! A worker for tests of the conformance kit: right, but for the one fault that its first argument
//! names.
//!
//! # Theory of operation
//!
//! It speaks the protocol without the library `worker`, with the encoding of `greenroom-protocol` and
//! three threads:
//!
//! ```text
//!   socket ──► reader ──messages──► main: handshake, handlers ──frames──► writer ──► socket
//!                └── the end of the stream ends the process                  ▲
//!                └── DumpStacks is answered at once ─────────────────────────┘
//! ```
//!
//! So it goes on reading while it writes, notices the end while a handler blocks, and makes its pongs
//! where the handlers run. It offers all jobs of section 9.1. Each [`Fault`] is one `if` in the place
//! where the right thing is done.

mod checks;
mod fault;
mod handlers;
mod handshake;
mod jobs;
mod leaving;
mod reader;
mod worker;
mod writer;

use std::process::exit;
use std::time::Duration;

use fault::{FAULTS, Fault};
use reader::Reader;
use worker::Worker;

/// Nothing here lives longer, whatever becomes of the host.
const LIFETIME: Duration = Duration::from_secs(60);
/// How many messages may be on their way between two threads. A host does not come near: it keeps to
/// its windows and to the slots.
const UNDER_WAY: usize = 1 << 16;

/// What is wrong, if anything is.
#[derive(Clone, Copy)]
pub(crate) struct Planted(Option<Fault>);

impl Planted {
    pub(crate) fn is(self, fault: Fault) -> bool {
        self.0 == Some(fault)
    }

    /// So many messages may wait between two threads; with 0 each waits for the next thread.
    pub(crate) fn under_way(self) -> usize {
        if self.is(Fault::StopsReadingWhileWriting) {
            0
        } else {
            UNDER_WAY
        }
    }
}

fn main() {
    std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        exit(98);
    });
    let planted = Planted(std::env::args().nth(1).map(|name| {
        let found = FAULTS.iter().find(|(fault, _)| *fault == name);
        found
            .unwrap_or_else(|| panic!("there is no fault {name}"))
            .1
    }));
    if std::env::var("GREENROOM_WORKER").as_deref() != Ok("1") && !planted.is(Fault::RunsByHand) {
        eprintln!("this is a worker for tests: greenroom conformance worker PROGRAM runs it");
        exit(if planted.is(Fault::ExitsWithTwoByHand) {
            2
        } else {
            64
        });
    }
    let socket = match reader::take_stdin(planted) {
        Ok(socket) => socket,
        Err(error) => panic!("standard input is no socket: {error}"),
    };
    let second = socket.try_clone().expect("a socket can be duplicated");
    let outbox = writer::start(second, planted);
    let reader = Reader::new(socket, planted);
    let agreed = handshake::shake_hands(reader, &outbox, planted);
    Worker::new(agreed, outbox, planted).serve();
}
