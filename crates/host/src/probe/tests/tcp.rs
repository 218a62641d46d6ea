//! Connections that are made, refused, or never answered.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use tokio::net::{TcpSocket, TcpStream};

use super::{LONG, SHORT, deserted, listen};
use crate::probe::tcp::{connect_to_any, is_its_own_peer};
use crate::{Probe, ProbeFailure};

/// An address that leaves connections unanswered: nobody accepts there, and the queue is full.
async fn silent() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let anywhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&socket, &anywhere).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    let address = address.try_into().unwrap();
    for _ in 0..32 {
        let connected = tokio::time::timeout(SHORT, TcpStream::connect(address)).await;
        if connected.is_err() {
            return (socket, address);
        }
    }
    panic!("the queue of a listener that accepts nothing never fills");
}

#[tokio::test]
async fn who_listens_is_well_even_if_it_says_nothing() {
    let (_listener, address) = listen().await;
    assert_eq!(Probe::tcp(address).unwrap().run(LONG).await, Ok(()));
}

#[tokio::test]
async fn a_refusal_names_who_refused() {
    let (_socket, address) = deserted();
    let failure = Probe::tcp(&address).unwrap().run(LONG).await.unwrap_err();
    let expected = format!("connection refused by {address}");
    assert_eq!(failure.to_string(), expected);
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let (_socket, deserted) = deserted();
    let (_listener, good) = listen().await;
    let (deserted, good): (SocketAddr, SocketAddr) =
        (deserted.parse().unwrap(), good.parse().unwrap());
    for addresses in [[deserted, good], [good, deserted]] {
        let stream = connect_to_any(&addresses, LONG, Instant::now()).await;
        assert_eq!(stream.unwrap().peer_addr().unwrap(), good);
    }
    let failure = connect_to_any(&[deserted; 2], LONG, Instant::now()).await;
    let address = deserted;
    assert_eq!(failure.unwrap_err(), ProbeFailure::Refused { address });
}

#[tokio::test]
async fn an_address_that_swallows_everything_leaves_time_for_the_next() {
    let (_socket, silent) = silent().await;
    let (_listener, good) = listen().await;
    let addresses = [silent, good.parse().unwrap()];
    let (timeout, begun) = (Duration::from_secs(4), Instant::now());
    let stream = connect_to_any(&addresses, timeout, begun).await;
    assert_eq!(stream.unwrap().peer_addr().unwrap(), addresses[1]);
    // The first had half of it.
    assert!(begun.elapsed() < timeout);
}

#[tokio::test]
async fn a_name_is_resolved() {
    let (listener, _) = listen().await;
    let port = listener.local_addr().unwrap().port();
    let probe = Probe::tcp(format!("localhost:{port}")).unwrap();
    assert_eq!(probe.run(LONG).await, Ok(()));
}

#[tokio::test]
async fn a_name_without_an_address_is_a_failure() {
    // Longer than a part of a name may be: no server is asked.
    let name = "x".repeat(64) + ".invalid";
    let probe = Probe::tcp(format!("{name}:80")).unwrap();
    let failure = probe.run(LONG).await.unwrap_err();
    assert!(
        matches!(&failure, ProbeFailure::Unresolved { host, .. } if *host == name),
        "{failure:?}"
    );
    assert!(
        failure.to_string().contains("cannot be resolved"),
        "{failure}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_timeout() {
    let (_socket, address) = silent().await;
    let probe = Probe::tcp(address.to_string()).unwrap();
    let failure = probe.run(SHORT).await.unwrap_err();
    assert_eq!(failure, ProbeFailure::NoAnswer { within: SHORT });
    assert_eq!(failure.to_string(), "no answer within 150ms");
}

#[tokio::test]
async fn an_attempt_that_still_hangs_is_waited_for_in_vain() {
    let (_listener, address) = listen().await;
    let probe = Probe::tcp(address).unwrap();
    let hanging = probe.clone().turn.acquire_owned().await.unwrap();
    let failure = probe.run(SHORT).await.unwrap_err();
    assert_eq!(failure, ProbeFailure::NoAnswer { within: SHORT });
    drop(hanging);
    assert_eq!(probe.run(LONG).await, Ok(()));
}

#[tokio::test]
async fn a_socket_that_reached_itself_is_known() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let stream = socket.connect(address).await.unwrap();
    assert!(is_its_own_peer(&stream));
}
