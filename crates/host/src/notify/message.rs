//! One notification, read from its datagram.

use std::time::Duration;

use greenroom_supervision::harmless;

const STATUS: usize = 1 << 10;

/// What one datagram says, as far as a supervisor acts on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Started, or done with reloading.
    pub(crate) ready: bool,
    /// Begins to read its configuration again.
    pub(crate) reloading: bool,
    /// Begins to leave.
    pub(crate) stopping: bool,
    /// What it does, for people. One line, at most 1 KiB; empty if it takes back what it said.
    pub(crate) status: Option<String>,
    pub(crate) watchdog: Option<Watchdog>,
    /// A new limit between two signs of life; zero for none.
    pub(crate) watchdog_usec: Option<Duration>,
    /// What it is doing takes this much longer, from now on.
    pub(crate) extend_timeout: Option<Duration>,
}

/// What it says to the watchdog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watchdog {
    /// A sign of life.
    Alive,
    /// It knows that it is broken: treat it as if it had given no sign.
    Trigger,
}

/// Why a datagram, or a line of it, is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is longer than {} bytes", super::DATAGRAM)]
    TooLong,
    #[error("it holds a NUL")]
    Nul,
    #[error("it holds no KEY=value")]
    NoAssignment,
    #[error("{0} is not a number of microseconds")]
    NotANumber(&'static str),
}

/// Reads a datagram. As with systemd, a line that is of no use leaves the others as they are, and
/// keys that are not known are passed over in silence.
pub(super) fn parse(datagram: &[u8]) -> (Notification, Option<Unusable>) {
    let mut notification = Notification::default();
    // Some senders count the end of a C string in.
    let datagram = datagram.strip_suffix(b"\0").unwrap_or(datagram);
    if datagram.contains(&0) {
        return (notification, Some(Unusable::Nul));
    }
    let text = String::from_utf8_lossy(datagram);
    let lines = text.split('\n');
    let mut assignments = lines.filter_map(|line| line.split_once('=')).peekable();
    let nothing = assignments.peek().is_none();
    let mut unusable = nothing.then_some(Unusable::NoAssignment);
    for (key, value) in assignments {
        if let Err(problem) = notification.assign(key, value) {
            unusable = Some(problem);
        }
    }
    (notification, unusable)
}

impl Notification {
    fn assign(&mut self, key: &str, value: &str) -> Result<(), Unusable> {
        match (key, value) {
            ("READY", "1") => self.ready = true,
            ("RELOADING", "1") => self.reloading = true,
            ("STOPPING", "1") => self.stopping = true,
            ("STATUS", text) => {
                let mut text = harmless(text, STATUS);
                // What replaces a control character is longer than that.
                text.truncate(text.floor_char_boundary(STATUS));
                self.status = Some(text);
            }
            // Once it has called for its end, nothing else in the same breath takes that back.
            ("WATCHDOG", "1") => {
                self.watchdog.get_or_insert(Watchdog::Alive);
            }
            ("WATCHDOG", "trigger") => self.watchdog = Some(Watchdog::Trigger),
            ("WATCHDOG_USEC", value) => {
                self.watchdog_usec = Some(microseconds("WATCHDOG_USEC", value)?);
            }
            ("EXTEND_TIMEOUT_USEC", value) => {
                self.extend_timeout = Some(microseconds("EXTEND_TIMEOUT_USEC", value)?);
            }
            _ => {}
        }
        Ok(())
    }
}

fn microseconds(key: &'static str, value: &str) -> Result<Duration, Unusable> {
    let number = value.parse().map_err(|_| Unusable::NotANumber(key))?;
    Ok(Duration::from_micros(number))
}
