//! The input of a job, whole and in pieces.

use bytes::Bytes;
use greenroom_protocol::{HostMessage, JobInput, WorkerMessage};

use super::judge::{begin, ends, judge, list, pattern, same};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Cut, Session};

/// So much input is agreed on in the cases of the limit.
const MAX_PAYLOAD: usize = 1_000;

pub(super) fn cases() -> Vec<WorkerCase> {
    let echo = |id, sends, run| WorkerCase {
        about: Case {
            id,
            requirements: &["GR-5.4-8", "GR-5.4-2", "GR-5.4-3"],
            sends,
            expects: "the output is the input",
        },
        needs: &["conformance.echo"],
        closing: Closing::Orderly,
        run,
    };
    vec![
        echo("jobs/input-empty", "a job without input", |session| {
            Box::pin(echoes(session, &[0]))
        }),
        echo("jobs/input-one-byte", "a job with one byte", |session| {
            Box::pin(echoes(session, &[1]))
        }),
        echo(
            "jobs/input-64-kib",
            "a job with 65,536 bytes in StartJob",
            |session| Box::pin(echoes(session, &[65_536])),
        ),
        echo(
            "jobs/input-in-pieces",
            "a job with 300,000 bytes in StartJob and six JobInputs",
            |session| {
                Box::pin(echoes(
                    session,
                    &[40_000, 1, 60_000, 59_999, 70_000, 30_000, 40_000],
                ))
            },
        ),
        echo(
            "jobs/input-byte-by-byte",
            "a job with 400 bytes, a JobInput for each, in one write",
            |session| Box::pin(echoes(session, &[1; 400])),
        ),
        echo(
            "jobs/input-empty-pieces",
            "a job with empty JobInputs between others, and an empty last one",
            |session| Box::pin(echoes(session, &[0, 5, 0, 0, 7, 0])),
        ),
        WorkerCase {
            about: Case {
                id: "jobs/input-largest",
                requirements: &["GR-5.4-9", "GR-4.3-2"],
                sends: "jobs with exactly the agreed max_payload, whole and in pieces",
                expects: "the output is the input",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(largest(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/input-too-large",
                requirements: &["GR-1.3-4", "GR-5.4-9", "GR-4.3-2"],
                sends: "a StartJob with one byte more than the agreed max_payload",
                expects: "the worker ends the connection",
            },
            needs: &["conformance.echo"],
            closing: Closing::Refused,
            run: |session| Box::pin(too_large(session, &[MAX_PAYLOAD + 1])),
        },
        WorkerCase {
            about: Case {
                id: "jobs/input-too-large-in-pieces",
                requirements: &["GR-1.3-4", "GR-5.4-9", "GR-4.3-2"],
                sends: "input that grows over the agreed max_payload with its third piece",
                expects: "the worker ends the connection",
            },
            needs: &["conformance.echo"],
            closing: Closing::Refused,
            run: |session| Box::pin(too_large(session, &[600, 400, 1])),
        },
        WorkerCase {
            about: Case {
                id: "jobs/input-after-the-last",
                requirements: &["GR-1.3-4", "GR-5.4-8"],
                sends: "a JobInput for a job that runs and has had its last",
                expects: "the worker ends the connection",
            },
            needs: &["conformance.wait"],
            closing: Closing::Refused,
            run: |session| Box::pin(after_the_last(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/input-after-the-end",
                requirements: &["GR-5.4-10"],
                sends: "a JobInput for a job that is finished",
                expects: "it is ignored, and the next job runs",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(after_the_end(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/input-incomplete",
                requirements: &["GR-5.2-3", "GR-5.4-8"],
                sends: "the beginning of a job's input, a Ping, and the rest of the input",
                expects: "a Pong while the input is incomplete, no end before it is complete, and the output",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(incomplete(session)),
        },
    ]
}

/// Sends pieces of these sizes, the first of them in `StartJob`, in one write.
async fn echoes(session: &mut Session, sizes: &[usize]) -> Result<(), Stop> {
    session.ready().await?;
    echo_in_pieces(session, sizes).await
}

async fn echo_in_pieces(session: &mut Session, sizes: &[usize]) -> Result<(), Stop> {
    let input = pattern(sizes.iter().sum());
    let (job, messages) = in_pieces(session, &input, sizes);
    session.send_torn(&messages, Cut::Nowhere).await?;
    let end = session.finish_job(job).await?;
    same("GR-5.4-8", &input, &end.well("conformance.echo")?)
}

fn in_pieces(session: &mut Session, input: &Bytes, sizes: &[usize]) -> (u64, Vec<HostMessage>) {
    let mut start = session.start_message("conformance.echo");
    start.last = sizes.len() == 1;
    let job = start.job;
    let mut rest = input.clone();
    let mut messages = vec![HostMessage::StartJob(start, rest.split_to(sizes[0]))];
    for (index, &size) in sizes.iter().enumerate().skip(1) {
        let last = index == sizes.len() - 1;
        messages.push(HostMessage::JobInput(
            JobInput { job, last },
            rest.split_to(size),
        ));
    }
    (job, messages)
}

async fn ready_for_little(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.max_payload = MAX_PAYLOAD as u64;
    session.ready_with(request, "").await?;
    match session.limits().max_payload {
        agreed if agreed == MAX_PAYLOAD as u64 => Ok(()),
        less => Err(Stop::Skip(format!(
            "the worker allows only {less} bytes of input"
        ))),
    }
}

async fn largest(session: &mut Session) -> Result<(), Stop> {
    ready_for_little(session).await?;
    echo_in_pieces(session, &[MAX_PAYLOAD]).await?;
    echo_in_pieces(session, &[600, 400]).await?;
    echo_in_pieces(session, &[MAX_PAYLOAD, 0]).await
}

async fn too_large(session: &mut Session, sizes: &[usize]) -> Result<(), Stop> {
    if let Err(stop) = ready_for_little(session).await {
        // Without a violation there is nothing to refuse.
        session.close_as(Closing::Orderly);
        return Err(stop);
    }
    let input = pattern(sizes.iter().sum());
    let (_, messages) = in_pieces(session, &input, sizes);
    session.send_torn(&messages, Cut::Nowhere).await?;
    session.expect_refusal().await
}

async fn after_the_last(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    let more = JobInput { job, last: false };
    session
        .send(HostMessage::JobInput(more, "more".into()))
        .await?;
    session.expect_refusal().await
}

async fn after_the_end(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.echo", "one", &[]).await?;
    session.finish_job(job).await?;
    for last in [false, true] {
        let late = JobInput { job, last };
        session
            .send(HostMessage::JobInput(late, "late".into()))
            .await?;
    }
    let before = session.barrier().await?;
    judge(before.is_empty(), "GR-5.4-10", "nothing", list(&before))?;
    session.echo("two").await
}

async fn incomplete(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let input = pattern(2_000);
    let (job, mut messages) = in_pieces(session, &input, &[700, 300, 1_000]);
    let rest = messages.pop();
    session.send_torn(&messages, Cut::Nowhere).await?;
    let before = session.barrier().await?;
    judge(
        ends(&before, job) == 0,
        "GR-5.4-8",
        "no end of a job whose input is incomplete",
        list(&before),
    )?;
    session.send_torn(rest.as_slice(), Cut::Nowhere).await?;
    let end = session.finish_job(job).await?;
    // A worker that hands its input on as it comes may have sent a part of it before the pong.
    let rest = end.well("conformance.echo")?;
    let pieces = before.iter().filter_map(|message| match message {
        WorkerMessage::JobOutput(_, data) => Some(data.as_ref()),
        _ => None,
    });
    let output = pieces.chain([rest.as_ref()]);
    same("GR-5.4-8", &input, &output.collect::<Vec<_>>().concat())
}
