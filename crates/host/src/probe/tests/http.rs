//! Answers to a GET: good ones, bad ones, and none.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{LONG, SHORT, deserted, listen};
use crate::{Probe, ProbeFailure};

/// Takes one connection and reads its request.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(request).unwrap())
}

/// Answers one request with these pieces and closes; returns the request.
fn answer_once(listener: TcpListener, pieces: Vec<Vec<u8>>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut stream, request) = accept(&listener).await;
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            // It may have been understood before its end.
            let _ = stream.write_all(&piece).await;
            tokio::task::yield_now().await;
        }
        request
    })
}

async fn judged(answer: impl AsRef<[u8]>) -> Result<(), ProbeFailure> {
    let (listener, address) = listen().await;
    let server = answer_once(listener, vec![answer.as_ref().to_vec()]);
    let probe = Probe::http(format!("http://{address}/")).unwrap();
    let result = probe.run(LONG).await;
    server.await.unwrap();
    result
}

#[tokio::test]
async fn statuses_from_200_to_399_are_good() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 204\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n",
        "HTTP/1.1 399 Whatever\n\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert_eq!(judged(head).await, Ok(()), "{head:?}");
    }
}

#[tokio::test]
async fn other_statuses_are_told() {
    for (head, told) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "answered 503 Service Unavailable",
        ),
        ("HTTP/1.1 404\r\n\r\n", "answered 404"),
        ("HTTP/1.1 404 a\tb\r\n\r\n", "answered 404 a b"),
        ("HTTP/1.1 101 Switching\r\n\r\n", "answered 101 Switching"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n",
            "answered 500 Oh",
        ),
    ] {
        assert_eq!(judged(head).await.unwrap_err().to_string(), told);
    }
    let wordy = format!("HTTP/1.1 500 {}\r\n\r\n", "x".repeat(1_000));
    let told = judged(wordy).await.unwrap_err().to_string();
    assert_eq!(told, format!("answered 500 {}", "x".repeat(100)));
}

#[tokio::test]
async fn what_is_not_an_answer_is_told() {
    let told = |result: Result<(), ProbeFailure>| result.unwrap_err().to_string();
    let ssh = told(judged("SSH-2.0-OpenSSH_9.2\r\n").await);
    assert!(ssh.starts_with("its answer is not HTTP: "), "{ssh}");
    let garbage = told(judged([0x15, 3, 1, 0, 2, 2, 70, b'\n']).await);
    assert!(garbage.starts_with("its answer is not HTTP: "), "{garbage}");
    let closed = "closed the connection before it had answered";
    assert_eq!(told(judged("").await), closed);
    assert_eq!(told(judged("HTTP/1.1 200 OK\r\nContent").await), closed);
}

#[tokio::test]
async fn a_head_in_torn_pieces_is_read() {
    let (listener, address) = listen().await;
    let head = b"HTTP/1.1 200 OK\r\nServer: slow\r\nX: y\r\n\r\n";
    let server = answer_once(listener, head.iter().map(|byte| vec![*byte]).collect());
    let probe = Probe::http(format!("http://{address}")).unwrap();
    assert_eq!(probe.run(LONG).await, Ok(()));
    server.await.unwrap();
}

#[tokio::test]
async fn the_request_is_plain_and_whole() {
    let (listener, address) = listen().await;
    let server = answer_once(listener, vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()]);
    let probe = Probe::http(format!("http://{address}/a/b?c=d#e")).unwrap();
    assert_eq!(probe.run(LONG).await, Ok(()));
    let request = server.await.unwrap();
    assert!(
        request.starts_with("GET /a/b?c=d HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains(&format!("\r\nHost: {address}\r\n")));
    assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
}

#[tokio::test]
async fn a_head_without_end_is_cut() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = accept(&listener).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    let probe = Probe::http(format!("http://{address}/")).unwrap();
    let failure = probe.run(LONG).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the head of its answer is longer than 16384 bytes"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn silence_ends_at_the_timeout_and_closes_the_connection() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = accept(&listener).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await
    });
    let probe = Probe::http(format!("http://{address}/")).unwrap();
    let failure = probe.run(SHORT).await.unwrap_err();
    assert_eq!(failure, ProbeFailure::NoAnswer { within: SHORT });
    assert_eq!(failure.to_string(), "no answer within 150ms");
    // An end or a reset, whichever the system makes of it.
    let _ = server.await.unwrap();
}

#[tokio::test]
async fn a_refusal_names_who_refused() {
    let (_socket, address) = deserted();
    let probe = Probe::http(format!("http://{address}/")).unwrap();
    let failure = probe.run(LONG).await.unwrap_err();
    let expected = format!("connection refused by {address}");
    assert_eq!(failure.to_string(), expected);
}
