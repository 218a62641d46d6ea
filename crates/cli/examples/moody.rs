//! A worker for trying `greenroom map` out: it answers in capitals, unless the input is one of
//! these moods.
//!
//! - `fail`, `invalid`, `panic`, `crash` (SIGABRT), `exit CODE`, `hang`
//! - `second`: fails the first time, and says that another try may help
//! - `wait MILLISECONDS`, or `gate FIFO`: until somebody has opened it and closed it again
//! - `append FILE TEXT`, `log TEXT`
//! - `binary`, `big BYTES`, `name` (of the job), `arguments`

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use worker::{Failure, JobContext};

fn main() -> ExitCode {
    worker::run_blocking(|job| answer(&job))
}

fn answer(job: &JobContext) -> worker::Result<Vec<u8>> {
    let capitals = job.input().to_ascii_uppercase();
    let text = String::from_utf8_lossy(job.input());
    let (mood, rest) = text.split_once(' ').unwrap_or((&text, ""));
    match mood {
        "fail" => return Err(Failure::new("not in the mood")),
        "invalid" => return Err(Failure::invalid_input("cannot be used")),
        "panic" => panic!("far too much"),
        "crash" => process::abort(),
        "exit" => process::exit(rest.parse()?),
        "hang" => loop {
            thread::park();
        },
        "fifth" if job.attempt() < 5 => std::process::abort(),
        "second" if job.attempt() == 1 => return Err(Failure::new("not now").retryable()),
        "wait" => thread::sleep(Duration::from_millis(rest.parse()?)),
        "gate" => {
            fs::read(rest)?;
        }
        "append" => append(rest)?,
        "log" => tracing::warn!(length = rest.len(), "{rest}"),
        "binary" => return Ok(vec![0xff, 0xfe]),
        "big" => return Ok(vec![b'x'; rest.parse()?]),
        "name" => return Ok(job.name().into()),
        "arguments" => {
            let arguments: Vec<String> = std::env::args().skip(1).collect();
            return Ok(arguments.join(" ").into());
        }
        _ => {}
    }
    Ok(capitals)
}

fn append(rest: &str) -> worker::Result<()> {
    let (file, text) = rest
        .split_once(' ')
        .ok_or_else(|| Failure::invalid_input("write append FILE TEXT"))?;
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    // At once: others append, too.
    Ok(file.write_all(format!("{text}\n").as_bytes())?)
}
