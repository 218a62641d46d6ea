//! Pings (section 5.2).

use greenroom_protocol::{HostMessage, Pong, WorkerMessage};

use super::case;
use crate::host::body::Order;
use crate::host::case::{Closing, HostCase, Played, Stop};
use crate::host::say::SECTION;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "pings/out-of-order",
            &["GR-5.2-1"],
            [
                "answers the second ping before the first",
                "the host goes on with the worker",
            ],
            |stage| Box::pin(out_of_order(stage)),
        ),
        case(
            "pings/unanswered",
            &["GR-5.2-3", "GR-5.9-1", "GR-4.4-1"],
            [
                "stops its process and answers no ping",
                "the host ends it after ping_timeout_ms, and asks for no stacks",
            ],
            |stage| Box::pin(unanswered(stage)),
        )
        .closing(Closing::Refused),
        case(
            "pings/wrong-number",
            &["GR-5.2-1"],
            [
                "answers a ping with another number",
                "the host ends the connection",
            ],
            |stage| Box::pin(wrong_number(stage)),
        )
        .closing(Closing::Refused),
        case(
            "pings/answered-twice",
            &["GR-5.2-1"],
            ["answers a ping twice", "the host ends the connection"],
            |stage| Box::pin(answered_twice(stage)),
        )
        .closing(Closing::Refused),
        case(
            "pings/never-sent",
            &["GR-5.2-1"],
            [
                "sends a Pong right behind its response",
                "the host ends the connection",
            ],
            |stage| Box::pin(never_sent(stage)),
        )
        .closing(Closing::Refused),
    ]
}

fn pong(seq: u64) -> WorkerMessage {
    WorkerMessage::Pong(Pong {
        seq,
        jobs: 0,
        lag_us: 0,
    })
}

/// A worker that is ready and answers no ping by itself.
async fn silent(stage: &mut Stage) -> Played {
    stage.asked().await?;
    stage.pongs(false);
    stage.respond(|_| {});
    stage.taken_for_ready(SECTION).await
}

/// Only section 9.2 asks for pings: any other host sends them as it likes.
async fn ping(stage: &mut Stage) -> Result<u64, Stop> {
    let interval = stage.announced(|request| request.ping_interval_ms);
    let expected = "a Ping every ping_interval_ms";
    let found = stage.message_after(interval, SECTION, expected, |message| match message {
        HostMessage::Ping(ping) => Some(ping.seq),
        _ => None,
    });
    found.await.map_err(|stop| match &stage.setting.no_jobs {
        Some(_) => Stop::Skip("the host sends no Ping in time".into()),
        None => stop,
    })
}

async fn out_of_order(stage: &mut Stage) -> Played {
    silent(stage).await?;
    let first = ping(stage).await?;
    let second = ping(stage).await?;
    stage.send_all(&[pong(second), pong(first)]);
    stage.pongs(true);
    stage.still_trusted().await
}

async fn unanswered(stage: &mut Stage) -> Played {
    silent(stage).await?;
    stage.me().order(Order::Stop);
    let bound = stage.announced(|request| request.ping_timeout_ms);
    let expected = "the host to end the worker after ping_timeout_ms";
    stage.ended_within(bound, "GR-5.2-3", expected).await
}

async fn wrong_number(stage: &mut Stage) -> Played {
    silent(stage).await?;
    let seq = ping(stage).await?;
    stage.send(pong(seq.wrapping_add(1 << 40)));
    stage.refused().await
}

async fn answered_twice(stage: &mut Stage) -> Played {
    silent(stage).await?;
    let seq = ping(stage).await?;
    stage.send_all(&[pong(seq), pong(seq)]);
    stage.refused().await
}

async fn never_sent(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let response = WorkerMessage::InitializeResponse(stage.me().response());
    stage.send_all(&[response, pong(1 << 40)]);
    stage.refused().await
}
