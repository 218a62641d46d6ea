//! The signals that the supervisor obeys.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy)]
pub(super) enum Received {
    /// By the signal of this name.
    Stop(&'static str),
    Reload,
    Report,
}

/// All of them, watched from now on.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    /// Fails if the system refuses. None of them ends the process any more.
    pub(super) fn watch() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.term.recv() => Received::Stop("SIGTERM"),
            _ = self.int.recv() => Received::Stop("SIGINT"),
            _ = self.hup.recv() => Received::Reload,
            _ = self.usr1.recv() => Received::Report,
        }
    }

    /// Waits for one that asks to stop; others are for nobody any more. Cancel-safe.
    pub(super) async fn stop(&mut self) {
        while !matches!(self.next().await, Received::Stop(_)) {}
    }
}
