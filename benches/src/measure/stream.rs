//! Much output of one job, and what is answered meanwhile.

use std::io::Read;
use std::time::{Duration, Instant};

use greenroom::{Job, Pool};
use greenroom_benches::numbers::percentiles;
use greenroom_benches::reading::{Figure, Figures, Part, Taken};

use crate::partner::Partner;
use crate::{Outcome, performer};

/// The pieces of the stream beside which small jobs are answered.
const PIECE: usize = 256 << 10;

pub(super) fn raw(piece: usize, total: usize) -> Outcome<Taken> {
    let write = Partner::Write { piece, total };
    let (mut socket, mut partner) = write.start()?;
    let mut buffer = vec![0; piece];
    let (mut received, mut begun) = (0, None);
    loop {
        let read = socket.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        // The start of the partner is not measured.
        begun.get_or_insert_with(Instant::now);
        received += read;
    }
    partner.wait()?;
    let begun = begun.ok_or("the partner wrote nothing")?;
    Ok(Taken::default().raw(bandwidth(received, begun.elapsed())))
}

pub(super) async fn job(piece: usize, total: usize) -> Outcome<Taken> {
    let pool = Pool::builder(performer::worker(1)?)
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .start()
        .await?;
    let mut job = pool.launch(performer::flow(piece, total)).await?;
    let (mut received, mut begun) = (0, None);
    while let Some(chunk) = job.chunk().await {
        begun.get_or_insert_with(Instant::now);
        received += chunk.len();
    }
    let time = begun.ok_or("the job sent nothing")?.elapsed();
    job.finished().await?;
    pool.close().await;
    Ok(Taken::default().greenroom(bandwidth(received, time)))
}

/// Small jobs, one after the other, on a worker that does nothing else, and then on the same worker
/// while another of its jobs sends all it can. Both travel on the same socket as pings do, in front
/// of and behind the same bytes, so a ping does not take longer.
pub(super) async fn beside(total: usize, trips: usize) -> Outcome<Taken> {
    let pool = Pool::builder(performer::worker(2)?)
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .start()
        .await?;
    let mut alone = Vec::with_capacity(trips);
    for _ in 0..trips {
        alone.push(small_job(&pool).await?);
    }
    let mut flow = pool.launch(performer::flow(PIECE, total)).await?;
    let reader = tokio::spawn(async move {
        let mut received = 0;
        while let Some(chunk) = flow.chunk().await {
            received += chunk.len();
        }
        flow.finished().await.map(|()| received)
    });
    let begun = Instant::now();
    let mut meanwhile = Vec::with_capacity(trips);
    while !reader.is_finished() {
        meanwhile.push(small_job(&pool).await?);
    }
    let received = reader.await??;
    let flow = bandwidth(received, begun.elapsed());
    pool.close().await;
    let mut figures = percentiles(meanwhile);
    figures.extend(flow);
    Ok(Taken::default()
        .and("nothing flows", Part::Raw, percentiles(alone))
        .greenroom(figures))
}

async fn small_job(pool: &Pool) -> Outcome<Duration> {
    let start = Instant::now();
    let job = pool.launch(Job::new(vec![7; 64])).await?;
    job.output().await?;
    Ok(start.elapsed())
}

fn bandwidth(bytes: usize, time: Duration) -> Figures {
    let bandwidth = bytes as f64 / time.as_secs_f64() / 1e9;
    Figures::from([(Figure::Bandwidth, bandwidth)])
}
