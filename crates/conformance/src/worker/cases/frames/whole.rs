//! Frames that a worker accepts, in whatever pieces they come.

use bytes::Bytes;
use greenroom_protocol::{HostMessage, InitializeRequest, Ping, StartJob};

use super::super::handshake;
use super::super::jobs::judge;
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Cut, Session};

/// The limit of the handshake, and the least that can be agreed on.
const LEAST: usize = 65_536;
/// How many messages go into one write.
const MANY: u64 = 200;

pub(super) fn cases() -> Vec<WorkerCase> {
    const TORN: &[&str] = &["GR-2.1-4", "GR-2.1-2"];
    let accepted = |id, requirements, sends, expects, needs, run| WorkerCase {
        about: Case {
            id,
            requirements,
            sends,
            expects,
        },
        needs,
        closing: Closing::Orderly,
        run,
    };
    vec![
        accepted(
            "frames/byte-by-byte",
            TORN,
            "InitializeRequest, a job and a Ping, a write for each byte",
            "the same answers as to whole frames",
            &["conformance.echo"],
            |session| Box::pin(byte_by_byte(session)),
        ),
        accepted(
            "frames/split-at-every-byte",
            TORN,
            "one StartJob after the other, the first split before its second byte, the next before \
             its third, and so on",
            "the output of each job",
            &["conformance.echo"],
            |session| Box::pin(split_everywhere(session)),
        ),
        accepted(
            "frames/split-behind-another",
            TORN,
            "a Ping and half the header of the next in one write; the rest once the first is answered",
            "both Pongs",
            &[],
            |session| Box::pin(split_behind_another(session)),
        ),
        accepted(
            "frames/coalesced",
            TORN,
            "200 Pings, a job and another Ping in one write",
            "all Pongs and the job's output",
            &["conformance.echo"],
            |session| Box::pin(coalesced(session)),
        ),
        accepted(
            "frames/longest-of-the-handshake",
            &["GR-2.2-2"],
            "an InitializeRequest whose length is exactly 65,536",
            "InitializeResponse",
            &[],
            |session| Box::pin(longest_request(session)),
        ),
        accepted(
            "frames/longest-agreed",
            &["GR-2.2-3", "GR-4.3-2"],
            "a job whose StartJob has exactly the agreed max_frame as its length",
            "its output",
            &["conformance.echo"],
            |session| Box::pin(longest_agreed(session)),
        ),
        accepted(
            "frames/longest-agreed-is-the-least",
            &["GR-2.2-3", "GR-4.3-2"],
            "max_frame 65,536 in the request, and a job whose StartJob is as long as that",
            "its output",
            &["conformance.echo"],
            |session| Box::pin(longest_least(session)),
        ),
        accepted(
            "frames/worker-keeps-the-agreed-limit",
            &["GR-2.2-3", "GR-2.2-1", "GR-4.3-2", "GR-5.5-2"],
            "max_frame 65,536 in the request, and a job whose output is 200,000 bytes",
            "the output in frames that are not longer than that",
            &["conformance.produce"],
            |session| Box::pin(keeps_the_limit(session)),
        ),
        accepted(
            "frames/worker-keeps-the-limit-of-the-handshake",
            &["GR-2.2-2", "GR-2.2-1", "GR-4.6-1"],
            "the arguments `fail MESSAGE` with a message as long as the frame allows",
            "an InitializeResponse with an error, not longer than 65,536, and exit",
            &["conformance.jobs"],
            |session| Box::pin(long_error(session)),
        ),
    ]
}

fn initialize(request: InitializeRequest) -> HostMessage {
    HostMessage::InitializeRequest(request, Bytes::new())
}

async fn byte_by_byte(session: &mut Session) -> Result<(), Stop> {
    let request = initialize(session.request());
    session.send_torn(&[request], Cut::Everywhere).await?;
    session.expect_ready().await?;
    let start = session.start_message("conformance.echo");
    let job = start.job;
    let messages = [
        HostMessage::StartJob(start, "torn".into()),
        HostMessage::Ping(Ping { seq: 70_000 }),
    ];
    session.send_torn(&messages, Cut::Everywhere).await?;
    let end = session.finish_job(job).await?;
    same(&end.well("conformance.echo")?, b"torn")
}

async fn split_everywhere(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut index = 1;
    loop {
        let start = session.start_message("conformance.echo");
        let job = start.job;
        let start = HostMessage::StartJob(start, "split".into());
        let length = start.encode().expect("it is small").wire_len();
        session.send_torn(&[start], Cut::Before(index)).await?;
        let end = session.finish_job(job).await?;
        same(&end.well("conformance.echo")?, b"split")?;
        index += 1;
        if index >= length {
            return Ok(());
        }
    }
}

