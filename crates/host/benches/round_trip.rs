//! What a job on a warm worker costs beside a raw socketpair, and a start beside a raw
//! `posix_spawn`, in one run.
//!
//! `cargo bench -p greenroom --bench round_trip` prints every figure with its baseline and their
//! ratio. Times on a shared machine drift, so baseline and subject take turns and the medians are
//! compared; a ratio is worth more than any time in it.
//!
//! The program is its own worker, its own echo partner and its own measured host: each measurement
//! runs in a process of its own, so that none inherits the memory or the processors of another.

use std::env;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use greenroom::{Job, Pool, Worker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PAYLOAD: usize = 64;
const ROUNDS: usize = 5;
const TRIPS: usize = 20_000;
const WARM_UP: usize = 2_000;
const STARTS: usize = 60;
const IDLE_WORKERS: usize = 200;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    if env::var_os("GREENROOM_WORKER").is_some() {
        return worker::run(async |job: worker::JobContext| job.input().clone());
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["raw-echo"] => raw_echo(),
        ["tokio-echo"] => tokio_echo(),
        ["one-byte"] => io::stdout().write_all(b"!").map_err(Into::into),
        ["measure", what, cpus, megabytes] => measure(what, cpus, megabytes),
        _ => report(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("round_trip: {error}");
            ExitCode::FAILURE
        }
    }
}

// ---- the report

fn report() -> Outcome {
    println!(
        "{PAYLOAD} bytes there and back between two processes: on a raw socketpair with blocking calls,\n\
         through tokio and nothing else, and as a job on a warm worker. Medians of {ROUNDS} rounds in\n\
         turn, {TRIPS} trips each; in microseconds.\n"
    );
    println!(
        "{:<20}{:>9}{:>9}{:>9}{:>10}{:>10}{:>9}{:>9}",
        "", "raw p50", "tokio", "job p50", "raw p99", "job p99", "job/raw", "/tokio"
    );
    trips("one", "pinned to one CPU")?;
    trips("all", "on all CPUs")?;

    println!(
        "\nFrom the order to start a worker until it is ready, beside a raw spawn of the same program that"
    );
    println!("writes one byte. Medians of {STARTS} starts in turn; in microseconds.\n");
    println!(
        "{:<22}{:>10}{:>10}{:>9}",
        "", "raw p50", "ready p50", "ratio"
    );
    for (megabytes, title) in [("10", "host of 10 MB"), ("1024", "host of 1 GB")] {
        let figures = run("starts", "all", megabytes)?;
        let [raw, ready] = figures[..] else {
            return Err("a measurement printed something else".into());
        };
        println!("{title:<22}{raw:>10.0}{ready:>10.0}{:>8.2}x", ready / raw);
    }

    let figures = run("idle", "all", "0")?;
    let [bytes, threads_before, threads, descriptors] = figures[..] else {
        return Err("a measurement printed something else".into());
    };
    println!(
        "\n{IDLE_WORKERS} idle workers cost their host {:.1} KiB of resident memory each",
        bytes / 1024.0
    );
    println!(
        "and {descriptors:.2} descriptors each; its threads went from {threads_before} to {threads}."
    );
    Ok(())
}

/// One line of the table.
fn trips(cpus: &str, title: &str) -> Outcome {
    let mut rounds = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (round, what) in rounds
            .iter_mut()
            .zip(["raw-trips", "tokio-trips", "job-trips"])
        {
            round.push(run(what, cpus, "0")?);
        }
    }
    let column = |which: usize, at: usize| {
        let mut values: Vec<f64> = rounds[which].iter().map(|figures| figures[at]).collect();
        median(&mut values)
    };
    let (raw, tokio, job) = (column(0, 0), column(1, 0), column(2, 0));
    println!(
        "{title:<20}{raw:>9.2}{tokio:>9.2}{job:>9.2}{:>10.2}{:>10.2}{:>8.2}x{:>8.2}x",
        column(0, 1),
        column(2, 1),
        job / raw,
        job / tokio
    );
    Ok(())
}

/// Runs one measurement in a process of its own.
fn run(what: &str, cpus: &str, megabytes: &str) -> Outcome<Vec<f64>> {
    let output = Command::new(env::current_exe()?)
        .args(["measure", what, cpus, megabytes])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the measurement {what} failed: {}", output.status).into());
    }
    let figures = String::from_utf8(output.stdout)?;
    let figures = figures.split_whitespace().map(str::parse);
    Ok(figures.collect::<Result<_, _>>()?)
}

// ---- the measurements

