//! Log lines (section 6).

use greenroom_protocol::HostMessage;
use serde_json::{Map, Value};

use super::jobs::judge::{judge, same};
use crate::case::Case;
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::process::Output;
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "logs/record",
                requirements: &["GR-6.1-1"],
                sends: "a job that logs a text",
                expects: "one line of JSON on standard error with the keys of section 6",
            },
            needs: &["conformance.log"],
            closing: Closing::Orderly,
            run: |session| Box::pin(record(session)),
        },
        WorkerCase {
            about: Case {
                id: "logs/any-text",
                requirements: &["GR-6.1-1"],
                sends: "a job that logs a text with line ends, quotes and control characters",
                expects: "one line of JSON whose message is the text",
            },
            needs: &["conformance.log"],
            closing: Closing::Orderly,
            run: |session| Box::pin(any_text(session)),
        },
        WorkerCase {
            about: Case {
                id: "logs/clock",
                requirements: &["GR-6.1-1"],
                sends: "jobs that log, one after the other",
                expects: "elapsed_us that never goes back",
            },
            needs: &["conformance.log"],
            closing: Closing::Orderly,
            run: |session| Box::pin(clock(session)),
        },
        WorkerCase {
            about: Case {
                id: "logs/no-identity",
                requirements: &["GR-6.1-4"],
                sends: "a job with a name of its own that logs",
                expects: "a record that does not say which worker or job it comes from",
            },
            needs: &["conformance.log"],
            closing: Closing::Orderly,
            run: |session| Box::pin(no_identity(session)),
        },
        WorkerCase {
            about: Case {
                id: "logs/standard-output",
                requirements: &["GR-1.2-4"],
                sends: "a job that writes a line to standard output",
                expects: "the line there, and nothing of it on the stream",
            },
            needs: &["conformance.log"],
            closing: Closing::Orderly,
            run: |session| Box::pin(standard_output(session)),
        },
    ]
}

async fn record(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let record = log(session, "a record for the kit").await?;
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    let span = match record.get("span") {
        None => true,
        Some(span) => span.is_string(),
    };
    judge(
        text("level").is_some()
            && text("target").is_some()
            && record.get("fields").is_some_and(Value::is_object)
            && record.get("elapsed_us").is_some_and(Value::is_u64)
            && span,
        "GR-6.1-1",
        "a level, a target, an object of fields, elapsed_us, and a span or none",
        Value::Object(record.clone()).to_string(),
    )?;
    let level = text("level").unwrap_or_default();
    judge(
        level.eq_ignore_ascii_case("info"),
        "section 9.1",
        "a record of level INFO",
        level,
    )
}

async fn any_text(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    log(
        session,
        "two\nlines, \"quotes\", \\ \u{7} \u{1b}[31m größe 日本 🙂 \r\n{\"level\":\"ERROR\"}",
    )
    .await
    .map(drop)
}

async fn clock(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut last = 0;
    for number in 0..3 {
        let record = log(session, &format!("record number {number} of the clock")).await?;
        let elapsed = record.get("elapsed_us").and_then(Value::as_u64);
        judge(
            elapsed.is_some_and(|elapsed| elapsed >= last),
            "GR-6.1-1",
            format!("elapsed_us of at least {last}"),
            format!("{elapsed:?}"),
        )?;
        last = elapsed.unwrap_or(last);
    }
    Ok(())
}

async fn no_identity(session: &mut Session) -> Result<(), Stop> {
    const ID: &str = "order-4711-of-mrs-smith";
    const NAMES: [&str; 8] = [
        "job",
        "job_id",
        "jobId",
        "worker",
        "worker_id",
        "pid",
        "slot",
        "generation",
    ];
    session.ready().await?;
    let mut start = session.start_message("conformance.log");
    start.id = ID.into();
    let record = log_as(session, start, "who am I?").await?;
    let fields = record.get("fields").and_then(Value::as_object);
    let names = record.keys().chain(fields.into_iter().flat_map(Map::keys));
    let named = names
        .map(String::as_str)
        .find(|name| NAMES.contains(name))
        .map(str::to_owned);
    let whole = Value::Object(record).to_string();
    judge(
        named.is_none() && !whole.contains(ID),
        "GR-6.1-4",
        "a record without the worker and the job",
        whole,
    )
}

async fn standard_output(session: &mut Session) -> Result<(), Stop> {
    const TEXT: &str = "a plain line: größe 日本";
    session.ready().await?;
    let output = session.run_well("conformance.log", TEXT, &[]).await?;
    same("section 9.1", b"logged", &output)?;
    session
        .expect_line("section 9.1", "the line on standard output", |line| {
            (line.stream == Output::Stdout && line.text == TEXT).then_some(())
        })
        .await
}

async fn log(session: &mut Session, text: &str) -> Result<Map<String, Value>, Stop> {
    let start = session.start_message("conformance.log");
    log_as(session, start, text).await
}

/// Runs the job and returns the record with this text.
async fn log_as(
    session: &mut Session,
    start: greenroom_protocol::StartJob,
    text: &str,
) -> Result<Map<String, Value>, Stop> {
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, text.to_owned().into()))
        .await?;
    session.finish_job(job).await?.well("conformance.log")?;
    let expected = format!("a line of JSON on standard error with the message {text:?}");
    session
        .expect_line("GR-6.1-1", &expected, |line| {
            let record: Value = serde_json::from_str(&line.text).ok()?;
            let record = record.as_object()?;
            let found = line.stream == Output::Stderr && record.get("message")? == text;
            found.then(|| record.clone())
        })
        .await
}
