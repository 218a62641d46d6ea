//! Ctrl-C and SIGTERM: the first asks to stop, the second ends everything.

use std::io;

use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;

use crate::exit::Exit;

/// Who asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Fails if the system refuses a handler. To be called inside a runtime.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
        })
    }

    /// Passes the first signal on and returns at the second.
    pub(super) async fn second(mut self, first: watch::Sender<Option<Signal>>) {
        let signal = self.next().await;
        first.send_replace(Some(signal));
        self.next().await;
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Waits for the first signal; for ever if none can come any more.
pub(super) async fn first_signal(stopped: &mut watch::Receiver<Option<Signal>>) -> Signal {
    let signal = match stopped.wait_for(Option::is_some).await {
        Ok(signal) => *signal,
        Err(_) => None,
    };
    match signal {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}