async fn split_behind_another(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let pings = [1, 2].map(|seq| HostMessage::Ping(Ping { seq: 1_000 + seq }));
    let first = pings[0].encode().expect("it is small").wire_len();
    let mut cut = session.split(&pings, first + 3);
    session.send_part(&mut cut).await?;
    session.expect_pong(1_001).await?;
    session.send_part(&mut cut).await?;
    session.expect_pong(1_002).await.map(drop)
}

async fn coalesced(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let ping = |seq| HostMessage::Ping(Ping { seq });
    let mut messages: Vec<HostMessage> = (1..=MANY).map(|seq| ping(1_000 + seq)).collect();
    let start = session.start_message("conformance.echo");
    let job = start.job;
    messages.push(HostMessage::StartJob(start, "one of many".into()));
    messages.push(ping(5_000));
    session.send_torn(&messages, Cut::Nowhere).await?;
    let mut missing = MANY + 1;
    let mut output = Vec::new();
    let mut finished = false;
    while missing > 0 || !finished {
        use greenroom_protocol::WorkerMessage::{JobFinished, JobOutput, Pong};
        match session
            .next("GR-2.1-4", "an answer to each of 202 messages")
            .await?
        {
            Pong(_) => missing -= 1,
            JobOutput(piece, data) if piece.job == job => output.extend_from_slice(&data),
            JobFinished(end, data) if end.job == job => {
                output.extend_from_slice(&data);
                finished = true;
            }
            _ => {}
        }
    }
    same(&output, b"one of many")
}

async fn longest_request(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.host_name.clear();
    let short = initialize(request.clone());
    let bare = short.encode().expect("it is small").length();
    // The name's own length takes two bytes more than that of an empty one.
    request.host_name = "x".repeat(LEAST - bare - 2);
    let request = initialize(request);
    let length = request.encode().expect("it fits").length();
    assert_eq!(length, LEAST, "the case makes the longest frame");
    session.send(request).await?;
    session.expect_ready().await?;
    session.barrier().await.map(drop)
}

async fn longest_agreed(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    echo_longest(session).await
}

async fn longest_least(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_frame = 65_536;
    session.ready_with(request, "").await?;
    echo_longest(session).await
}

/// A job whose first frame is as long as it may be.
async fn echo_longest(session: &mut Session) -> Result<(), Stop> {
    let start = session.start_message("conformance.echo");
    let longest = session.limits().max_frame as usize;
    let input = filled(&start, longest);
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, input.clone()))
        .await?;
    let end = session.finish_job(job).await?;
    same(&end.well("conformance.echo")?, &input)
}

/// Input that makes a frame of this length.
fn filled(start: &StartJob, length: usize) -> Bytes {
    let bare = HostMessage::StartJob(start.clone(), Bytes::new());
    let bare = bare.encode().expect("it is small").length();
    let bytes = (0..length - bare).map(|index| (index % 251) as u8);
    bytes.collect()
}

async fn keeps_the_limit(session: &mut Session) -> Result<(), Stop> {
    const SIZE: usize = 200_000;
    let mut request = session.request();
    request.limits.max_frame = 65_536;
    session.ready_with(request, "").await?;
    let output = session
        .run_well("conformance.produce", SIZE.to_string(), &[])
        .await?;
    judge::same("section 9.1", &judge::pattern(SIZE), &output)
}

async fn long_error(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    let bare = initialize(request.clone()).encode();
    let room = LEAST - bare.expect("it is small").length() - "fail ".len();
    let arguments = format!("fail {}", "é".repeat(room / 2));
    session.close_as(Closing::Judged);
    session
        .send(HostMessage::InitializeRequest(request, arguments.into()))
        .await?;
    let response = session.expect_response().await?;
    if response.error.is_none() {
        let expected = "an error, because the preparation failed";
        let got = "a worker that is ready";
        return Err(Stop::Fail(Finding::new("section 9.1", expected, got)));
    }
    handshake::leaves_with_an_error(session).await
}

/// What arrived in pieces must be what was sent.
fn same(output: &[u8], sent: &[u8]) -> Result<(), Stop> {
    if output == sent {
        return Ok(());
    }
    let differs = output.iter().zip(sent).position(|(a, b)| a != b);
    let at = differs.unwrap_or(output.len().min(sent.len()));
    let expected = format!("the {} bytes of the job's output", sent.len());
    let got = format!("{} bytes, other ones from byte {at} on", output.len());
    Err(Stop::Fail(Finding::new("GR-2.1-4", expected, got)))
}
