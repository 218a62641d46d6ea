//! A host as a program of its own, so that tests can stop it, kill it and measure it.
//!
//! `host_under_test <scenario> <worker> ...` says on stdout how far it is, and waits on stdin for
//! its test.

use std::fs;
use std::time::Duration;

use greenroom::{Bytes, Call, EventKind, Events, Job, JobHandle, Limits, Pool, Worker};
use tokio::sync::{mpsc, watch};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Of all scenarios: short enough for a test, and no busy machine exceeds it.
const PING_INTERVAL: Duration = Duration::from_millis(100);
const PING_TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["crowd", worker, count, ref jobs @ ..] => crowd(worker, count.parse()?, jobs).await,
        ["churn", worker, count] => churn(worker, count.parse()?).await,
        ["frozen", worker] => frozen(worker).await,
        ["frozen-start", worker] => frozen_start(worker).await,
        ["attack", worker, name, deadline_ms, megabytes] => {
            attack(worker, name, deadline_ms.parse()?, megabytes.parse()?).await
        }
        _ => Err(format!("no such scenario: {arguments:?}").into()),
    }
}

fn worker(program: &str) -> Worker {
    Worker::command(program).inherit_env("GREENROOM_TEST_MARK")
}

/// Waits for a line from the test; fails once the test is gone.
async fn told() -> Result {
    let (sender, mut line) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
            // The host may have something better to do by now.
            let _ = sender.blocking_send(());
        }
    });
    line.recv().await.ok_or_else(|| "the test is gone".into())
}

// ---- hosts that are killed

/// So many workers, each with a job; says `ready` when every job has begun.
async fn crowd(program: &str, count: usize, jobs: &[&str]) -> Result {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let pool = Pool::builder(worker(program))
        .idle(count)
        .max_workers(count)
        .initialize_timeout(Duration::from_secs(60))
        .on_call(move |_: Call| {
            let _ = sender.send(());
            std::future::ready(Ok::<_, String>(Bytes::new()))
        })
        .start()
        .await?;
    let mut handles = Vec::new();
    for job in jobs.iter().cycle().take(count) {
        handles.push(pool.launch(Job::new((*job).to_owned())).await?);
    }
    for _ in 0..count {
        begun.recv().await;
    }
    println!("ready");
    told().await
}

/// Starts workers without end: whenever it is killed, some are just being born.
async fn churn(program: &str, idle: usize) -> Result {
    let pool = Pool::builder(worker(program)).idle(idle).start().await?;
    println!("ready");
    loop {
        pool.launch(Job::new("echo")).await?.output().await?;
    }
}

// ---- hosts that are stopped

/// One worker with a job and one without; says `ready`, and once it is told to go on, whether both
/// are still there and work.
async fn frozen(program: &str) -> Result {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let (open, gate) = watch::channel(false);
    let pool = Pool::builder(worker(program))
        .idle(1)
        .max_workers(2)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .on_call(move |_: Call| {
            let _ = sender.send(());
            let mut gate = gate.clone();
            async move {
                let opened = gate.wait_for(|open| *open).await;
                opened.map(|_| Bytes::new()).map_err(|_| "the host ends")
            }
        })
        .start()
        .await?;
    let at_work = pool.launch(Job::new("gate")).await?;
    begun.recv().await;
    let idle = pool.reserve().await?;
    println!("ready");
    told().await?;
    // Whoever is to be killed for the stall is killed while this runs.
    let job = Job::new(format!("wait {}", (PING_TIMEOUT * 3 / 2).as_millis()));
    say("idle", idle.launch(job).await?).await;
    open.send(true)?;
    say("busy", at_work).await;
    println!("lost {}", pool.stats().await.workers_lost);
    pool.close().await;
    Ok(())
}

async fn say(who: &str, job: JobHandle) {
    match job.output().await {
        Ok(_) => println!("{who} fine"),
        Err(error) => println!("{who} {error}"),
    }
}

/// A worker that needs half of the time that it has to initialize; says `started`, then how it
/// went.
async fn frozen_start(program: &str) -> Result {
    let (pool, mut events) = Pool::builder(worker(program).user_arguments("slow 1000"))
        .idle(1)
        .initialize_timeout(Duration::from_secs(2))
        .start_in_background()?;
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::Started { .. } => println!("started"),
            EventKind::Ready { .. } => {
                println!("initialized");
                break;
            }
            EventKind::Closed { report } => {
                println!("{report}");
                break;
            }
            _ => {}
        }
    }
    pool.close().await;
    Ok(())
}

// ---- hosts that are attacked

/// One worker runs a job that misbehaves, another serves meanwhile. Says
///
/// - `error`: how the job ended, or `none`
/// - `reason`: how its worker ended, or `none`
/// - `growth`: by how many bytes the host was larger at its largest than before
/// - `served`: how many jobs the other has done while the attack lasted
/// - `deaths`: how many workers have died
async fn attack(program: &str, name: &str, deadline_ms: u64, megabytes: usize) -> Result {
    let pool = Pool::builder(worker(program).arg("serve"))
        .idle(2)
        .max_workers(3)
        .jobs_per_worker(None)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .cancel_grace(Duration::from_millis(200))
        .limits(Limits {
            output_window: Limits::MIN_OUTPUT_WINDOW,
            ..Limits::default()
        })
        .start()
        .await?;
    let mut events = pool.events();
    // Both are held, so that they are two; what the first jobs need is there before the measuring.
    let (victim, server) = (pool.reserve().await?, pool.reserve().await?);
    server
        .launch(Job::new("x").name("echo"))
        .await?
        .output()
        .await?;
    let input = vec![b'x'; megabytes << 20];
    let before = begin_measuring()?;

    let mut job = Job::new(input).name(name);
    if deadline_ms > 0 {
        job = job.deadline(Duration::from_millis(deadline_ms));
    }
    let mut attacked = victim.launch(job).await?;
    let mut served = 0;
    let end = loop {
        tokio::select! {
            end = attacked.finished() => break end,
            done = serve(&pool) => {
                done?;
                served += 1;
            }
        }
    };
    serve(&pool).await?;
    match &end {
        Ok(()) => println!("error none"),
        Err(error) => println!("error {error}"),
    }
    println!("reason {}", death(&mut events, end.is_err()).await);
    println!("growth {}", largest()?.saturating_sub(before));
    println!("served {served}");
    let deaths = pool.stats().await.workers_lost;
    println!("deaths {deaths}");
    pool.close().await;
    Ok(())
}

/// One job, in a worker that is not attacked: the other one, or the replacement.
async fn serve(pool: &Pool) -> Result {
    let job = Job::new("hello").name("echo");
    let output = pool.launch(job).await?.output().await?;
    if output == "hello" {
        Ok(())
    } else {
        Err(format!("an echo came back as {output:?}").into())
    }
}

async fn death(events: &mut Events, expected: bool) -> String {
    if !expected {
        return "none".into();
    }
    while let Some(event) = events.next().await {
        if let EventKind::Closed { report } = event.kind {
            return report.reason.to_string();
        }
    }
    "the pool has closed".into()
}

/// Forgets how large this process once was; its resident bytes now.
fn begin_measuring() -> Result<u64> {
    fs::write("/proc/self/clear_refs", "5")?;
    status("VmRSS:")
}

/// The most resident bytes since then.
fn largest() -> Result<u64> {
    status("VmHWM:")
}

fn status(key: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kilobytes = line.ok_or("no such line")?.trim().trim_end_matches("kB");
    Ok(kilobytes.trim().parse::<u64>()? * 1024)
}
