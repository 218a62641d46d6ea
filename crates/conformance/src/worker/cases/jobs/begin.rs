//! How a job begins: what is accepted, and what the handler is told.

use bytes::Bytes;
use greenroom_protocol::{HostMessage, Pair, StartJob, WorkerMessage};

use super::judge::{begin, cancel, judge, list, same};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "jobs/accepted-first",
                requirements: &["GR-5.4-4", "GR-5.4-3", "GR-5.4-1"],
                sends: "a job",
                expects: "JobAccepted as the first word on it, then its end",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(accepted_first(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/accepted-before-it-dies",
                requirements: &["GR-5.4-4"],
                sends: "a job that ends its process in its first instruction",
                expects: "JobAccepted, and then the end of the stream",
            },
            needs: &["conformance.exit"],
            closing: Closing::Judged,
            run: |session| Box::pin(accepted_before_it_dies(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/accepted-before-output",
                requirements: &["GR-5.4-3", "GR-5.4-4"],
                sends: "a job that sends output at once",
                expects: "JobAccepted once, before the output",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(accepted_before_output(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/any-number",
                requirements: &["GR-5.4-1", "GR-3.1-3"],
                sends: "jobs with the numbers 0, 2^64-1 and others, in no order",
                expects: "each is accepted and finished under its number",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(any_number(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/described",
                requirements: &["GR-3.1-1"],
                sends: "a job with all fields set, and metadata with equal keys and any characters",
                expects: "the handler is told each of them, the metadata in order",
            },
            needs: &["conformance.describe"],
            closing: Closing::Orderly,
            run: |session| Box::pin(described(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/described-plain",
                requirements: &["GR-3.1-1"],
                sends: "a job without deadline, traceparent, metadata and input",
                expects: "the handler is told 0 and nothing",
            },
            needs: &["conformance.describe"],
            closing: Closing::Orderly,
            run: |session| Box::pin(described_plain(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/much-metadata",
                requirements: &["GR-3.1-1", "GR-3.1-3"],
                sends: "a job with 1,000 entries of metadata, and one of 70,000 bytes",
                expects: "the handler is told each of them",
            },
            needs: &["conformance.describe"],
            closing: Closing::Orderly,
            run: |session| Box::pin(much_metadata(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/number-in-use",
                requirements: &["GR-1.3-4", "GR-5.4-7"],
                sends: "a second StartJob with the number of a job that runs, to a worker with 2 slots",
                expects: "the worker ends the connection",
            },
            needs: &["conformance.wait"],
            closing: Closing::Refused,
            run: |session| Box::pin(number_in_use(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/number-used-before",
                requirements: &["GR-5.4-2", "GR-1.3-4", "GR-5.4-7"],
                sends: "a StartJob with the number of a job that has finished",
                expects: "the end of the connection, or a job like any other: a worker need not \
                          remember the numbers of jobs that it has finished",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(number_used_before(session)),
        },
    ]
}

async fn accepted_first(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.echo", "hello", &[]).await?;
    session
        .expect("GR-5.4-4", &format!("JobAccepted {job}"), |message| {
            matches!(message, WorkerMessage::JobAccepted(accepted) if accepted.job == job)
                .then_some(())
        })
        .await?;
    let end = session.finish_job(job).await?;
    same("section 9.1", b"hello", &end.output)
}

async fn accepted_before_it_dies(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = session.start("conformance.exit", "3", &[]).await?;
    let expected = "JobAccepted before the process dies";
    let before = session.expect_end("GR-5.4-4", expected).await?;
    let accepted =
        matches!(before.first(), Some(WorkerMessage::JobAccepted(accepted)) if accepted.job == job);
    judge(accepted, "GR-5.4-4", expected, list(&before))?;
    let exit = session.expect_exit("section 9.1", "exit with 3").await?;
    judge(
        exit.code() == Some(3),
        "section 9.1",
        "exit with 3",
        exit.to_string(),
    )
}

async fn accepted_before_output(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    // The referee refuses output without, and a second one.
    let job = begin(session, "conformance.wait", "").await?;
    let before = session.barrier().await?;
    judge(
        before.is_empty(),
        "GR-5.4-3",
        "nothing while the job waits",
        list(&before),
    )?;
    cancel(session, job).await?;
    session.finish_job(job).await.map(drop)
}

async fn any_number(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for job in [u64::MAX, 0, 4_294_967_296, 251, 65_536, 250] {
        let start = StartJob {
            job,
            ..session.start_message("conformance.echo")
        };
        let input = Bytes::from(format!("job {job}"));
        session
            .send(HostMessage::StartJob(start, input.clone()))
            .await?;
        let end = session.finish_job(job).await?;
        same("section 9.1", &input, &end.output)?;
    }
    Ok(())
}

async fn described(session: &mut Session) -> Result<(), Stop> {
    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    // Far from any time that the case may take.
    const DEADLINE_MS: u64 = 3_600_000;
    session.ready().await?;
    let entries = [
        ("colour", "red"),
        ("a", "="),
        ("colour", "blue"),
        ("größe", "日本語 🙂"),
        ("colour", "red"),
        ("empty", ""),
    ];
    let mut start = session.start_message("conformance.describe");
    start.id = "Auftrag/ö 🙂".into();
    start.attempt = 300;
    start.traceparent = TRACEPARENT.into();
    start.deadline_ms = DEADLINE_MS;
    start.metadata = entries
        .iter()
        .map(|(key, value)| pair(key, value))
        .collect();
    let told = describe(session, &start).await?;
    let deadline = without_deadline(&told, &start)?;
    // A library may tell what is left of it.
    judge(
        (DEADLINE_MS - 60_000..=DEADLINE_MS).contains(&deadline),
        "section 9.1",
        format!("deadline_ms={DEADLINE_MS}, or a little less because it runs"),
        deadline.to_string(),
    )
}

async fn described_plain(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let start = session.start_message("conformance.describe");
    let told = describe(session, &start).await?;
    let deadline = without_deadline(&told, &start)?;
    judge(
        deadline == 0,
        "section 9.1",
        "deadline_ms=0",
        deadline.to_string(),
    )
}

async fn much_metadata(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut start = session.start_message("conformance.describe");
    let long = "é".repeat(35_000);
    start.metadata = (0..1_000)
        .map(|number| pair(&format!("key{}", number % 7), &number.to_string()))
        .collect();
    start.metadata.push(pair("long", &long));
    let told = describe(session, &start).await?;
    without_deadline(&told, &start).map(drop)
}

async fn number_in_use(session: &mut Session) -> Result<(), Stop> {
    // With one slot it would be one job too many as well (GR-5.4-6).
    let request = session.request();
    let response = session.ready_with(request, "slots 2").await?;
    let job = begin(session, "conformance.wait", "").await?;
    if response.slots < 2 {
        session.note("the worker has no second slot: the kit breaks GR-5.4-6 as well");
    }
    let again = StartJob {
        job,
        ..session.start_message("conformance.wait")
    };
    let frame = HostMessage::StartJob(again, Bytes::new())
        .encode()
        .expect("it is small");
    session
        .send_raw(format!("StartJob {job} a second time"), &frame.head)
        .await?;
    session.expect_refusal().await
}

async fn number_used_before(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let start = session.start_message("conformance.echo");
    let (job, expected) = (start.job, format!("JobFinished {}, or the end", start.job));
    for turn in ["the first", "the second"] {
        session
            .send(HostMessage::StartJob(start.clone(), turn.into()))
            .await?;
        let deadline = session.deadline();
        loop {
            match session.arrival(deadline, "GR-5.4-2", &expected).await? {
                Some(WorkerMessage::JobFinished(finished, _)) if finished.job == job => break,
                Some(_) => {}
                None => {
                    judge(turn != "the first", "GR-5.4-2", &*expected, "the end")?;
                    session.close_as(Closing::Refused);
                    return Ok(());
                }
            }
        }
    }
    session.echo("the next job").await
}

/// Runs the job and returns its output.
async fn describe(session: &mut Session, start: &StartJob) -> Result<String, Stop> {
    session
        .send(HostMessage::StartJob(start.clone(), Bytes::new()))
        .await?;
    let end = session.finish_job(start.job).await?;
    judge(
        end.is_ok(),
        "GR-5.4-2",
        "conformance.describe to end well",
        format!("{:?}", end.failure),
    )?;
    Ok(String::from_utf8_lossy(&end.output).into_owned())
}

/// Compares what was told with what was sent, all but the deadline, which is returned.
fn without_deadline(told: &str, start: &StartJob) -> Result<u64, Stop> {
    let is_deadline = |line: &&str| line.starts_with("deadline_ms=");
    let deadline = told.lines().find(is_deadline).unwrap_or_default();
    let number = deadline.trim_start_matches("deadline_ms=").parse();
    let Ok(number) = number else {
        let expected = "a line deadline_ms=NUMBER";
        return Err(Finding::new("section 9.1", expected, told).into());
    };
    let mut expected = format!(
        "id={}\nname={}\nattempt={}\ntraceparent={}\n{deadline}\n",
        start.id, start.name, start.attempt, start.traceparent
    );
    for Pair { key, value } in &start.metadata {
        expected += &format!("meta.{key}={value}\n");
    }
    // Whether the last line has an end is left open.
    let told = told.trim_end_matches('\n');
    same(
        "section 9.1",
        expected.trim_end_matches('\n').as_bytes(),
        told.as_bytes(),
    )?;
    Ok(number)
}

fn pair(key: &str, value: &str) -> Pair {
    Pair {
        key: key.into(),
        value: value.into(),
    }
}
