//! From SIGKILL until the death is known.

use std::process::{Child, Command as Raw, Stdio};
use std::time::{Duration, Instant};

use greenroom::supervisor::{Notice, SupervisorEvents, UnitNotice};
use greenroom::unit::{Backoff, Restart, RestartPolicy};
use greenroom::{Command, Daemon, EventKind, Events, Pool, Supervisor, Unit};
use greenroom_benches::numbers::percentiles;
use greenroom_benches::reading::Taken;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::{Outcome, performer};

/// So that the deaths of a benchmark are not held against the next start.
pub(super) const NO_BACKOFF: Duration = Duration::from_micros(1);

/// Of workers in a pool. Raw is what a process descriptor shows of the same: how long a process takes
/// to die is its own, with its threads, memory and descriptors.
pub(super) async fn of_workers(deaths: usize) -> Outcome<Taken> {
    let (pool, mut events) = one_worker()?;
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..deaths {
        // This thread is the pool's too, which so learns of it only afterwards.
        let victim = ready_worker(&mut events).await?;
        raw.push(shown(victim)?);
        until_closed(&mut events).await?;
        ours.push(worker_death(&mut events).await?);
    }
    pool.close().await;
    Ok(Taken::default()
        .raw(percentiles(raw))
        .greenroom(percentiles(ours)))
}

/// Of daemons. The raw process is the same program with the same streams.
pub(super) async fn of_daemons(deaths: usize) -> Outcome<Taken> {
    let (supervisor, mut events) = one_daemon().await?;
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..deaths {
        raw.push(raw_death(sleeper()?)?);
        let pid = started(&mut events).await?;
        let killed = Instant::now();
        kill(pid)?;
        while !matches!(next(&mut events).await?, UnitNotice::Exited(_)) {}
        ours.push(killed.elapsed());
    }
    supervisor.kill("the benchmark is over").await;
    Ok(Taken::default()
        .raw(percentiles(raw))
        .greenroom(percentiles(ours)))
}

/// The same of a child that is ours to reap.
pub(super) fn raw_death(mut child: Child) -> Outcome<Duration> {
    let seen = shown(child.id())?;
    child.wait()?;
    Ok(seen)
}

/// Kills a process: how long until its process descriptor shows it to a blocking poll.
fn shown(victim: u32) -> Outcome<Duration> {
    let pid = Pid::from_raw(victim.cast_signed()).ok_or("not a process")?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let killed = Instant::now();
    kill_process(pid, Signal::KILL)?;
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None)?;
    Ok(killed.elapsed())
}

// ---- a pool's worker

pub(super) fn one_worker() -> Outcome<(Pool, Events)> {
    let builder = Pool::builder(performer::worker(1)?)
        .idle(1)
        .max_workers(1)
        .backoff(NO_BACKOFF, NO_BACKOFF);
    Ok(builder.start_in_background()?)
}

async fn worker_death(events: &mut Events) -> Outcome<Duration> {
    let pid = ready_worker(events).await?;
    let killed = Instant::now();
    kill(pid)?;
    until_closed(events).await?;
    Ok(killed.elapsed())
}

async fn until_closed(events: &mut Events) -> Outcome {
    while !matches!(event(events).await?, EventKind::Closed { .. }) {}
    Ok(())
}

/// Waits until a worker is ready; its process.
pub(super) async fn ready_worker(events: &mut Events) -> Outcome<u32> {
    let mut process = None;
    loop {
        match event(events).await? {
            EventKind::Started { pid, .. } => process = Some(pid),
            EventKind::Ready { .. } => return Ok(process.ok_or("ready, and never started")?),
            _ => {}
        }
    }
}

async fn event(events: &mut Events) -> Outcome<EventKind> {
    Ok(events.next().await.ok_or("the pool has ended")?.kind)
}

// ---- a daemon

pub(super) async fn one_daemon() -> Outcome<(Supervisor, SupervisorEvents)> {
    let policy = RestartPolicy {
        restart: Restart::Always,
        max_restarts: None,
        backoff: Backoff {
            initial: NO_BACKOFF,
            max: NO_BACKOFF,
        },
        ..RestartPolicy::default()
    };
    let unit = Unit::new("sleeper", sleeping_daemon()).restart_policy(policy);
    let supervisor = Supervisor::builder().unit(unit).build()?;
    let events = supervisor.events();
    supervisor.start().await?;
    Ok((supervisor, events))
}

pub(super) fn sleeping_daemon() -> Daemon {
    Daemon::new(|| Command::new("sleep").arg("1000"))
}

/// The same program with the same streams.
pub(super) fn sleeper() -> Outcome<Child> {
    Ok(Raw::new("sleep")
        .arg("1000")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?)
}

/// Waits until it runs; its process.
pub(super) async fn started(events: &mut SupervisorEvents) -> Outcome<u32> {
    loop {
        if let UnitNotice::Started { pid: Some(pid) } = next(events).await? {
            return Ok(pid);
        }
    }
}

async fn next(events: &mut SupervisorEvents) -> Outcome<UnitNotice> {
    loop {
        let event = events.next().await.ok_or("the supervisor has ended")?;
        if let Notice::Unit { notice, .. } = event.notice {
            return Ok(notice);
        }
    }
}

pub(super) fn kill(pid: u32) -> Outcome {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or("not a process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}
