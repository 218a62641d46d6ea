//! The codec inside tokio-util's `Framed`, over an in-memory stream.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use greenroom_protocol::{
    FrameCodec, FrameError, FramedError, HostMessage, JobOutput, Ping, Pong, WorkerMessage,
};
use tokio::io::{AsyncWriteExt, duplex};
use tokio_util::codec::Framed;

fn framed(stream: tokio::io::DuplexStream) -> Framed<tokio::io::DuplexStream, FrameCodec> {
    Framed::new(stream, FrameCodec::default())
}

#[tokio::test]
async fn two_sides_converse() {
    // Seven bytes hold no whole frame but the smallest: both codecs work on pieces.
    let (left, right) = duplex(7);
    let (mut host, mut worker) = (framed(left), framed(right));
    let output = Bytes::from(vec![0xab; 10_000]);

    let answering = async {
        let frame = worker.next().await.unwrap().unwrap();
        let Some(HostMessage::Ping(Ping { seq })) = HostMessage::decode(frame).unwrap() else {
            panic!("a ping was sent");
        };
        let pong = Pong {
            seq,
            jobs: 1,
            lag_us: 300,
        };
        let pong = WorkerMessage::Pong(pong).encode().unwrap();
        let piece = WorkerMessage::JobOutput(JobOutput { job: 9 }, output.clone());
        worker.feed(pong).await.unwrap();
        worker.send(piece.encode().unwrap()).await.unwrap();
        worker.close().await.unwrap();
        drop(worker);
    };
    let asking = async {
        let ping = HostMessage::Ping(Ping { seq: 70_000 });
        host.send(ping.encode().unwrap()).await.unwrap();
        let mut heard = Vec::new();
        while let Some(frame) = host.next().await {
            heard.push(WorkerMessage::decode(frame.unwrap()).unwrap().unwrap());
        }
        heard
    };
    let (heard, ()) = tokio::join!(asking, answering);

    let pong = Pong {
        seq: 70_000,
        jobs: 1,
        lag_us: 300,
    };
    assert_eq!(
        heard,
        [
            WorkerMessage::Pong(pong),
            WorkerMessage::JobOutput(JobOutput { job: 9 }, output),
        ]
    );
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_frame_is_an_error() {
    let (mut peer, stream) = duplex(64);
    peer.write_all(&[3, 0, 0, 0, 3]).await.unwrap();
    drop(peer);

    let error = framed(stream).next().await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            FramedError::Frame(FrameError::Truncated { have: 5, need: 7 })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_stream_that_ends_between_frames_is_a_close() {
    let (mut peer, stream) = duplex(64);
    peer.write_all(&[3, 0, 0, 0, 3, 0, 7]).await.unwrap();
    drop(peer);

    let mut host = framed(stream);
    assert!(host.next().await.unwrap().is_ok());
    assert!(host.next().await.is_none());
}

#[tokio::test]
async fn a_length_over_the_limit_ends_the_stream() {
    let (mut peer, stream) = duplex(64);
    peer.write_all(&[0xff; 4]).await.unwrap();

    let error = framed(stream).next().await.unwrap().unwrap_err();
    assert!(
        matches!(error, FramedError::Frame(FrameError::TooLarge { length, .. }) if length == u32::MAX),
        "{error:?}"
    );
}
