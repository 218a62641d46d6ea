//! The worker that the scenarios start: what a job does is its name.

use std::convert::Infallible;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use worker::{Bytes, Failure, Handler, JobContext, ShutdownReason, Start};

pub fn play(role: &str) -> ExitCode {
    match role {
        "closure" => worker::run(async |job: JobContext| job.input().to_ascii_uppercase()),
        "function" => worker::run(number),
        "blocking" => worker::run_blocking(blocking),
        "actor" => worker::run(Actor { greeting: None }),
        other => panic!("no such role: {other}"),
    }
}

async fn number(job: JobContext) -> worker::Result<String> {
    let number: u32 = std::str::from_utf8(job.input())?.parse()?;
    Ok((number * 2).to_string())
}

/// Holds its thread until it is cancelled, and awaits on it.
#[expect(clippy::needless_pass_by_value, reason = "what a handler looks like")]
fn blocking(job: JobContext) -> worker::Result<&'static str> {
    job.block_on(job.output("on my thread "))?;
    while !job.is_cancelled() {
        std::thread::yield_now();
    }
    Ok("and done")
}

struct Actor {
    greeting: Option<Bytes>,
}

impl Handler for Actor {
    async fn initialize(&mut self, start: &Start) -> worker::Result<()> {
        match &start.arguments()[..] {
            b"fail" => return Err(Failure::new("the model is missing")),
            b"panic" => panic!("no model"),
            b"slow" => {
                start.extend_deadline(Duration::from_secs(3));
                std::future::pending::<()>().await;
            }
            _ => self.greeting = Some(start.arguments().clone()),
        }
        Ok(())
    }

    async fn handle(&self, job: JobContext) -> worker::Result {
        match job.name() {
            "greet" => Ok(self.greeting.clone().unwrap_or_default()),
            "fail" => Err(Failure::new("no luck").retryable()),
            "panic" => panic!("boom {}", job.id()),
            "panic elsewhere" => match job.run_blocking(|| panic!("deep")).await {},
            "hang" => std::future::pending().await,
            "attentive" => Err(Failure::new(format!("told: {}", job.cancelled().await))),
            "finisher" => Ok(format!("told: {}", job.cancelled().await).into()),
            "stream" => stream(&job).await,
            "big" => Ok(vec![7; 400 << 10].into()),
            "abort" => std::process::abort(),
            "call" => Ok(job.call("double", job.input().clone()).await?),
            "too large a call" => Ok(job.call("double", vec![0; 300 << 10]).await?),
            "extend" => {
                job.extend_deadline(Duration::from_millis(700));
                job.extend_deadline(Duration::from_millis(300));
                job.retire("tired");
                job.retire("very tired");
                Ok(Bytes::new())
            }
            "context" => Ok(describe(&job).into()),
            "callbacks" => callbacks(&job).await,
            "notice" => {
                let reason = job.shutdown().await;
                job.extend_deadline(Duration::from_secs(5));
                Ok(format!("must leave: {reason}").into())
            }
            "log" => {
                log();
                Ok(Bytes::new())
            }
            "spin" => spin(),
            "grandchild" => {
                job.output(grandchild()).await?;
                // The output is written by this thread, which is about to be lost.
                tokio::task::yield_now().await;
                spin()
            }
            _ => Ok(job.input().to_ascii_uppercase().into()),
        }
    }

    async fn shutdown(&self, reason: ShutdownReason) {
        tracing::info!(%reason, "leaving");
    }

    fn slots(&self) -> u32 {
        2
    }

    fn version(&self) -> &str {
        "7.1"
    }
}

async fn stream(job: &JobContext) -> worker::Result {
    for byte in 0..8 {
        job.output(vec![byte; 50_000]).await?;
    }
    Ok("end".into())
}

fn describe(job: &JobContext) -> String {
    let remaining = job.remaining().unwrap();
    assert!(remaining <= Duration::from_secs(60) && remaining > Duration::from_secs(30));
    format!(
        "{} {:?} {:?} {:?} {}",
        job.id(),
        job.metadata("tenant"),
        job.metadata("nothing"),
        job.traceparent(),
        job.attempt()
    )
}

/// How the job ends is its input; whether the callbacks ran is seen in its output.
async fn callbacks(job: &JobContext) -> worker::Result {
    let context = job.clone();
    job.on_shutdown(async |_| panic!("a bad callback"));
    job.on_shutdown(async move |reason| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let said = context.output(format!("saved: {reason}")).await;
        tracing::info!(sent = said.is_ok(), "callback ran");
    });
    job.output("ready").await?;
    match &job.input()[..] {
        b"hang" => std::future::pending().await,
        b"fail" => {
            job.shutdown().await;
            Err(Failure::new("failed late"))
        }
        b"panic" => {
            job.shutdown().await;
            panic!("panicked late");
        }
        _ => Ok(Bytes::new()),
    }
}

fn log() {
    let span = tracing::info_span!("outer");
    let _in_outer = span.enter();
    let span = tracing::info_span!("inner");
    let _in_inner = span.enter();
    tracing::warn!(
        width = 640,
        ok = true,
        path = "a\nb\u{1b}[31m",
        "two\nlines"
    );
    tracing::debug!("not wanted");
    log::error!(target: "old_crate", "from log {}", 1);
}

/// What a C library's endless loop looks like to the runtime.
fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Would outlive everybody, with the standard input that it gets from us.
#[expect(clippy::zombie_processes, reason = "it is to be left over")]
fn grandchild() -> String {
    let child = Command::new("sleep")
        .arg("1000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.id().to_string()
}

/// A type that says at compile time that contexts travel between threads.
const _: fn() -> Option<Infallible> = || {
    fn travels<T: Send + Sync + Clone>() {}
    travels::<JobContext>();
    None
};
