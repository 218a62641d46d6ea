//! From the order to start a process until it is ready.

use std::time::{Duration, Instant};

use greenroom::Pool;
use greenroom_benches::numbers::percentiles;
use greenroom_benches::reading::Taken;

use crate::partner::Partner;
use crate::{Outcome, performer};

/// A raw start of the same program, which writes one byte, and a worker, in turn.
pub(super) async fn in_turn(starts: usize) -> Outcome<Taken> {
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        raw.push(raw_start()?);
        ours.push(our_start().await?);
    }
    Ok(Taken::default()
        .raw(percentiles(raw))
        .greenroom(percentiles(ours)))
}

fn raw_start() -> Outcome<Duration> {
    let start = Instant::now();
    let (socket, mut child) = Partner::start_and_wait()?;
    let time = start.elapsed();
    drop(socket);
    child.wait()?;
    Ok(time)
}

async fn our_start() -> Outcome<Duration> {
    let builder = Pool::builder(performer::worker(1)?).idle(1).max_workers(1);
    let start = Instant::now();
    let pool = builder.start().await?;
    let time = start.elapsed();
    pool.close().await;
    Ok(time)
}
