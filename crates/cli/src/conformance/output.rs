//! Standard output, written by a thread of its own.

use std::io::{self, Write as _};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

/// Takes pieces. Their number is bounded by that of the cases.
pub(super) struct Output(mpsc::Sender<String>);

/// Comes when everything is written and no more will come, or with the first problem.
pub(super) struct Written(oneshot::Receiver<io::Result<()>>);

/// Fails if the system refuses a thread.
pub(super) fn start() -> io::Result<(Output, Written)> {
    let (queue, pieces) = mpsc::channel::<String>();
    let (ended, end) = oneshot::channel();
    let name = "output".to_owned();
    thread::Builder::new().name(name).spawn(move || {
        let result = pieces.into_iter().try_for_each(|piece| {
            let mut stdout = io::stdout();
            stdout.write_all(piece.as_bytes())?;
            stdout.flush()
        });
        // Nobody may wait for it any more.
        let _ = ended.send(result);
    })?;
    Ok((Output(queue), Written(end)))
}

impl Output {
    /// Never blocks. What comes after a problem is lost.
    pub(super) fn write(&self, piece: String) {
        let _ = self.0.send(piece);
    }
}

impl Written {
    /// Waits for a problem while there is still something to come. Cancel-safe.
    pub(super) async fn problem(&mut self) -> io::Error {
        match (&mut self.0).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => std::future::pending().await,
        }
    }

    /// Waits until everything is written.
    pub(super) async fn all(self, output: Output) -> io::Result<()> {
        drop(output);
        self.0.await.unwrap_or_else(|_| {
            let gone = "the thread that writes it has ended early";
            Err(io::Error::other(gone))
        })
    }
}
