//! Accepts those who want something, within bounds.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
/// Of these, those that follow something: the others are for those who come and go.
pub(crate) const MAX_FOLLOWERS: usize = 48;
/// How often refusals are told of.
const TELL: Duration = Duration::from_secs(10);
/// How long to wait when the system has no descriptor left for another connection.
const PAUSE: Duration = Duration::from_millis(500);
/// How long those who are connected may take to hear the last of it.
const FAREWELL: Duration = Duration::from_millis(500);

/// Serves the control socket until `ended` resolves; then those who wait for that are told.
pub(crate) async fn serve(claim: Claim, host: Host, ended: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut refusals = Refusals::default();
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
                let failure = match (refusal, place) {
                    (Ok(peer), Some(place)) => {
                        let host = host.clone();
                        connections.spawn(async move {
                            connection::serve(stream, peer, &host).await;
                            drop(place);
                        });
                        continue;
                    }
                    (Ok(_), None) => busy(),
                    (Err(failure), _) => failure,
                };
                refusals.tell(&failure);
                connections.spawn(connection::turn_away(stream, failure));
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Before anybody hears of the end: who has heard of it finds the socket gone.
    drop(claim);
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

/// Counts those who are turned away: a crowd of them must not fill what is printed.
#[derive(Default)]
struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

impl Refusals {
    fn tell(&mut self, reason: &Failure) {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < TELL) {
            return;
        }
        self.told = Some(Instant::now());
        let refused = std::mem::take(&mut self.untold);
        tracing::warn!(%reason, refused, "a control connection was refused");
    }
}

fn busy() -> Failure {
    let message = format!("{MAX_CONNECTIONS} others are connected already: try again later");
    Failure::new(FailureKind::Busy, message)
}
