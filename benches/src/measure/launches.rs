//! One job for each worker at a steady rate: from the launch until the job's code runs.

use std::time::{Duration, Instant};

use greenroom::{Job, Pool};
use greenroom_benches::numbers::percentiles;
use greenroom_benches::reading::{Part, Taken};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::{Outcome, performer};

/// Workers at most, those that are leaving included.
const MOST: usize = 32;

pub(super) async fn steady(idle: usize, per_second: u32, jobs: usize) -> Outcome<Taken> {
    let pool = Pool::builder(performer::worker(1)?)
        .idle(idle)
        .max_workers(MOST)
        .start()
        .await?;
    let mut arrivals = tokio::time::interval(Duration::from_secs(1) / per_second);
    arrivals.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut under_way = JoinSet::new();
    for _ in 0..jobs {
        arrivals.tick().await;
        under_way.spawn(launch(pool.clone()));
    }
    let mut times = Vec::with_capacity(jobs);
    while let Some(time) = under_way.join_next().await {
        times.push(time??);
    }
    pool.close().await;
    let taken = Taken::default();
    Ok(match idle {
        0 => taken.and("none kept warm", Part::Between, percentiles(times)),
        _ => taken.greenroom(percentiles(times)),
    })
}

async fn launch(pool: Pool) -> Outcome<Duration> {
    let start = Instant::now();
    let mut job = pool.launch(Job::new("go")).await?;
    job.started().await?;
    let time = start.elapsed();
    job.output().await?;
    Ok(time)
}
