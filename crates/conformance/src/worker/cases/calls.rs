//! Calls of a worker to its host (section 5.6).

use std::collections::HashMap;

use bytes::Bytes;
use greenroom_protocol::{CallResponse, FailureKind, HostMessage};

use super::jobs::judge::{cancel, ends, judge, list, pattern, same};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

const ECHO: &[(&str, &str)] = &[("method", "echo")];

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "calls/answered",
                requirements: &["GR-5.6-1"],
                sends: "a job that makes a call, and the answer",
                expects: "CallRequest with method and data, and the answer's data as output",
            },
            needs: &["conformance.call"],
            closing: Closing::Orderly,
            run: |session| Box::pin(answered(session, "what is the time?".into(), "late".into())),
        },
        WorkerCase {
            about: Case {
                id: "calls/answered-with-nothing",
                requirements: &["GR-5.6-1"],
                sends: "a call without data, and an answer without data",
                expects: "a job that ends well without output",
            },
            needs: &["conformance.call"],
            closing: Closing::Orderly,
            run: |session| Box::pin(answered(session, Bytes::new(), Bytes::new())),
        },
        WorkerCase {
            about: Case {
                id: "calls/answered-at-length",
                requirements: &["GR-5.6-1", "GR-2.2-3"],
                sends: "a call with 100,000 bytes, and an answer with 200,000",
                expects: "all of them, in frames that fit",
            },
            needs: &["conformance.call"],
            closing: Closing::Orderly,
            run: |session| Box::pin(answered(session, pattern(100_000), pattern(200_000))),
        },
        WorkerCase {
            about: Case {
                id: "calls/refused",
                requirements: &["GR-5.4-2"],
                sends: "an error as the answer to a call",
                expects: "a job that fails with a message that holds it",
            },
            needs: &["conformance.call", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(refused(session, b"")),
        },
        WorkerCase {
            about: Case {
                id: "calls/refused-with-data",
                requirements: &["GR-5.6-3"],
                sends: "an error with data as the answer to a call",
                expects: "the data is ignored: the job fails with a message that holds the error",
            },
            needs: &["conformance.call", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(refused(session, b"data that comes with an error")),
        },
        WorkerCase {
            about: Case {
                id: "calls/in-reverse",
                requirements: &["GR-5.6-1", "GR-5.6-2"],
                sends: "the answers to eight calls at the same time, the last one first",
                expects: "each call gets its own answer",
            },
            needs: &["conformance.calls"],
            closing: Closing::Orderly,
            run: |session| Box::pin(in_reverse(session)),
        },
        WorkerCase {
            about: Case {
                id: "calls/numbers",
                requirements: &["GR-5.6-1"],
                sends: "three jobs with five calls each",
                expects: "call numbers from 1 on, each greater than the one before",
            },
            needs: &["conformance.calls"],
            closing: Closing::Orderly,
            run: |session| Box::pin(numbers(session)),
        },
        WorkerCase {
            about: Case {
                id: "calls/ping-while-open",
                requirements: &["GR-5.2-3"],
                sends: "Pings while a call is not answered",
                expects: "a Pong for each",
            },
            needs: &["conformance.call"],
            closing: Closing::Orderly,
            run: |session| Box::pin(ping_while_open(session)),
        },
        WorkerCase {
            about: Case {
                id: "calls/cancel-while-open",
                requirements: &["GR-5.4-2", "GR-5.4-11", "GR-5.6-2"],
                sends: "CancelJob while a call is not answered, and then the answer",
                expects: "one JobFinished; the answer does no harm",
            },
            needs: &["conformance.call", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(cancel_while_open(session)),
        },
        WorkerCase {
            about: Case {
                id: "calls/answer-to-nothing",
                requirements: &["GR-1.3-4", "GR-5.6-2"],
                sends: "a CallResponse to a call that was never made",
                expects: "the worker ends the connection",
            },
            needs: &[],
            closing: Closing::Refused,
            run: |session| Box::pin(answer_to_nothing(session)),
        },
        WorkerCase {
            about: Case {
                id: "calls/answered-twice",
                requirements: &["GR-1.3-4", "GR-5.6-2"],
                sends: "a second CallResponse to a call",
                expects: "the worker ends the connection",
            },
            needs: &["conformance.call"],
            closing: Closing::Refused,
            run: |session| Box::pin(answered_twice(session)),
        },
    ]
}

async fn answered(session: &mut Session, argument: Bytes, answer: Bytes) -> Result<(), Stop> {
    session.ready().await?;
    let method = "größe.of/🙂";
    let metadata = [("method", method)];
    let job = session
        .start("conformance.call", argument.clone(), &metadata)
        .await?;
    let (request, data) = session.expect_call().await?;
    judge(
        request.method == method,
        "section 9.1",
        format!("a call of the method {method:?}"),
        format!("{:?}", request.method),
    )?;
    same("section 9.1", &argument, &data)?;
    respond(session, request.call, answer.clone()).await?;
    let end = session.finish_job(job).await?;
    same("section 9.1", &answer, &end.well("conformance.call")?)
}

async fn refused(session: &mut Session, data: &'static [u8]) -> Result<(), Stop> {
    const ERROR: &str = "the line is busy: \"größe\"";
    session.ready().await?;
    let job = session.start("conformance.call", "hello", ECHO).await?;
    let (request, _) = session.expect_call().await?;
    let response = CallResponse {
        call: request.call,
        error: Some(ERROR.into()),
    };
    session
        .send(HostMessage::CallResponse(
            response,
            Bytes::from_static(data),
        ))
        .await?;
    let end = session.finish_job(job).await?;
    let failed = end.failure.as_ref().is_some_and(|failure| {
        failure.kind == FailureKind::ERROR && failure.message.contains(ERROR)
    });
    judge(
        !end.is_ok() || data.is_empty() || end.output != data,
        "GR-5.6-3",
        "the data beside an error to be ignored",
        "a job that ends well with this data as output",
    )?;
    judge(
        failed,
        "section 9.1",
        format!("a failure of kind 1 whose message holds {ERROR:?}"),
        format!("{end:?}"),
    )?;
    session.echo("after the refused call").await
}

async fn in_reverse(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.calls", "8", &[]).await?;
    let mut open = Vec::new();
    for _ in 0..8 {
        let (request, data) = session.expect_call().await?;
        open.push((request.call, data));
    }
    for (call, data) in open.into_iter().rev() {
        respond(session, call, answer_to(&data)).await?;
    }
    let end = session.finish_job(job).await?;
    same_lines(&lines(0..8), &end.well("conformance.calls")?)
}

async fn numbers(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for _ in 0..3 {
        let job = session.start("conformance.calls", "5", &[]).await?;
        let mut seen = HashMap::new();
        for _ in 0..5 {
            // The referee refuses a number that is not greater than the one before.
            let (request, data) = session.expect_call().await?;
            seen.insert(request.call, data);
        }
        for (call, data) in seen {
            respond(session, call, answer_to(&data)).await?;
        }
        let end = session.finish_job(job).await?;
        same_lines(&lines(0..5), &end.well("conformance.calls")?)?;
    }
    Ok(())
}

async fn ping_while_open(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.call", "hello", ECHO).await?;
    let (request, _) = session.expect_call().await?;
    for _ in 0..3 {
        let before = session.barrier().await?;
        judge(
            before.is_empty(),
            "section 9.1",
            "nothing but the Pong",
            list(&before),
        )?;
    }
    respond(session, request.call, "hello").await?;
    let end = session.finish_job(job).await?;
    same("section 9.1", b"hello", &end.well("conformance.call")?)
}

async fn cancel_while_open(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.call", "hello", ECHO).await?;
    let (request, _) = session.expect_call().await?;
    cancel(session, job).await?;
    let before = session.barrier().await?;
    respond(session, request.call, "too late").await?;
    if ends(&before, job) == 0 {
        session.finish_job(job).await?;
    }
    let after = session.barrier().await?;
    judge(after.is_empty(), "GR-5.4-2", "nothing more", list(&after))?;
    session.echo("the next job").await
}

async fn answer_to_nothing(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    respond(session, 1, "nobody has asked").await?;
    session.expect_refusal().await
}

async fn answered_twice(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.call", "hello", ECHO).await?;
    let (request, _) = session.expect_call().await?;
    respond(session, request.call, "once").await?;
    let end = session.finish_job(job).await?;
    same("section 9.1", b"once", &end.well("conformance.call")?)?;
    respond(session, request.call, "twice").await?;
    session.expect_refusal().await
}

async fn respond(session: &mut Session, call: u64, data: impl Into<Bytes>) -> Result<(), Stop> {
    let response = CallResponse { call, error: None };
    session
        .send(HostMessage::CallResponse(response, data.into()))
        .await
}

fn answer_to(argument: &Bytes) -> Bytes {
    [b"answer to ".as_slice(), argument].concat().into()
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers
        .map(|number| format!("answer to {number}\n"))
        .collect()
}

/// Whether the last line has an end is left open.
fn same_lines(expected: &str, got: &[u8]) -> Result<(), Stop> {
    let got = got.strip_suffix(b"\n").unwrap_or(got);
    same("section 9.1", expected.trim_end().as_bytes(), got)
}
