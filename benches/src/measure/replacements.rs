//! From SIGKILL until a replacement runs, without backoff.

use std::time::{Duration, Instant};

use greenroom_benches::numbers::percentiles;
use greenroom_benches::reading::{Part, Taken};

use super::deaths::{kill, one_daemon, one_worker, raw_death, ready_worker, sleeper, started};
use super::runit::{LIVED, Runit};
use crate::Outcome;
use crate::partner::Partner;

/// Until the next worker of a pool is ready; raw: until the same program has written a byte.
pub(super) async fn of_workers(deaths: usize) -> Outcome<Taken> {
    let (pool, mut events) = one_worker()?;
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    let mut pid = ready_worker(&mut events).await?;
    for _ in 0..deaths {
        raw.push(raw_replacement()?);
        let killed = Instant::now();
        kill(pid)?;
        pid = ready_worker(&mut events).await?;
        ours.push(killed.elapsed());
    }
    pool.close().await;
    Ok(Taken::default()
        .raw(percentiles(raw))
        .greenroom(percentiles(ours)))
}

fn raw_replacement() -> Outcome<Duration> {
    let (_socket, victim) = Partner::start_and_wait()?;
    let killed = Instant::now();
    raw_death(victim)?;
    let (socket, mut next) = Partner::start_and_wait()?;
    let time = killed.elapsed();
    drop(socket);
    next.wait()?;
    Ok(time)
}

/// Until a daemon runs again, beside runit, which has one to look after as well.
pub(super) async fn of_daemons(deaths: usize) -> Outcome<Taken> {
    let (supervisor, mut events) = one_daemon().await?;
    let runit = Runit::start()?;
    let (mut raw, mut theirs, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    let mut pid = started(&mut events).await?;
    for _ in 0..deaths {
        raw.push(raw_restart()?);
        tokio::time::sleep(LIVED).await;
        let killed = Instant::now();
        kill(pid)?;
        pid = started(&mut events).await?;
        ours.push(killed.elapsed());
        if let Some(runit) = &runit {
            theirs.push(runit.replacement()?);
        }
    }
    supervisor.kill("the benchmark is over").await;
    let taken = Taken::default()
        .raw(percentiles(raw))
        .greenroom(percentiles(ours));
    Ok(match runit {
        Some(_) => taken.and("runit", Part::ProcessPeer, percentiles(theirs)),
        None => taken.skipped(
            "runit",
            "is not installed: on Debian, apt-get install runit",
        ),
    })
}

fn raw_restart() -> Outcome<Duration> {
    let victim = sleeper()?;
    let killed = Instant::now();
    raw_death(victim)?;
    let mut next = sleeper()?;
    let time = killed.elapsed();
    next.kill()?;
    next.wait()?;
    Ok(time)
}