fn measure(what: &str, cpus: &str, megabytes: &str) -> Outcome {
    if cpus == "one" {
        let mut one = rustix::thread::CpuSet::new();
        one.set(0);
        // Threads and processes that are started later inherit it.
        rustix::thread::sched_setaffinity(None, &one)?;
    }
    let ballast = touched_memory(megabytes.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let figures = match what {
        "raw-trips" => raw_trips()?,
        "tokio-trips" => runtime.block_on(async { tokio::spawn(tokio_trips()).await? })?,
        // In a task, as a host's own work is: the runtime polls the future of `block_on` only
        // after a look at the system.
        "job-trips" => runtime.block_on(async { tokio::spawn(job_trips()).await? })?,
        "starts" => runtime.block_on(starts())?,
        "idle" => runtime.block_on(idle())?,
        other => return Err(format!("no such measurement: {other}").into()),
    };
    std::hint::black_box(&ballast);
    for figure in figures {
        println!("{figure}");
    }
    Ok(())
}

fn touched_memory(megabytes: usize) -> Vec<u8> {
    vec![1; megabytes << 20]
}

/// What every job would cost at least: the same bytes, two blocking processes, nothing else.
fn raw_trips() -> Outcome<Vec<f64>> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut partner = Command::new(env::current_exe()?)
        .arg("raw-echo")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    let mut buffer = [7; PAYLOAD];
    let mut times = Vec::with_capacity(TRIPS);
    for trip in 0..WARM_UP + TRIPS {
        let start = Instant::now();
        ours.write_all(&buffer)?;
        ours.read_exact(&mut buffer)?;
        if trip >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    drop(ours);
    partner.wait()?;
    Ok(percentiles(times))
}

fn raw_echo() -> Outcome {
    let mut socket = UnixStream::from(rustix::io::dup(rustix::stdio::stdin())?);
    let mut buffer = [0; PAYLOAD];
    while socket.read_exact(&mut buffer).is_ok() {
        socket.write_all(&buffer)?;
    }
    Ok(())
}

/// What a host and a worker that wait with tokio cost before either does anything.
async fn tokio_trips() -> Outcome<Vec<f64>> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut partner = Command::new(env::current_exe()?)
        .arg("tokio-echo")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    ours.set_nonblocking(true)?;
    let mut ours = tokio::net::UnixStream::from_std(ours)?;
    let mut buffer = [7; PAYLOAD];
    let mut times = Vec::with_capacity(TRIPS);
    for trip in 0..WARM_UP + TRIPS {
        let start = Instant::now();
        ours.write_all(&buffer).await?;
        ours.read_exact(&mut buffer).await?;
        if trip >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    drop(ours);
    partner.wait()?;
    Ok(percentiles(times))
}

fn tokio_echo() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let socket = UnixStream::from(rustix::io::dup(rustix::stdio::stdin())?);
    socket.set_nonblocking(true)?;
    runtime.block_on(async {
        let mut socket = tokio::net::UnixStream::from_std(socket)?;
        let mut buffer = [0; PAYLOAD];
        while socket.read_exact(&mut buffer).await.is_ok() {
            socket.write_all(&buffer).await?;
        }
        Ok(())
    })
}

async fn job_trips() -> Outcome<Vec<f64>> {
    let pool = Pool::builder(Worker::this_program()?)
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .start()
        .await?;
    let payload = greenroom::Bytes::from_static(&[7; PAYLOAD]);
    let mut times = Vec::with_capacity(TRIPS);
    for trip in 0..WARM_UP + TRIPS {
        let start = Instant::now();
        let output = pool
            .launch(Job::new(payload.clone()))
            .await?
            .output()
            .await?;
        if trip >= WARM_UP {
            times.push(start.elapsed());
        }
        assert_eq!(output, payload);
    }
    pool.close().await;
    Ok(percentiles(times))
}

async fn starts() -> Outcome<Vec<f64>> {
    let program = env::current_exe()?;
    let mut raw = Vec::new();
    let mut ours = Vec::new();
    for _ in 0..STARTS {
        raw.push(micros(raw_start(&program)?));
        let start = Instant::now();
        let pool = Pool::builder(Worker::command(&program))
            .idle(1)
            .max_workers(1)
            .start()
            .await?;
        ours.push(micros(start.elapsed()));
        pool.close().await;
    }
    Ok(vec![median(&mut raw), median(&mut ours)])
}

/// As the pool starts its workers, but nothing follows the one byte.
fn raw_start(program: &std::path::Path) -> Outcome<Duration> {
    let start = Instant::now();
    let mut child = Command::new(program)
        .arg("one-byte")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut byte = [0];
    if let Some(stdout) = &mut child.stdout {
        stdout.read_exact(&mut byte)?;
    }
    let elapsed = start.elapsed();
    child.wait()?;
    Ok(elapsed)
}

async fn idle() -> Outcome<Vec<f64>> {
    let program = Worker::this_program()?;
    // What the first worker ever costs is not what the two hundredth does.
    let first = Pool::builder(program.clone()).idle(1).start().await?;
    let (memory, threads, descriptors) = (resident()?, count("task")?, count("fd")?);
    let pool = Pool::builder(program)
        .idle(IDLE_WORKERS)
        .max_workers(IDLE_WORKERS)
        .start()
        .await?;
    let each = |before: f64, after: f64| (after - before) / IDLE_WORKERS as f64;
    let figures = vec![
        each(memory, resident()?),
        threads,
        count("task")?,
        each(descriptors, count("fd")?),
    ];
    pool.close().await;
    first.close().await;
    Ok(figures)
}

// ---- numbers

fn resident() -> Outcome<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .ok_or("an odd /proc/self/statm")?;
    Ok(pages.parse::<f64>()? * rustix::param::page_size() as f64)
}

fn count(what: &str) -> Outcome<f64> {
    Ok(std::fs::read_dir(format!("/proc/self/{what}"))?.count() as f64)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn percentiles(times: Vec<Duration>) -> Vec<f64> {
    let mut times: Vec<f64> = times.into_iter().map(micros).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    vec![at(0.5), at(0.99)]
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
