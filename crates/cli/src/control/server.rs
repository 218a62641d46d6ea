//! Accepts those who want something, within bounds.

use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::tokio::Listener as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::claim::Claim;
use super::connection;
use super::message::{Failure, FailureKind};
use super::peer::Peer;
use crate::up::host::Host;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 64;
/// How long to wait when the system has no descriptor left for another connection.
const PAUSE: Duration = Duration::from_millis(500);
/// How long those who are connected may take to hear the last of it.
const FAREWELL: Duration = Duration::from_millis(500);

/// Serves the control socket until `ended` resolves; then those who wait for that are told.
pub(crate) async fn serve(claim: Claim, host: Host, ended: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(ended);
    loop {
        let accepted = tokio::select! {
            accepted = claim.listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut ended => break,
        };
        match accepted {
            Ok(stream) => {
                let refusal = refuse(&stream);
                let place = Arc::clone(&places).try_acquire_owned().ok();
                let host = host.clone();
                connections.spawn(async move {
                    match (refusal, place) {
                        (Ok(peer), Some(_place)) => connection::serve(stream, peer, &host).await,
                        (Ok(_), None) => connection::turn_away(stream, busy()).await,
                        (Err(failure), _) => connection::turn_away(stream, failure).await,
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all).await.is_err() {
        tracing::debug!("somebody on the control socket does not hang up");
    }
}

/// The same user or root, nobody else: the socket's mode says so too, but not everywhere.
fn refuse(stream: &Stream) -> Result<Peer, Failure> {
    let not_permitted = |message: String| Failure::new(FailureKind::NotPermitted, message);
    let peer = Peer::of(stream)
        .map_err(|error| not_permitted(format!("the system does not say who you are: {error}")))?;
    let ours = rustix::process::geteuid().as_raw();
    if peer.user == ours || peer.user == 0 {
        return Ok(peer);
    }
    Err(not_permitted(format!(
        "this supervisor belongs to the user with the number {ours}: only they and root may \
         control it"
    )))
}

fn busy() -> Failure {
    let message = format!("{MAX_CONNECTIONS} others are connected already: try again later");
    Failure::new(FailureKind::Busy, message)
}
