//! Writes to standard output or standard error, on a thread of its own: a terminal that was stopped
//! or a pipe that nobody reads must hold up nothing else, least of all signals.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Pieces that may wait for a slow reader; more are dropped and counted.
const WAITING: usize = 4_096;
/// How long the end may wait for a slow reader.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// Takes lines. Cheap, and never blocks. Clones write to the same place, in one order.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    shared: Arc<Shared>,
}

/// Not a channel: its end must be awaited while others, as the one who logs, still have handles.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<String>,
    dropped: u64,
    /// No more is wanted than what waits.
    finishing: bool,
    /// Nothing more will be written.
    ended: bool,
}

impl Printer {
    /// Fails if the system refuses a thread.
    pub(crate) fn start(stream: Stream) -> io::Result<Self> {
        let printer = Self {
            shared: Arc::default(),
        };
        let shared = Arc::clone(&printer.shared);
        thread::Builder::new()
            .name("printer".into())
            .spawn(move || {
                match stream {
                    Stream::Output => shared.write_all(stream, io::stdout()),
                    Stream::Error => shared.write_all(stream, io::stderr()),
                }
                shared.lock().ended = true;
                shared.changed.notify_all();
            })?;
        Ok(printer)
    }

    pub(crate) fn print(&self, mut line: String) {
        line.push('\n');
        self.write(line);
    }

    /// As it is, without the end of a line.
    pub(crate) fn write(&self, piece: String) {
        self.shared.lock().take(piece);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, but not for ever. What comes later is lost.
    pub(crate) fn finish(&self) {
        let mut state = self.shared.lock();
        state.finishing = true;
        self.shared.changed.notify_all();
        let ended = |state: &mut State| !state.ended;
        // What a reader that is too slow has not read is lost.
        drop(
            self.shared
                .changed
                .wait_timeout_while(state, FAREWELL, ended),
        );
    }
}

impl State {
    fn take(&mut self, piece: String) {
        if self.ended || self.finishing {
            return;
        }
        if self.waiting.len() >= WAITING {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            let said = format!(
                "... {} lines were not printed: nobody read them\n",
                self.dropped
            );
            self.waiting.push_back(said);
            self.dropped = 0;
        }
        self.waiting.push_back(piece);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done where it could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece; `None` at the end.
    fn next(&self) -> Option<String> {
        let nothing = |state: &mut State| state.waiting.is_empty() && !state.finishing;
        let state = self.changed.wait_while(self.lock(), nothing);
        state
            .unwrap_or_else(PoisonError::into_inner)
            .waiting
            .pop_front()
    }

    fn write_all(&self, stream: Stream, mut to: impl Write) {
        // Standard error cannot be told of its own trouble.
        let tells = stream == Stream::Output;
        let mut failing = false;
        while let Some(piece) = self.next() {
            let written = to.write_all(piece.as_bytes()).and_then(|()| to.flush());
            match written {
                Ok(()) => failing = false,
                // Whoever read this is gone for good.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    if tells {
                        tracing::warn!("standard output is closed: nothing more is printed");
                    }
                    return;
                }
                // A disk that is full may have room again.
                Err(error) => {
                    if tells && !failing {
                        tracing::warn!(%error, "standard output cannot be written: lines are lost");
                    }
                    failing = true;
                }
            }
        }
    }
}

/// What the library logs.
impl<'a> MakeWriter<'a> for Printer {
    type Writer = Record;

    fn make_writer(&'a self) -> Record {
        Record {
            printer: self.clone(),
            text: Vec::new(),
        }
    }
}

/// One log record. It goes out when it is whole.
pub(crate) struct Record {
    printer: Printer,
    text: Vec<u8>,
}

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            let text = String::from_utf8_lossy(&self.text).into_owned();
            self.printer.write(text);
        }
    }
}

/// For a person, at once. Standard error may be closed: then nobody listens.
pub(crate) fn say(line: impl std::fmt::Display) {
    // One write, so that lines of several processes do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_said() {
        let mut state = State::default();
        for _ in 0..WAITING + 2 {
            state.take("line\n".into());
        }
        assert_eq!((state.waiting.len(), state.dropped), (WAITING, 2));
        state.waiting.clear();
        state.take("next\n".into());
        let said = "... 2 lines were not printed: nobody read them\n";
        assert_eq!(state.waiting, [said, "next\n"]);
    }
}
