//! The tasks that carry bytes between a stage and one worker: its connection, and its process.
//!
//! Orders to both come in one queue. What the process is to do is handed on when all bytes before it
//! are written, because what a real process has said before it ends is there before its end is.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{Shutdown, sockopt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::body;
use super::event::Event;

/// What is read at once.
const PIECE: usize = 64 << 10;

/// What a connection is told to do, in this order.
#[derive(Debug)]
pub(super) enum WireOrder {
    Send(Bytes),
    /// Read at most so many bytes, and then nothing until `Listen`.
    Ignore {
        after: usize,
    },
    Listen,
    /// From now on let only a few pieces, however small, be on their way: what is sent in many pieces
    /// cannot be read in one.
    Narrow,
    /// End it for both directions, once everything before is sent.
    Close,
    /// Let go of it as it is. What was not read makes the end a reset, once the body has let go too.
    Drop,
    /// For the process, once everything before is sent, or can be sent to nobody any more.
    Body(body::Order),
}

/// Carries the bytes of worker `number` until it is told to end. Reads while it writes.
pub(super) async fn carry(
    number: usize,
    socket: UnixStream,
    mut orders: mpsc::UnboundedReceiver<WireOrder>,
    body: mpsc::UnboundedSender<body::Order>,
    events: mpsc::Sender<Event>,
) {
    converse(number, socket, &mut orders, &body, events).await;
    // The process may outlive its connection.
    while let Some(order) = orders.recv().await {
        if let WireOrder::Body(order) = order {
            hand_on(&body, order);
        }
    }
}

/// The process may have ended: then nothing is left to do.
fn hand_on(body: &mpsc::UnboundedSender<body::Order>, order: body::Order) {
    let _ = body.send(order);
}

/// Returns when the connection is let go.
async fn converse(
    number: usize,
    socket: UnixStream,
    orders: &mut mpsc::UnboundedReceiver<WireOrder>,
    body: &mpsc::UnboundedSender<body::Order>,
    events: mpsc::Sender<Event>,
) {
    let mut unsent = Bytes::new();
    let mut ear = usize::MAX;
    let mut ended = false;
    loop {
        let happened = tokio::select! {
            order = orders.recv(), if unsent.is_empty() => {
                match order {
                    Some(WireOrder::Send(bytes)) if !ended => unsent = bytes,
                    Some(WireOrder::Send(_)) => {}
                    Some(WireOrder::Ignore { after }) => ear = after,
                    Some(WireOrder::Listen) => ear = usize::MAX,
                    Some(WireOrder::Narrow) => {
                        // The system takes the least that it allows. It may have ended by itself.
                        let _ = sockopt::set_socket_send_buffer_size(&socket, 0);
                    }
                    Some(WireOrder::Body(order)) => hand_on(body, order),
                    Some(WireOrder::Drop) => return,
                    Some(WireOrder::Close) | None => {
                        // It may have ended by itself.
                        let _ = rustix::net::shutdown(&socket, Shutdown::Both);
                        return;
                    }
                }
                Ok(None)
            }
            ready = socket.writable(), if !unsent.is_empty() => {
                ready.and_then(|()| write(&socket, &mut unsent)).map(|()| None)
            }
            ready = socket.readable(), if ear > 0 && !ended => {
                ready.and_then(|()| read(&socket, &mut ear))
            }
        };
        let event = match happened {
            Ok(None) => continue,
            Ok(Some(bytes)) if !bytes.is_empty() => Event::Bytes(number, bytes),
            Ok(Some(_)) => Event::Disconnected(number, "the host closed it".into()),
            Err(error) => Event::Disconnected(number, error.to_string()),
        };
        if matches!(event, Event::Disconnected(..)) {
            if ended {
                continue;
            }
            ended = true;
            unsent.clear();
        }
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// At most so many bytes; nothing of them at the end of the stream.
fn read(socket: &UnixStream, ear: &mut usize) -> io::Result<Option<Bytes>> {
    let mut piece = BytesMut::zeroed(PIECE.min(*ear));
    match socket.try_read(&mut piece) {
        Ok(count) => {
            piece.truncate(count);
            if *ear != usize::MAX {
                *ear -= count;
            }
            Ok(Some(piece.freeze()))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(socket: &UnixStream, unsent: &mut Bytes) -> io::Result<()> {
    match socket.try_write(unsent) {
        Ok(written) => {
            unsent.advance(written);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => {
            unsent.clear();
            Err(error)
        }
    }
}

/// Carries orders to the process of worker `number`, and tells when it ends.
pub(super) async fn command(
    number: usize,
    mut body: UnixStream,
    mut orders: mpsc::UnboundedReceiver<body::Order>,
    events: mpsc::Sender<Event>,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (mut answers, mut orders_out) = body.split();
    let mut unsent = Bytes::new();
    loop {
        let event = tokio::select! {
            order = orders.recv(), if unsent.is_empty() => {
                let Some(order) = order else { return };
                let mut line = serde_json::to_vec(&order).unwrap_or_default();
                line.push(b'\n');
                unsent = line.into();
                continue;
            }
            written = orders_out.write_buf(&mut unsent), if !unsent.is_empty() => {
                if written.is_err() {
                    unsent.clear();
                }
                continue;
            }
            answer = answers.read_u8() => match answer {
                Ok(_) => Event::Obeyed(number),
                Err(_) => Event::Died(number),
            },
        };
        let died = matches!(event, Event::Died(_));
        if events.send(event).await.is_err() || died {
            return;
        }
    }
}
