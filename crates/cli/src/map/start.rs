//! The start of the workers: until they are ready, until it is clear that none will be, or until
//! somebody does not want to wait.

use greenroom::{EventKind, ExitReason, Pool, PoolBuilder, PoolNotice, Refusal, StartError};
use tokio::sync::watch;

use super::conduct::End;
use super::signals::{Signal, first_signal};

/// A pool whose workers are ready. If there is none, nothing of it is left.
pub(super) async fn start(
    pool: PoolBuilder,
    stopped: &mut watch::Receiver<Option<Signal>>,
) -> Result<Pool, End> {
    let (pool, mut events) = pool.start_in_background().map_err(End::NoPool)?;
    let (mut report, mut ready) = (None, false);
    let end = loop {
        let event = tokio::select! {
            event = events.next() => event,
            signal = first_signal(stopped) => break End::Stopped(signal),
        };
        match event.map(|event| event.kind) {
            Some(EventKind::Pool(PoolNotice::Warm)) => return Ok(pool),
            Some(EventKind::Pool(PoolNotice::Degraded { reason, failures })) => {
                let refusal = Refusal::Unavailable { reason, failures };
                break End::NoPool(StartError::NotReady { refusal, report });
            }
            Some(EventKind::Ready { .. }) => ready = true,
            Some(EventKind::Closed { report: last }) => {
                let reason = last.reason.clone();
                report = Some(last);
                // A program that is no worker: the next one would be as silent, and take as long.
                if !ready && matches!(reason, ExitReason::InitializeTimeout { .. }) {
                    let refusal = Refusal::Unavailable {
                        reason,
                        failures: 1,
                    };
                    break End::NoPool(StartError::NotReady { refusal, report });
                }
            }
            Some(_) => {}
            None => {
                let refusal = Refusal::Closed;
                break End::NoPool(StartError::NotReady { refusal, report });
            }
        }
    };
    pool.close().await;
    Err(end)
}
