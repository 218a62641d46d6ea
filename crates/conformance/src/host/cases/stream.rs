//! Reading, writing, ending (sections 1.3 and 2.3).

use bytes::Bytes;

use super::case;
use crate::case::Finding;
use crate::host::acting::small_job;
use crate::host::body::Order;
use crate::host::case::{Closing, HostCase, Played, Stop};
use crate::host::say::{Job, Outcome, SECTION};
use crate::host::session::{accepted, finished, output};
use crate::host::stage::Stage;
use crate::host::wire::WireOrder;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "stream/reads-while-it-writes",
            &["GR-1.3-1"],
            [
                "reads nothing while the host writes 4 MB of input, and sends a window of output",
                "the host reads it, and the job ends with it",
            ],
            |stage| Box::pin(reads_while_it_writes(stage)),
        ),
        case(
            "stream/end-before-the-response",
            &["GR-2.3-1"],
            [
                "closes the connection and exits without a word",
                "another worker is started",
            ],
            |stage| Box::pin(end_before_the_response(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-in-the-response",
            &["GR-2.3-2"],
            [
                "sends half of its response, and exits",
                "the worker is not taken for ready",
            ],
            |stage| Box::pin(end_in_the_response(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-after-the-handshake",
            &["GR-2.3-1"],
            ["exits with 0 when it is ready", "another worker is started"],
            |stage| Box::pin(end_after_the_handshake(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-in-a-header",
            &["GR-2.3-2"],
            [
                "sends three bytes of a header while a job runs, and exits",
                "the job is lost",
            ],
            |stage| Box::pin(end_in_a_header(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-in-a-body",
            &["GR-2.3-2"],
            [
                "sends JobFinished without its last byte, and exits",
                "the job is lost",
            ],
            |stage| Box::pin(end_in_a_body(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-mid-job",
            &["GR-2.3-1", "GR-5.4-2"],
            [
                "exits with 0 while a job runs",
                "the job is lost: an exit code is no outcome",
            ],
            |stage| Box::pin(end_mid_job(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-mid-output",
            &["GR-2.3-1", "GR-5.4-2"],
            ["exits after a piece of output", "the job is lost"],
            |stage| Box::pin(end_mid_output(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/reset",
            &["GR-1.3-3"],
            [
                "dies while bytes of the host are unread, which resets the connection",
                "the job is lost, and another worker is started",
            ],
            |stage| Box::pin(reset(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "stream/end-while-it-writes",
            &["GR-1.3-3"],
            [
                "accepts a job, sends 1 MB that the host skips, and dies while the host still writes 4 MB of input",
                "the job is lost, and another worker is started",
            ],
            |stage| Box::pin(end_while_it_writes(stage)),
        )
        .closing(Closing::WorkerGone),
    ]
}

/// The size of an input that no socket's buffer holds.
const MUCH: u64 = 4_000_000;

/// A job whose input the actor stops reading somewhere behind `StartJob`. Returns its key and number.
/// From then on it answers no ping either: what follows must not take longer than a host waits for that.
async fn choked(stage: &mut Stage) -> Result<(String, u64), Stop> {
    stage.ready().await?;
    let actor = stage.me();
    let frame = actor.referee.max_frame() as usize + 4;
    actor.order_wire(WireOrder::Ignore { after: frame });
    let key = stage.ask_for(Job {
        name: "large".into(),
        size: Some(MUCH),
        ..Job::default()
    })?;
    let number = stage
        .until(SECTION, "StartJob", |stage| {
            stage.actor()?.jobs.keys().next().copied()
        })
        .await?;
    stage.send(accepted(number));
    Ok((key, number))
}

async fn reads_while_it_writes(stage: &mut Stage) -> Played {
    let (key, number) = choked(stage).await?;
    let limits = stage.me().referee.limits().unwrap_or_default();
    let piece = Bytes::from(vec![b'x'; 32 << 10]);
    let count = (limits.output_window as usize / piece.len()).min(32);
    for _ in 0..count {
        stage.send(output(number, piece.clone()));
    }
    stage.send(finished(number, ""));
    let outcome = stage.outcome("GR-1.3-1", &key).await?;
    let expected = (count * piece.len()) as u64;
    if !matches!(outcome, Outcome::Ok { bytes, .. } if bytes == expected) {
        let expected = format!("{expected} bytes of output");
        let got = format!("{outcome:?}");
        return Err(Finding::new("GR-1.3-1", expected, got).into());
    }
    Ok(())
}

async fn end_before_the_response(stage: &mut Stage) -> Played {
    stage.asked().await?;
    stage.exit(0);
    Ok(())
}

async fn end_in_the_response(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let response = greenroom_protocol::WorkerMessage::InitializeResponse(stage.me().response());
    let mut bytes = response.encode().expect("it is small").head;
    bytes.truncate(bytes.len() / 2);
    stage.send_raw("half of the response", bytes);
    stage.exit(0);
    Ok(())
}

async fn end_after_the_handshake(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.exit(0);
    Ok(())
}

async fn end_in_a_header(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send_raw("three bytes of a header", vec![5, 0, 0]);
    stage.exit(0);
    stage.is_lost(SECTION, &job.key).await
}

async fn end_in_a_body(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    let frame = finished(job.number, "almost")
        .encode()
        .expect("it is small");
    let bytes = [frame.head, frame.data].concat();
    let cut = bytes[..bytes.len() - 1].to_vec();
    stage.send_raw("JobFinished without its last byte", cut);
    stage.exit(0);
    let outcome = stage.outcome(SECTION, &job.key).await?;
    if matches!(outcome, Outcome::Ok { .. }) {
        let expected = "nothing of the frame to be used";
        return Err(Finding::new("GR-2.3-2", expected, format!("{outcome:?}")).into());
    }
    stage.is_lost(SECTION, &job.key).await
}

async fn end_mid_job(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.exit(0);
    stage.is_lost("GR-2.3-1", &job.key).await
}

async fn end_mid_output(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    stage.send(output(job.number, "half of it"));
    stage.exit(0);
    stage.is_lost("GR-2.3-1", &job.key).await
}

async fn reset(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage.given(small_job()).await?;
    stage.send(accepted(job.number));
    stage.me().order_wire(WireOrder::Ignore { after: 0 });
    // An answer that stays unread.
    let (_, call) = stage.me().call("echo", "x");
    stage.send(call);
    let interval = stage.ping_interval();
    stage.watch(interval * 2).await;
    let actor = stage.me();
    actor.left = true;
    actor.order_wire(WireOrder::Drop);
    actor.order(Order::Kill);
    stage.is_lost("GR-1.3-3", &job.key).await
}

async fn end_while_it_writes(stage: &mut Stage) -> Played {
    let (key, _) = choked(stage).await?;
    // A host that meets the end as it writes need not read what is left. No buffer holds all of these:
    // once they are sent it has read that the job was accepted, which it may not try again.
    for _ in 0..16 {
        stage.send_raw("a frame to be skipped", skipped(64 << 10));
    }
    let actor = stage.me();
    actor.left = true;
    actor.order_wire(WireOrder::Drop);
    actor.order(Order::Kill);
    stage.is_lost("GR-1.3-3", &key).await
}

/// A frame of a type that nobody knows, and anybody may skip, with so many bytes in all.
fn skipped(size: usize) -> Bytes {
    let mut frame = Vec::with_capacity(size);
    frame.extend((size as u32 - 4).to_le_bytes());
    frame.extend([0xff, 0xff]);
    frame.resize(size, 0);
    frame.into()
}
