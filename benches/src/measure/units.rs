//! Daemons that do nothing: what they cost their host.

use std::time::{Duration, Instant};

use greenroom::{Supervisor, Unit};
use greenroom_benches::reading::{Figure, Figures, Taken};

use super::deaths::sleeping_daemon;
use super::own::{Holdings, Sleeps, percent, processor_time};
use crate::{Outcome, place};

/// The threads that have built the commands go when they have had nothing to do for 10 s.
const SETTLED: Duration = Duration::from_secs(12);

pub(super) async fn idle(units: usize, seconds: u64) -> Outcome<Taken> {
    let (units, note) = place::affordable(units)?;
    let before = Holdings::now()?;
    let mut builder = Supervisor::builder();
    for number in 0..units {
        builder = builder.unit(Unit::new(format!("idle-{number}"), sleeping_daemon()));
    }
    let supervisor = builder.build()?;
    supervisor.start().await?;
    tokio::time::sleep(SETTLED).await;
    let mut figures = Holdings::now()?.since(&before, units);
    let looked_on = tokio::task::spawn_blocking(move || look_on(Duration::from_secs(seconds)));
    figures.extend(looked_on.await??);
    supervisor.kill("the benchmark is over").await;
    Ok(Taken::default().greenroom(figures).note(note))
}

/// On a thread of its own: a timer of the host's runtime would wake the host.
fn look_on(time: Duration) -> Outcome<Figures> {
    let (sleeps, busy, begun) = (Sleeps::now()?, processor_time()?, Instant::now());
    std::thread::sleep(time);
    let busy = processor_time()? - busy;
    // This very pause is not theirs.
    let woken = Sleeps::now()?.since(&sleeps).saturating_sub(1);
    Ok(Figures::from([
        (Figure::HostCpu, percent(busy, begun.elapsed())),
        (Figure::Wakes, woken as f64 / begun.elapsed().as_secs_f64()),
    ]))
}
