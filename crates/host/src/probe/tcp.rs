//! Whether a connection can be made.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::address::{Address, words};
use super::error::{ProbeError, ProbeFailure, shown};

pub(super) fn parse(address: &str) -> Result<Address, ProbeError> {
    Address::parse(address, None).map_err(|problem| ProbeError::Address {
        given: shown(address),
        problem,
        example: "127.0.0.1:5432",
    })
}

/// Connects to the first of its addresses that lets it.
pub(super) async fn connect(
    address: &Address,
    turn: OwnedSemaphorePermit,
    timeout: Duration,
) -> Result<TcpStream, ProbeFailure> {
    let begun = Instant::now();
    let addresses = address.resolve(turn).await?;
    connect_to_any(&addresses, timeout, begun).await
}

/// Each has an equal share of what is left of `timeout`, which began at `begun`: one that swallows
/// packets must not use up the time of the next.
pub(super) async fn connect_to_any(
    addresses: &[SocketAddr],
    timeout: Duration,
    begun: Instant,
) -> Result<TcpStream, ProbeFailure> {
    let no_answer = ProbeFailure::NoAnswer { within: timeout };
    let mut failure = no_answer.clone();
    for (tried, address) in (0_u32..).zip(addresses) {
        let left = u32::try_from(addresses.len()).unwrap_or(u32::MAX) - tried;
        let share = timeout.saturating_sub(begun.elapsed()) / left;
        match tokio::time::timeout(share, connect_to(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(refused)) => failure = refused,
            Err(_) => failure = no_answer.clone(),
        }
    }
    Err(failure)
}

async fn connect_to(address: SocketAddr) -> Result<TcpStream, ProbeFailure> {
    match TcpStream::connect(address).await {
        Ok(stream) if is_its_own_peer(&stream) => Err(ProbeFailure::Refused { address }),
        Ok(stream) => Ok(stream),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(ProbeFailure::Refused { address })
        }
        Err(error) => Err(ProbeFailure::Unreachable {
            address,
            message: words(&error),
        }),
    }
}

/// Where nobody listens, the system may choose that very port for our own end, and TCP then connects
/// the socket to itself.
pub(super) fn is_its_own_peer(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local == peer,
        _ => false,
    }
}
