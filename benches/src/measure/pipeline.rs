//! Many jobs in flight at a time.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use greenroom::{Bytes, Job, Pool};
use greenroom_benches::reading::{Figure, Figures, Part, Taken};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::task::JoinSet;

use super::Pipeline;
use crate::partner::Partner;
use crate::{Outcome, performer};

/// Surplus workers are not to leave while they are measured.
const LINGER: Duration = Duration::from_secs(3600);

impl Pipeline {
    fn warm_up(&self) -> Self {
        let jobs = (self.jobs / 10).max(self.depth);
        Self { jobs, ..*self }
    }

    fn figures(&self, time: Duration) -> Figures {
        let per_second = self.jobs as f64 / time.as_secs_f64();
        Figures::from([(Figure::PerSecond, per_second)])
    }
}

/// What one call takes at most while messages are not counted.
const BATCH: usize = 64 << 10;

/// The same bytes through as many sockets, by one thread here and a process at each other end. Both
/// sides take and send as many messages in one call as there are.
pub(super) fn raw(pipeline: Pipeline) -> Outcome<Taken> {
    let figures = messages(pipeline, Partner::EchoAnything, BATCH)?;
    Ok(Taken::default().raw(figures))
}

/// The same with a call for each message, which is what it costs to look at each before the next.
pub(super) fn one_by_one(pipeline: Pipeline) -> Outcome<Taken> {
    let figures = messages(pipeline, Partner::Echo(pipeline.payload), pipeline.payload)?;
    Ok(Taken::default().and("raw, one by one", Part::Between, figures))
}

fn messages(pipeline: Pipeline, partner: Partner, batch: usize) -> Outcome<Figures> {
    let mut lanes = Vec::new();
    let mut partners = Vec::new();
    for _ in 0..pipeline.workers {
        let (socket, partner) = partner.start()?;
        lanes.push(Lane {
            socket,
            received: 0,
        });
        partners.push(partner);
    }
    let mut buffer = vec![0; batch];
    exchange(&mut lanes, pipeline.warm_up(), &mut buffer)?;
    let start = Instant::now();
    exchange(&mut lanes, pipeline, &mut buffer)?;
    let figures = pipeline.figures(start.elapsed());
    drop(lanes);
    for mut partner in partners {
        partner.wait()?;
    }
    Ok(figures)
}

/// One socket.
struct Lane {
    socket: UnixStream,
    /// Bytes of a message that is not complete yet.
    received: usize,
}

fn exchange(lanes: &mut [Lane], pipeline: Pipeline, buffer: &mut [u8]) -> Outcome {
    let messages = vec![7; pipeline.payload * pipeline.depth];
    let (mut to_send, mut missing) = (pipeline.jobs, pipeline.jobs);
    for turn in 0..pipeline.depth.min(pipeline.jobs) {
        let lane = &mut lanes[turn % pipeline.workers];
        lane.socket.write_all(&messages[..pipeline.payload])?;
        to_send -= 1;
    }
    while missing > 0 {
        for ready in ready(lanes)? {
            let lane = &mut lanes[ready];
            let read = lane.socket.read(buffer)?;
            if read == 0 {
                return Err("a partner has ended".into());
            }
            lane.received += read;
            let complete = lane.received / pipeline.payload;
            lane.received %= pipeline.payload;
            missing -= complete;
            let more = complete.min(to_send);
            lane.socket
                .write_all(&messages[..more * pipeline.payload])?;
            to_send -= more;
        }
    }
    Ok(())
}

/// The lanes that have something to read; with one there is no need to ask.
fn ready(lanes: &[Lane]) -> Outcome<Vec<usize>> {
    if lanes.len() == 1 {
        return Ok(vec![0]);
    }
    let descriptors = lanes
        .iter()
        .map(|lane| PollFd::new(&lane.socket, PollFlags::IN));
    let mut descriptors: Vec<PollFd<'_>> = descriptors.collect();
    poll(&mut descriptors, None)?;
    let ready = descriptors
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.revents().is_empty());
    Ok(ready.map(|(number, _)| number).collect())
}

pub(super) async fn jobs(pipeline: Pipeline) -> Outcome<Taken> {
    let slots = pipeline.depth.div_ceil(pipeline.workers);
    let pool = Pool::builder(performer::worker(slots)?)
        .idle(pipeline.workers)
        .max_workers(pipeline.workers)
        .init_concurrency(pipeline.workers)
        .jobs_per_worker(None)
        .linger(LINGER)
        .start()
        .await?;
    batch(&pool, pipeline.warm_up()).await?;
    let start = Instant::now();
    batch(&pool, pipeline).await?;
    let figures = pipeline.figures(start.elapsed());
    let created = pool.stats().await.workers_created;
    pool.close().await;
    let expected = pipeline.workers as u64;
    let other = (created != expected).then(|| format!("{created} workers were started"));
    Ok(Taken::default().greenroom(figures).note(other))
}

/// As many tasks as jobs may be in flight, each with one job after the other.
async fn batch(pool: &Pool, pipeline: Pipeline) -> Outcome {
    let left = Arc::new(AtomicUsize::new(pipeline.jobs));
    let message = Bytes::from(vec![7; pipeline.payload]);
    let mut tasks = JoinSet::new();
    for _ in 0..pipeline.depth {
        let (pool, left, message) = (pool.clone(), Arc::clone(&left), message.clone());
        tasks.spawn(async move {
            let one_less = |left: usize| left.checked_sub(1);
            while left
                .try_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
            {
                let job = Job::new(message.clone());
                pool.launch(job).await?.output().await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
