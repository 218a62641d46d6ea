//! Many processes at once: until all are ready, and until all are gone.

use std::os::unix::net::UnixStream;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use greenroom::Pool;
use greenroom_benches::numbers::millis;
use greenroom_benches::reading::{Figure, Figures, Taken};

use crate::partner::Partner;
use crate::{Outcome, performer, place};

/// Started by as many threads as a pool starts workers at a time.
pub(super) fn raw(processes: usize) -> Outcome<Taken> {
    let (processes, note) = place::affordable(processes)?;
    let at_once = at_once();
    let start = Instant::now();
    let starters: Vec<_> = (0..at_once)
        .map(|starter| {
            let share = (starter..processes).step_by(at_once).len();
            thread::spawn(move || {
                let crowd = (0..share).map(|_| Partner::start_and_wait());
                crowd.collect::<Outcome<Vec<(UnixStream, Child)>>>()
            })
        })
        .collect();
    let mut crowd = Vec::new();
    for starter in starters {
        crowd.extend(starter.join().map_err(|_| "a thread has panicked")??);
    }
    let ramp = start.elapsed();
    let start = Instant::now();
    let (sockets, children): (Vec<_>, Vec<_>) = crowd.into_iter().unzip();
    drop(sockets);
    for mut child in children {
        child.wait()?;
    }
    let figures = figures(ramp, start.elapsed());
    Ok(Taken::default().raw(figures).note(note))
}

pub(super) async fn pool(workers: usize) -> Outcome<Taken> {
    let (workers, note) = place::affordable(workers)?;
    let builder = Pool::builder(performer::worker(1)?)
        .idle(workers)
        .max_workers(workers)
        .init_concurrency(at_once());
    let start = Instant::now();
    let pool = builder.start().await?;
    let ramp = start.elapsed();
    let start = Instant::now();
    pool.close().await;
    let figures = figures(ramp, start.elapsed());
    Ok(Taken::default().greenroom(figures).note(note))
}

/// A pool's default.
fn at_once() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(4)
}

fn figures(ramp: Duration, stop: Duration) -> Figures {
    Figures::from([(Figure::Ramp, millis(ramp)), (Figure::Stop, millis(stop))])
}
