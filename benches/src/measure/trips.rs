//! Bytes to another process and back, one after the other.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use greenroom::{Bytes, Job, Pool};
use greenroom_benches::numbers::percentiles;
use greenroom_benches::reading::{Figure, Figures, Part, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::partner::Partner;
use crate::{Outcome, performer};

/// What every job would cost at least: the same bytes, two blocking processes, nothing else.
pub(super) fn raw(payload: usize, trips: usize) -> Outcome<Taken> {
    let (mut socket, mut partner) = Partner::Echo(payload).start()?;
    let mut message = vec![7; payload];
    let mut times = Times::new(trips);
    while times.wanting() {
        let start = Instant::now();
        socket.write_all(&message)?;
        socket.read_exact(&mut message)?;
        times.add(start.elapsed());
    }
    drop(socket);
    partner.wait()?;
    Ok(Taken::default().raw(times.figures(payload)))
}

/// What a host and a worker that wait with tokio cost before either does anything.
pub(super) async fn tokio(payload: usize, trips: usize) -> Outcome<Taken> {
    let (socket, mut partner) = Partner::TokioEcho(payload).start()?;
    socket.set_nonblocking(true)?;
    let mut socket = tokio::net::UnixStream::from_std(socket)?;
    let mut message = vec![7; payload];
    let mut times = Times::new(trips);
    while times.wanting() {
        let start = Instant::now();
        socket.write_all(&message).await?;
        socket.read_exact(&mut message).await?;
        times.add(start.elapsed());
    }
    drop(socket);
    partner.wait()?;
    Ok(Taken::default().and("tokio alone", Part::Between, times.figures(payload)))
}

pub(super) async fn jobs(payload: usize, trips: usize) -> Outcome<Taken> {
    let pool = Pool::builder(performer::worker(1)?)
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .start()
        .await?;
    let message = Bytes::from(vec![7; payload]);
    let mut times = Times::new(trips);
    while times.wanting() {
        let start = Instant::now();
        let output = pool
            .launch(Job::new(message.clone()))
            .await?
            .output()
            .await?;
        times.add(start.elapsed());
        if output.len() != message.len() {
            return Err("a job's output is not what it was given".into());
        }
    }
    pool.close().await;
    Ok(Taken::default().greenroom(times.figures(payload)))
}

/// Some trips to warm up, then those that count.
struct Times {
    warm_up: usize,
    trips: usize,
    times: Vec<Duration>,
}

impl Times {
    fn new(trips: usize) -> Self {
        let warm_up = trips.div_ceil(10);
        let times = Vec::with_capacity(trips);
        Self {
            warm_up,
            trips,
            times,
        }
    }

    fn wanting(&self) -> bool {
        self.times.len() < self.trips
    }

    fn add(&mut self, time: Duration) {
        match self.warm_up.checked_sub(1) {
            Some(left) => self.warm_up = left,
            None => self.times.push(time),
        }
    }

    /// Bandwidth only where it says something: the bytes there and back in the median time.
    fn figures(self, payload: usize) -> Figures {
        let mut figures = percentiles(self.times);
        if payload >= 1 << 20
            && let Some(micros) = figures.get(&Figure::P50)
        {
            let bandwidth = 2.0 * payload as f64 / micros / 1e3;
            figures.insert(Figure::Bandwidth, bandwidth);
        }
        figures
    }
}
