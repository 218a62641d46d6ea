//! The fate of an encoder, played by the program itself.

use std::time::Duration;

use greenroom::Supervisor;
use greenroom::supervisor::{Notice, SupervisorEvents, UnitError, UnitNotice};

use crate::encoder;

/// Why the demonstration did not go as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unexpected {
    #[error("the encoder was not ready again within {0:?}")]
    NotBack(Duration),
    #[error("the supervisor has ended")]
    Ended,
    #[error(transparent)]
    Unit(#[from] UnitError),
}

const SIGKILL: i32 = 9;
const SIGSTOP: i32 = 19;
/// Beyond every limit of the encoder's policy: its stall, its ladder, its backoff, its start.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Kills the encoder after some seconds and stalls it some seconds later.
pub(crate) async fn play(supervisor: &Supervisor) -> Result<(), Unexpected> {
    let mut events = supervisor.events();
    for (signal, what) in [
        (SIGKILL, "kill -9: the last file will not play"),
        (SIGSTOP, "kill -STOP: it neither works nor ends"),
    ] {
        tokio::time::sleep(Duration::from_secs(5)).await;
        println!("           -- {what}");
        supervisor.signal_unit(encoder::NAME, signal).await?;
        match tokio::time::timeout(BACK_WITHIN, ready_again(&mut events)).await {
            Ok(true) => {}
            Ok(false) => return Err(Unexpected::Ended),
            Err(_) => return Err(Unexpected::NotBack(BACK_WITHIN)),
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!("           -- q: it finishes its last file");
    Ok(())
}

async fn ready_again(events: &mut SupervisorEvents) -> bool {
    while let Some(event) = events.next().await {
        if let Notice::Unit {
            notice: UnitNotice::Ready { .. },
            ..
        } = event.notice
        {
            return true;
        }
    }
    false
}
