//! The end of the stream at each point: the worker must exit, whatever it is doing.

use std::time::Duration;

use greenroom_protocol::{HostMessage, JobInput};

use super::begun;
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    const END: &[&str] = &["GR-1.3-2", "GR-2.3-1"];
    const TORN: &[&str] = &["GR-1.3-2", "GR-2.3-2"];
    const RESET: &[&str] = &["GR-1.3-3", "GR-1.3-2"];
    let gone = |id, requirements, sends, needs, run| WorkerCase {
        about: Case {
            id,
            requirements,
            sends,
            expects: "exit",
        },
        needs,
        closing: Closing::HostGone,
        run,
    };
    vec![
        gone(
            "stream/end-before-anything",
            END,
            "nothing, and the end",
            &[],
            |_| Box::pin(async { Ok(()) }),
        ),
        gone(
            "stream/end-inside-the-length",
            TORN,
            "two bytes of InitializeRequest, and the end",
            &[],
            |session| Box::pin(part_of_the_request(session, 2)),
        ),
        gone(
            "stream/end-inside-the-header",
            TORN,
            "five bytes of InitializeRequest, and the end",
            &[],
            |session| Box::pin(part_of_the_request(session, 5)),
        ),
        gone(
            "stream/end-inside-the-body",
            TORN,
            "20 bytes of InitializeRequest, and the end",
            &[],
            |session| Box::pin(part_of_the_request(session, 20)),
        ),
        gone(
            "stream/end-after-the-handshake",
            END,
            "InitializeRequest, and the end after the response",
            &[],
            |session| Box::pin(async { session.ready().await.map(drop) }),
        ),
        gone(
            "stream/end-of-one-direction",
            END,
            "the handshake, and the end of the host's direction only",
            &[],
            |session| Box::pin(half_closed(session)),
        ),
        gone(
            "stream/end-during-the-preparation",
            END,
            "InitializeRequest with the arguments `wait`, and the end",
            &["conformance.jobs"],
            |session| Box::pin(preparing(session)),
        ),
        gone(
            "stream/end-inside-the-input",
            END,
            "half of a job's input, and the end",
            &["conformance.echo"],
            |session| Box::pin(half_an_input(session)),
        ),
        gone(
            "stream/end-while-a-job-waits",
            END,
            "the job conformance.wait, and the end",
            &["conformance.wait"],
            |session| Box::pin(begun(session, "conformance.wait", "")),
        ),
        gone(
            "stream/end-while-a-job-is-deaf",
            END,
            "the job conformance.deaf, and the end",
            &["conformance.deaf"],
            |session| Box::pin(begun(session, "conformance.deaf", "")),
        ),
        gone(
            "stream/end-while-the-handler-blocks",
            END,
            "the job conformance.block for an hour, and the end",
            &["conformance.block"],
            |session| Box::pin(begun(session, "conformance.block", "3600000")),
        ),
        gone(
            "stream/end-while-a-call-is-open",
            END,
            "the job conformance.call without an answer to its call, and the end",
            &["conformance.call"],
            |session| Box::pin(open_call(session)),
        ),
        gone(
            "stream/end-after-shutdown",
            END,
            "Shutdown with an hour of grace while a job ignores it, and the end",
            &["conformance.deaf"],
            |session| Box::pin(leaving(session)),
        ),
        gone(
            "stream/reset-with-an-answer-unread",
            RESET,
            "a Ping, and a close while its Pong is unread",
            &[],
            |session| Box::pin(unread_pong(session)),
        ),
        gone(
            "stream/reset-while-the-worker-writes",
            RESET,
            "a job whose output fills the socket, and a close while nothing of it is read",
            &["conformance.produce"],
            |session| Box::pin(unread_output(session)),
        ),
    ]
}

async fn part_of_the_request(session: &mut Session, count: usize) -> Result<(), Stop> {
    let request = session.request();
    let request = HostMessage::InitializeRequest(request, Default::default());
    let frame = request.encode().expect("it is small");
    session
        .send_raw("the beginning of InitializeRequest", &frame.head[..count])
        .await
}

async fn half_closed(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session.half_close()?;
    session
        .expect_end("GR-1.3-2", "the worker's end of the stream")
        .await?;
    Ok(())
}

async fn preparing(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    let request = HostMessage::InitializeRequest(request, "wait".into());
    session.send(request).await
}

async fn half_an_input(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut start = session.start_message("conformance.echo");
    start.last = false;
    let input = JobInput {
        job: start.job,
        last: false,
    };
    session
        .send(HostMessage::StartJob(start, "one".into()))
        .await?;
    session
        .send(HostMessage::JobInput(input, "two".into()))
        .await?;
    session.barrier().await?;
    Ok(())
}

async fn open_call(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let method = &[("method", "never-answered")];
    session.start("conformance.call", "", method).await?;
    session.expect_call().await?;
    Ok(())
}

async fn leaving(session: &mut Session) -> Result<(), Stop> {
    begun(session, "conformance.deaf", "").await?;
    session.shut_down(Duration::from_secs(3_600)).await?;
    session.expect_shutting_down().await?;
    Ok(())
}

async fn unread_pong(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session.ping().await?;
    session.something_unread("GR-5.2-3", "Pong").await
}

async fn unread_output(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let size = session.limits().output_window.to_string();
    session.start("conformance.produce", size, &[]).await?;
    session
        .something_unread("GR-5.4-4", "JobAccepted and output")
        .await
}
