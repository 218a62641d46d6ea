//! Frames: their pieces, their lengths, their limits (sections 2.1 and 2.2).

use bytes::Bytes;
use greenroom_protocol::WorkerMessage;

use super::{case, vectors};
use crate::case::Finding;
use crate::host::acting::small_job;
use crate::host::case::{Closing, HostCase, Played};
use crate::host::say::{Job, Outcome, SECTION, pattern};
use crate::host::session::{accepted, finished, output};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "frames/torn-handshake",
            &["GR-2.1-4"],
            [
                "sends its response one byte at a time",
                "the worker is taken for ready",
            ],
            |stage| Box::pin(torn_handshake(stage)),
        ),
        case(
            "frames/torn-job",
            &["GR-2.1-4"],
            [
                "sends all messages of a job one byte at a time",
                "the job ends with its output",
            ],
            |stage| Box::pin(torn_job(stage)),
        ),
        case(
            "frames/coalesced",
            &["GR-2.1-4"],
            [
                "sends its response and a call in one piece, then all messages of a job in one piece",
                "the call is answered, and the job ends with its output",
            ],
            |stage| Box::pin(coalesced(stage)),
        ),
        case(
            "frames/length-0",
            &["GR-2.1-3"],
            ["sends a length of 0", "the host ends the connection"],
            |stage| Box::pin(bad_length(stage, 0)),
        )
        .closing(Closing::Refused),
        case(
            "frames/length-1",
            &["GR-2.1-3"],
            ["sends a length of 1", "the host ends the connection"],
            |stage| Box::pin(bad_length(stage, 1)),
        )
        .closing(Closing::Refused),
        case(
            "frames/over-the-handshake-limit",
            &["GR-2.2-2", "GR-2.2-1"],
            [
                "begins its response with a length of 65,537",
                "the host ends the connection",
            ],
            |stage| Box::pin(over_the_handshake_limit(stage)),
        )
        .closing(Closing::Refused),
        case(
            "frames/at-the-handshake-limit",
            &["GR-2.2-2"],
            [
                "sends a response of exactly 65,536 bytes",
                "the worker is taken for ready",
            ],
            |stage| Box::pin(at_the_handshake_limit(stage)),
        ),
        case(
            "frames/over-the-agreed-limit",
            &["GR-2.2-3", "GR-2.2-1", "GR-4.3-2"],
            [
                "announces a max_frame of 65,536, and sends a length of 65,537 later",
                "the host ends the connection",
            ],
            |stage| Box::pin(over_the_agreed_limit(stage)),
        )
        .closing(Closing::Refused),
        case(
            "frames/at-the-agreed-limit",
            &["GR-2.2-3"],
            [
                "ends a job with a frame of exactly the agreed limit",
                "the job ends with all of it",
            ],
            |stage| Box::pin(at_the_agreed_limit(stage)),
        ),
        case(
            "frames/host-keeps-the-limit",
            &["GR-4.3-2", "GR-2.2-3"],
            [
                "announces a max_frame of 65,536, and takes a job with 300,000 bytes of input",
                "the input comes in frames of at most that size",
            ],
            |stage| Box::pin(host_keeps_the_limit(stage)),
        ),
        case(
            "frames/huge-length",
            &["GR-2.2-1"],
            [
                "sends a length of 4 GiB",
                "the host ends the connection, and has not allocated for it",
            ],
            |stage| Box::pin(huge_length(stage)),
        )
        .closing(Closing::Refused),
        case(
            "frames/truncated",
            &["GR-2.3-2"],
            [
                "ends inside a frame, as vectors/malformed.json says",
                "the host lives on",
            ],
            |stage| Box::pin(truncated(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "frames/truncated-and-stays",
            &["GR-2.3-2"],
            [
                "ends the connection inside a frame, and does not exit",
                "the host ends the process, and says that it was for the frame",
            ],
            |stage| Box::pin(truncated_and_stays(stage)),
        )
        .closing(Closing::Refused),
    ]
}

async fn torn_handshake(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let response = WorkerMessage::InitializeResponse(stage.me().response());
    stage.send_torn(&[response]);
    stage.taken_for_ready(stage.main()).await?;
    stage.still_trusted().await
}

async fn torn_job(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let job = stage.given(small_job()).await?;
    let number = job.number;
    let messages = [
        accepted(number),
        output(number, "one "),
        finished(number, "two"),
    ];
    stage.send_torn(&messages);
    stage.ends_with("GR-2.1-4", &job.key, "one two").await
}

