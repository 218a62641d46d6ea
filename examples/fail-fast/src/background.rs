//! The background worker: a process that works through items, one after the other.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// Works until SIGTERM, then finishes its item. Fails after so many, if told to.
pub(crate) async fn run(fail_after: Option<u32>) -> ExitCode {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return ExitCode::FAILURE;
    };
    let mut item = 0;
    loop {
        if fail_after == Some(item) {
            eprintln!("item {item} cannot be worked on");
            return ExitCode::from(4);
        }
        println!("item {item}");
        // What would be work.
        let work = tokio::time::sleep(Duration::from_millis(500));
        tokio::pin!(work);
        tokio::select! {
            () = &mut work => item += 1,
            _ = terminate.recv() => {
                work.await;
                println!("item {item} is finished");
                return ExitCode::SUCCESS;
            }
        }
    }
}
