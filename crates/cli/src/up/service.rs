//! Speaks to a service manager above, if there is one: systemd's `sd_notify`.
//!
//! On a thread of its own: one that does not listen must not hold up the supervisor.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;

/// What there is to say.
#[derive(Debug)]
pub(crate) enum Say {
    Ready,
    Reloading,
    /// The reload is over.
    Reloaded,
    Stopping,
    Status(String),
    Alive,
}

/// Takes messages. Cheap, and never blocks; nothing happens without a service manager.
#[derive(Clone)]
pub(crate) struct ServiceManager {
    messages: Option<SyncSender<Say>>,
}

impl ServiceManager {
    /// Fails if the system refuses a thread.
    pub(crate) fn start() -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self { messages: None });
        }
        let (messages, queue) = sync_channel(64);
        thread::Builder::new()
            .name("sd_notify".into())
            .spawn(move || {
                let mut told = Told::default();
                for message in queue {
                    if let Err(error) = told.tell(&message) {
                        tracing::warn!(%error, "the service manager cannot be told: NOTIFY_SOCKET");
                    }
                }
            })?;
        let messages = Some(messages);
        Ok(Self { messages })
    }

    pub(crate) fn is_there(&self) -> bool {
        self.messages.is_some()
    }

    /// How often it wants to hear that we live: half of its limit.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.messages.as_ref()?;
        sd_notify::watchdog_enabled().map(|limit| limit / 2)
    }

    pub(crate) fn say(&self, message: Say) {
        // A full queue means that nobody listens: what is new would be stale before it is heard.
        if let Some(messages) = &self.messages
            && messages.try_send(message).is_err()
        {
            tracing::debug!("the service manager does not listen");
        }
    }
}

/// What it knows of us.
#[derive(Default)]
struct Told {
    ready: bool,
    reloading: bool,
}

impl Told {
    /// Says what is news. To one that still waits for the start a reload is none: its end would be
    /// taken for the end of the start.
    fn tell(&mut self, message: &Say) -> io::Result<()> {
        match message {
            Say::Ready if !self.ready => {
                self.ready = true;
                sd_notify::notify(&[NotifyState::Ready])
            }
            Say::Reloading if self.ready => {
                self.reloading = true;
                let now = NotifyState::monotonic_usec_now()?;
                sd_notify::notify(&[NotifyState::Reloading, now])
            }
            Say::Reloaded if self.reloading => {
                self.reloading = false;
                sd_notify::notify(&[NotifyState::Ready])
            }
            Say::Ready | Say::Reloading | Say::Reloaded => Ok(()),
            Say::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
            Say::Status(text) => sd_notify::notify(&[NotifyState::Status(text)]),
            Say::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        }
    }
}
