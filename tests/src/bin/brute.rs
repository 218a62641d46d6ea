//! A worker with the worker library whose jobs abuse the machine: block, spin, allocate, fork.
//!
//! A job's input is a word and numbers; see [`brute`]. Before it turns bad, a job tells its host
//! with a call named `begun`, so that a test can wait for that.

use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use worker::{Bytes, Failure, Handler, JobContext, Start};

const MB: usize = 1_000_000;

fn main() -> ExitCode {
    worker::run(Brute)
}

/// Its arguments, `<word> <milliseconds or megabytes>`, say how it prepares itself.
struct Brute;

impl Handler for Brute {
    async fn initialize(&mut self, start: &Start) -> Result<(), Failure> {
        let arguments = String::from_utf8_lossy(start.arguments()).into_owned();
        match words(&arguments) {
            ("slow", number, _) => tokio::time::sleep(millis(number)).await,
            ("grow", rate, _) => grow(rate),
            _ => {}
        }
        Ok(())
    }

    async fn handle(&self, job: JobContext) -> Result<Bytes, Failure> {
        brute(&job).await
    }
}

async fn brute(job: &JobContext) -> Result<Bytes, Failure> {
    let input = String::from_utf8_lossy(job.input()).into_owned();
    let (word, number, second) = words(&input);
    match word {
        "echo" => {}
        "pid" => return Ok(std::process::id().to_string().into()),
        // Until the host lets the call return.
        "gate" => drop(job.call("begun", std::process::id().to_string()).await),
        "wait" => tokio::time::sleep(millis(number)).await,
        "block" => {
            begun(job).await?;
            std::thread::sleep(millis(number));
        }
        "blocking" => {
            begun(job).await?;
            job.run_blocking(move || std::thread::sleep(millis(number)))
                .await;
        }
        "spin" => {
            begun(job).await?;
            spin()
        }
        "hold" => {
            let held = held(number);
            begun(job).await?;
            tokio::time::sleep(millis(second)).await;
            drop(held);
        }
        // Quietly at first.
        "grow" => {
            begun(job).await?;
            job.run_blocking(move || {
                std::thread::sleep(millis(second));
                grow(number);
            })
            .await;
        }
        "allocate-at-once" => {
            begun(job).await?;
            drop(held(number));
        }
        "child" => {
            child()?;
            begun(job).await?;
            std::future::pending::<()>().await;
        }
        "child-then-spin" => {
            child()?;
            begun(job).await?;
            spin()
        }
        "stop-yourself" => {
            begun(job).await?;
            rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::STOP,
            )?;
        }
        other => return Err(Failure::invalid_input(format!("no such job: {other:?}"))),
    }
    Ok(input.into())
}

async fn begun(job: &JobContext) -> Result<(), Failure> {
    job.call("begun", std::process::id().to_string()).await?;
    Ok(())
}

/// As C code does that never comes back.
fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// One that would outlive us, in our process group.
fn child() -> io::Result<()> {
    Command::new("/bin/sleep").arg("100").spawn().map(drop)
}

/// So many megabytes that are really there.
fn held(megabytes: u64) -> Vec<u8> {
    vec![1; megabytes as usize * MB]
}

/// Takes so many megabytes a second until somebody stops it, and says on stderr how many it has.
fn grow(rate: u64) {
    const STEP: usize = 10 * MB;
    let begun = Instant::now();
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; STEP]);
        let due = Duration::from_secs_f64((all.len() * STEP) as f64 / (rate as f64 * MB as f64));
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        if all.len() > 1_000 {
            let _ = writeln!(io::stderr(), "nobody has stopped me at 10 GB");
            std::process::exit(9);
        }
    }
}

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn words(text: &str) -> (&str, u64, u64) {
    let mut words = text.split_whitespace();
    let word = words.next().unwrap_or_default();
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    (word, number(), number())
}
