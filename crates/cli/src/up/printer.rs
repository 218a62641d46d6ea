//! Writes to standard output, on a thread of its own: a terminal that was stopped or a pipe that
//! nobody reads must not hold up the supervisor.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait for a slow terminal; more are dropped and counted.
const WAITING: usize = 4_096;
/// How long the end may wait for a slow terminal.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes lines. Cheap, and never blocks.
pub(crate) struct Printer {
    lines: SyncSender<String>,
    ended: Receiver<()>,
    dropped: u64,
}

impl Printer {
    /// Fails if the system refuses a thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (lines, queue) = sync_channel(WAITING);
        let (end, ended) = sync_channel(1);
        thread::Builder::new()
            .name("printer".into())
            .spawn(move || {
                write_all(&queue);
                // Nobody waits any more if the end was slow.
                let _ = end.send(());
            })?;
        Ok(Self {
            lines,
            ended,
            dropped: 0,
        })
    }

    pub(crate) fn print(&mut self, line: String) {
        if self.dropped > 0 {
            let said = format!(
                "... {} lines were not printed: nobody read them",
                self.dropped
            );
            if self.lines.try_send(said).is_ok() {
                self.dropped = 0;
            }
        }
        if self.lines.try_send(line).is_err() {
            self.dropped += 1;
        }
    }

    /// Waits until everything is written, but not for ever.
    pub(crate) fn finish(self) {
        drop(self.lines);
        if self.ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("standard output is not read: its last lines are lost");
        }
    }
}

fn write_all(lines: &Receiver<String>) {
    let mut stdout = io::stdout().lock();
    let mut failing = false;
    for line in lines {
        match writeln!(stdout, "{line}") {
            Ok(()) => failing = false,
            // Whoever read this is gone for good.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                tracing::warn!("standard output is closed: nothing more is printed");
                break;
            }
            // A disk that is full may have room again.
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "standard output cannot be written: lines are lost");
                }
                failing = true;
            }
        }
    }
    // The units go on, and so does the taking of their lines.
    lines.iter().for_each(drop);
}