async fn coalesced(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let response = WorkerMessage::InitializeResponse(stage.me().response());
    let (call, request) = stage.me().call("echo", "at once");
    stage.send_all(&[response, request]);
    stage.answer_to(call).await?;
    stage.taken_for_ready(stage.main()).await?;
    let job = stage.given(small_job()).await?;
    let number = job.number;
    stage.send_all(&[
        accepted(number),
        output(number, "one "),
        finished(number, "two"),
    ]);
    stage.ends_with("GR-2.1-4", &job.key, "one two").await
}

async fn bad_length(stage: &mut Stage, length: u32) -> Played {
    stage.ready().await?;
    let bytes = [&length.to_le_bytes(), [3, 0].as_slice()].concat();
    stage.send_raw(&format!("a length of {length}"), bytes);
    stage.refused().await
}

async fn over_the_handshake_limit(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let bytes = [65_537u32.to_le_bytes().as_slice(), &[2, 0]].concat();
    stage.send_raw("a header with the length 65,537", bytes);
    stage.refused().await
}

async fn at_the_handshake_limit(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let response = stage.me().response();
    let length = |padding: usize| {
        let build_id = "b".repeat(padding);
        let padded = greenroom_protocol::InitializeResponse {
            build_id,
            ..response.clone()
        };
        WorkerMessage::InitializeResponse(padded)
            .encode()
            .map_or(0, |frame| frame.length())
    };
    // Its own length takes three bytes in either case.
    let padding = 60_000 + 65_536 - length(60_000);
    stage.respond(|response| response.build_id = "b".repeat(padding));
    stage.taken_for_ready(stage.main()).await?;
    stage.still_trusted().await
}

async fn over_the_agreed_limit(stage: &mut Stage) -> Played {
    stage
        .ready_as(SECTION, |response| response.limits.max_frame = 65_536)
        .await?;
    let bytes = [65_537u32.to_le_bytes().as_slice(), &[21, 0]].concat();
    stage.send_raw("a header with the length 65,537", bytes);
    stage.refused().await
}

async fn at_the_agreed_limit(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    let limit = stage.me().referee.max_frame() as usize;
    let head = finished(job.number, "")
        .encode()
        .map_or(0, |frame| frame.length());
    let data = Bytes::from(vec![b'x'; limit - head]);
    stage.send(finished(job.number, data.clone()));
    match stage.outcome("GR-2.2-3", &job.key).await? {
        Outcome::Ok { bytes, .. } if bytes == data.len() as u64 => Ok(()),
        other => {
            let expected = format!("{} bytes of output", data.len());
            Err(Finding::new("GR-2.2-3", expected, format!("{other:?}")).into())
        }
    }
}

async fn host_keeps_the_limit(stage: &mut Stage) -> Played {
    stage
        .ready_as(SECTION, |response| response.limits.max_frame = 65_536)
        .await?;
    let size = 300_000;
    let job = stage
        .given(Job {
            name: "large".into(),
            size: Some(size as u64),
            ..Job::default()
        })
        .await?;
    let heard = &stage.me().jobs[&job.number];
    if !heard.input.iter().copied().eq(pattern(size)) {
        let got = format!("{} bytes, or others", heard.input.len());
        return Err(Finding::new("GR-5.4-8", "the 300,000 bytes of the job", got).into());
    }
    stage.send_all(&[accepted(job.number), finished(job.number, "got it")]);
    stage.ends_with(SECTION, &job.key, "got it").await
}

async fn huge_length(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let before = stage.peak();
    let bytes = [u32::MAX.to_le_bytes().as_slice(), &[3, 0]].concat();
    stage.send_raw("a length of 4 GiB", bytes);
    stage.refused().await?;
    stage.has_not_allocated(before, "GR-2.2-1")
}

async fn truncated(stage: &mut Stage) -> Played {
    for vector in vectors::chosen(|vector| vector.error == "Truncated") {
        stage.ready().await?;
        stage.send_raw(&vector.description, vector.bytes());
        stage.exit(0);
        stage.echo().await?;
        stage.start_anew().await?;
    }
    stage.ready().await?;
    stage.send_raw("one byte", vec![2]);
    stage.exit(0);
    Ok(())
}

/// A worker that dies may cut a frame, and then its end says more than the frame. This one does not die.
async fn truncated_and_stays(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send_raw("three bytes of a header", vec![5, 0, 0]);
    let actor = stage.cast.first_mut().expect("it is ready");
    actor.hang_up(&mut stage.transcript);
    stage.blamed_for(&["GR-2.3-2"]).await
}
