//! Workers that do nothing but answer: what they cost their host.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use greenroom::{EventKind, Pool};
use greenroom_benches::reading::{Figure, Taken};

use super::own::{Holdings, percent, processor_time, processor_time_of};
use crate::partner::Partner;
use crate::{Outcome, performer, place};

/// How often each is asked for a sign of life: the default of a pool.
const INTERVAL: Duration = Duration::from_millis(2_500);
/// What a ping and its answer have.
const PING: usize = 16;

/// The same number of processes, each asked with as many bytes as often, one after the other, with
/// blocking calls.
pub(super) fn raw(processes: usize, seconds: u64) -> Outcome<Taken> {
    let (processes, note) = place::affordable(processes)?;
    let before = Holdings::now()?;
    let mut crowd = Vec::with_capacity(processes);
    for _ in 0..processes {
        crowd.push(Partner::Echo(PING).start()?);
    }
    let pids: Vec<u32> = crowd.iter().map(|(_, child)| child.id()).collect();
    let mut answer = [0; PING];
    let mut ask_all = |time: Duration| {
        let begun = Instant::now();
        for turn in 0.. {
            let due = INTERVAL * turn / u32::try_from(processes)?;
            if due >= time {
                break;
            }
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let (socket, _) = &mut crowd[turn as usize % processes];
            socket.write_all(&[7; PING])?;
            socket.read_exact(&mut answer)?;
        }
        std::thread::sleep(time.saturating_sub(begun.elapsed()));
        Outcome::Ok(())
    };
    ask_all(INTERVAL)?;
    let mut figures = Holdings::now()?.since(&before, processes);
    let begun = Instant::now();
    let (host, workers) = (processor_time()?, processor_time_of(&pids)?);
    ask_all(Duration::from_secs(seconds))?;
    let host = processor_time()? - host;
    let workers = processor_time_of(&pids)? - workers;
    figures.insert(Figure::HostCpu, percent(host, begun.elapsed()));
    figures.insert(Figure::WorkersCpu, percent(workers, begun.elapsed()));
    let (sockets, children): (Vec<_>, Vec<_>) = crowd.into_iter().unzip();
    drop(sockets);
    for mut child in children {
        child.wait()?;
    }
    Ok(Taken::default().raw(figures).note(note))
}

pub(super) async fn workers(workers: usize, seconds: u64) -> Outcome<Taken> {
    let (workers, note) = place::affordable(workers)?;
    let worker = performer::worker(1)?;
    // What the first worker ever costs is not what the thousandth does.
    let first = Pool::builder(worker.clone())
        .idle(1)
        .max_workers(1)
        .start()
        .await?;
    // Until its memory was measured too, by a thread that all workers share.
    tokio::time::sleep(INTERVAL).await;
    let before = Holdings::now()?;
    let builder = Pool::builder(worker).idle(workers).max_workers(workers);
    let (pool, mut events) = builder.ping_interval(INTERVAL).start_in_background()?;
    let mut pids = Vec::with_capacity(workers);
    let mut ready = 0;
    while ready < workers {
        match events.next().await.ok_or("the pool has ended")?.kind {
            EventKind::Started { pid, .. } => pids.push(pid),
            EventKind::Ready { .. } => ready += 1,
            EventKind::Closed { report } => return Err(report.to_string().into()),
            _ => {}
        }
    }
    drop(events);
    // Each has answered its first ping, and none is being started any more.
    tokio::time::sleep(INTERVAL).await;
    let mut figures = Holdings::now()?.since(&before, workers);
    let begun = Instant::now();
    let (host, theirs) = (processor_time()?, processor_time_of(&pids)?);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let host = processor_time()? - host;
    let theirs = processor_time_of(&pids)? - theirs;
    figures.insert(Figure::HostCpu, percent(host, begun.elapsed()));
    figures.insert(Figure::WorkersCpu, percent(theirs, begun.elapsed()));
    pool.close().await;
    first.close().await;
    Ok(Taken::default().greenroom(figures).note(note))
}
