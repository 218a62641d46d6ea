//! The API worker: a process that serves requests.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use hyper::StatusCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::http::{self, Answer, answer};

/// Serves until SIGTERM, then finishes what it has begun.
pub(crate) async fn run(port: u16) -> ExitCode {
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the API cannot be served on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let end = CancellationToken::new();
    let (listener, address) = http::listen(port).await?;
    // The parent waits for this line.
    println!("the API listens on {address}");
    std::io::stdout().flush()?;
    let told_to_end = end.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        told_to_end.cancel();
    });
    http::serve(listener, end, |path| async move { respond(&path).await }).await
}

async fn respond(path: &str) -> Answer {
    match path {
        "/" => answer(StatusCode::OK, "hello\n"),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer(StatusCode::OK, "done at last\n")
        }
        "/crash" => {
            eprintln!("asked to crash");
            std::process::exit(3)
        }
        _ => answer(StatusCode::NOT_FOUND, "try /, /slow or /crash\n"),
    }
}
