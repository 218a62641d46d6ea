//! A worker that offers all that the conformance kit asks of a worker under test: section 9.1 of
//! `proto-spec/README.md`, done with the Rust library.
//!
//! ```sh
//! cargo build --example testee_worker
//! greenroom conformance worker target/debug/examples/testee_worker
//! ```
//!
//! # Theory of operation
//!
//! The kit starts it as a host does. The data of its first message says how to prepare
//! ([`Testee::initialize`]); then each job has one function here. They need nothing that the library
//! does not give to every handler, so that what is tested is the library.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::time::Duration;

use tokio::task::{spawn_local, yield_now};
use worker::{Bytes, Failure, Handler, JobContext, Start};

/// What `conformance.jobs` lists.
const JOBS: [&str; 15] = [
    "conformance.echo",
    "conformance.produce",
    "conformance.describe",
    "conformance.wait",
    "conformance.deaf",
    "conformance.block",
    "conformance.fail",
    "conformance.crash",
    "conformance.call",
    "conformance.calls",
    "conformance.extend",
    "conformance.retire",
    "conformance.log",
    "conformance.grandchild",
    "conformance.exit",
];

fn main() -> ExitCode {
    worker::run(Testee { slots: 1 })
}

struct Testee {
    slots: u32,
}

impl Handler for Testee {
    async fn initialize(&mut self, start: &Start) -> worker::Result<()> {
        let arguments = std::str::from_utf8(start.arguments())?;
        match arguments.split_once(' ').unwrap_or((arguments, "")) {
            ("", "") => Ok(()),
            ("fail", message) => Err(Failure::new(message)),
            ("extend", ms) => {
                start.extend_deadline(millis(ms)?);
                // It is sent at the next await.
                yield_now().await;
                Ok(())
            }
            // The library drops this when the host tells the worker to leave.
            ("wait", "") => std::future::pending().await,
            ("slots", count) => {
                self.slots = number(count)?;
                Ok(())
            }
            _ => Err(Failure::new(format!("unknown preparation {arguments:?}"))),
        }
    }

    async fn handle(&self, job: JobContext) -> worker::Result {
        match job.name() {
            "conformance.jobs" => Ok(list_of_jobs().into()),
            "conformance.echo" => Ok(job.input().clone()),
            "conformance.produce" => produce(&job).await,
            "conformance.describe" => Ok(describe(&job).into()),
            "conformance.wait" => wait(&job).await,
            "conformance.deaf" => deaf(&job).await,
            "conformance.block" => block(&job).await,
            "conformance.fail" => Err(failure(&job)?),
            "conformance.crash" => panic!("{}", text(&job)?),
            "conformance.call" => call(&job).await,
            "conformance.calls" => calls(&job).await,
            "conformance.extend" => {
                job.extend_deadline(millis(text(&job)?)?);
                Ok("extended".into())
            }
            "conformance.retire" => {
                job.retire(text(&job)?);
                Ok("retired".into())
            }
            "conformance.log" => {
                log(text(&job)?)?;
                Ok("logged".into())
            }
            "conformance.grandchild" => Ok(start_grandchild()?.to_string().into()),
            "conformance.exit" => std::process::exit(number(text(&job)?)?),
            name => Err(Failure::invalid_input(format!("there is no job {name:?}"))),
        }
    }

    fn slots(&self) -> u32 {
        self.slots
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }
}

fn list_of_jobs() -> String {
    format!("greenroom-conformance 1\n{}\n", JOBS.join("\n"))
}

/// In pieces of the asked size, or in one, which the library cuts into frames.
async fn produce(job: &JobContext) -> worker::Result {
    let size: usize = number(text(job)?)?;
    let Some(piece) = job.metadata("piece") else {
        return Ok(pattern(0, size));
    };
    let piece = number::<usize>(piece)?.max(1);
    for begin in (0..size).step_by(piece) {
        job.output(pattern(begin, piece.min(size - begin))).await?;
    }
    Ok(Bytes::new())
}

fn pattern(begin: usize, length: usize) -> Bytes {
    (begin..begin + length).map(|i| (i % 251) as u8).collect()
}

/// The library tells the time that is left, not the `deadline_ms` that it was counted from.
fn describe(job: &JobContext) -> String {
    let deadline_ms = job.remaining().map_or(0, |left| left.as_millis());
    let mut lines = format!(
        "id={}\nname={}\nattempt={}\ntraceparent={}\ndeadline_ms={deadline_ms}\n",
        job.id(),
        job.name(),
        job.attempt(),
        job.traceparent().unwrap_or_default(),
    );
    for (key, value) in job.metadata_entries() {
        lines += &format!("meta.{key}={value}\n");
    }
    lines
}

/// Who never looks for a cancel is dropped by the library: at a cancel at once, at a shutdown when
/// the time of handlers is over.
async fn wait(job: &JobContext) -> worker::Result {
    job.output("begun").await?;
    std::future::pending().await
}

/// Who has looked for a cancel once is trusted to end by itself, and this one betrays the trust.
async fn deaf(job: &JobContext) -> worker::Result {
    job.is_cancelled();
    job.output("begun").await?;
    std::future::pending().await
}

async fn block(job: &JobContext) -> worker::Result {
    let time = millis(text(job)?)?;
    job.output("begun").await?;
    // The thread that is about to be blocked is also the one that sends.
    yield_now().await;
    std::thread::sleep(time);
    Ok("blocked".into())
}

fn failure(job: &JobContext) -> worker::Result<Failure> {
    let failure = Failure::new(text(job)?);
    Ok(match job.metadata("retryable") {
        Some("true") => failure.retryable(),
        _ => failure,
    })
}

async fn call(job: &JobContext) -> worker::Result {
    let method = job.metadata("method").unwrap_or_default();
    Ok(job.call(method, job.input().clone()).await?)
}

async fn calls(job: &JobContext) -> worker::Result {
    let under_way: Vec<_> = (0..number(text(job)?)?)
        .map(|number: u64| {
            let job = job.clone();
            spawn_local(async move { job.call("echo", number.to_string()).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in under_way {
        answers.extend_from_slice(&call.await??);
        answers.push(b'\n');
    }
    Ok(answers.into())
}

fn log(text: &str) -> worker::Result<()> {
    tracing::info!("{text}");
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{text}\n").as_bytes())?;
    Ok(stdout.flush()?)
}

/// Left to itself on purpose: whether the worker's end is seen must not depend on it.
fn start_grandchild() -> worker::Result<u32> {
    Ok(Command::new("sleep").arg("60").spawn()?.id())
}

fn text(job: &JobContext) -> worker::Result<&str> {
    std::str::from_utf8(job.input())
        .map_err(|error| Failure::invalid_input(format!("the input is no text: {error}")))
}

fn number<T: FromStr>(text: &str) -> worker::Result<T> {
    text.parse()
        .map_err(|_| Failure::invalid_input(format!("{text:?} is not a number that fits")))
}

fn millis(text: &str) -> worker::Result<Duration> {
    Ok(Duration::from_millis(number(text)?))
}
