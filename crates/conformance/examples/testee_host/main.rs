//! A host that the conformance kit can test, made with the library `greenroom`.
//!
//! # Theory of operation
//!
//! The kit tells a host program what to do in lines of JSON, and plays the workers that the program
//! starts (section 9.2 of the specification). So this program is a pool of one worker, and a small
//! task for each job:
//!
//! ```text
//!   stdin ── orders ──► main ── launch, take, cancel ──► a job's task ──► Pool
//!   stdout ◄── say ───────────── outcome ───────────────────┘              │
//!          ◄── say ───────────── ready, gone ◄──────────── events ◄────────┤
//!          ◄── say ───────────── a worker's lines ◄─────── tracing ◄───────┘
//! ```
//!
//! Everything is on one thread: a line is written where it comes up.
//!
//! The library gives a job whose handler never began to a worker again, at most three times in all:
//! nothing of it has happened (GR-5.4-4, GR-5.4-5). Otherwise a job is tried once.
//!
//! Try it by hand with a worker that you have:
//!
//! ```text
//! $ cargo run --example testee_host -- target/debug/examples/testee_worker
//! {"worker":"ready","name":"0.0"}
//! {"do":"job","key":"a","name":"conformance.echo","input":"hello"}
//! {"bytes":5,"key":"a","outcome":"ok","output":"hello"}
//! ```

mod job;
mod lines;
mod order;

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use greenroom::{Bytes, Call, Event, EventKind, Events, Pool, Worker};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use job::Wish;
use order::Order;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    tracing_subscriber::registry().with(lines::Lines).init();
    let worker = std::env::args_os().next_back().ok_or("no arguments")?;
    let (pool, events) = pool(Worker::command(worker)).start_in_background()?;
    let news = tokio::spawn(tell(events));
    serve(&pool).await?;
    drop(pool);
    news.await?;
    Ok(())
}

/// As section 9.2 wants it: one worker with one job at a time, and impatient.
fn pool(worker: Worker) -> greenroom::PoolBuilder {
    Pool::builder(worker)
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .max_slots(1)
        .ping_interval(Duration::from_millis(200))
        .ping_timeout(Duration::from_millis(1_500))
        .initialize_timeout(Duration::from_millis(1_500))
        .close_timeout(Duration::from_millis(1_000))
        .cancel_grace(Duration::from_millis(1_000))
        .max_extension(Duration::from_millis(2_000))
        .backoff(Duration::from_millis(50), Duration::from_millis(200))
        .on_call(async |call: Call| answer(&call))
}

fn answer(call: &Call) -> Result<Bytes, String> {
    match call.method.as_str() {
        "echo" => Ok(call.argument.clone()),
        "refuse" => Err(String::from_utf8_lossy(&call.argument).into_owned()),
        other => Err(format!(
            "there is no method {other}: ask for echo or refuse"
        )),
    }
}

/// Does what the lines of standard input say, until their end.
async fn serve(pool: &Pool) -> Result {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut jobs: HashMap<String, mpsc::Sender<Wish>> = HashMap::new();
    let mut running = JoinSet::new();
    while let Some(line) = orders.next_line().await? {
        match serde_json::from_str(&line)? {
            Order::Job(asked) => {
                let (wishes, inbox) = mpsc::channel(4);
                jobs.insert(asked.key.clone(), wishes);
                running.spawn(job::run(pool.clone(), asked, inbox));
            }
            Order::Take { key } => wish(&jobs, &key, Wish::Take).await,
            Order::Cancel { key } => wish(&jobs, &key, Wish::Cancel).await,
        }
    }
    pool.close().await;
    // Nobody will wish for output that was held back.
    drop(jobs);
    while running.join_next().await.is_some() {}
    Ok(())
}

/// A job that has ended wants to hear nothing more.
async fn wish(jobs: &HashMap<String, mpsc::Sender<Wish>>, key: &str, wish: Wish) {
    if let Some(job) = jobs.get(key) {
        let _ = job.send(wish).await;
    }
}

/// Says how workers come and go, until the pool has closed.
async fn tell(mut events: Events) {
    while let Some(Event { kind, .. }) = events.next().await {
        match kind {
            EventKind::Ready { worker, .. } => {
                say(&json!({"worker": "ready", "name": worker.to_string()}));
            }
            EventKind::Closed { report } => {
                say(&json!({"worker": "gone", "reason": report.reason.to_string()}));
            }
            _ => {}
        }
    }
}

/// One line for the kit. There is nobody to tell if it cannot be written; the end of standard input
/// follows.
fn say(line: &Value) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
