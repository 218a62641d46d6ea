//! The measurements. Each is a function that returns named figures; an order says which, where and
//! how much of it, and travels to a process of its own.

mod crowd;
mod deaths;
mod idle;
mod launches;
mod own;
mod pipeline;
mod replacements;
mod runit;
mod starts;
mod stream;
mod trips;
mod units;

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use greenroom_benches::reading::Taken;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::place::{Cpus, Impossible};
use crate::{Outcome, bounded};

/// The first argument of a measured host.
pub(crate) const OPTION: &str = "--measure";
/// More than any measurement takes, unless it hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// What is measured. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Measurement {
    /// Bytes there and back through a socket, with blocking calls.
    RawTrips { payload: usize, trips: usize },
    /// The same through tokio, and nothing else.
    TokioTrips { payload: usize, trips: usize },
    /// The same as jobs on a warm worker.
    JobTrips { payload: usize, trips: usize },
    /// Messages in flight over sockets, to so many processes; all there are in one call.
    RawPipeline(Pipeline),
    /// The same with a call for each message on either side.
    OneByOnePipeline(Pipeline),
    /// Jobs in flight, to so many workers.
    JobPipeline(Pipeline),
    /// Bytes from a process, read in pieces.
    RawStream { piece: usize, total: usize },
    /// Bytes from a job, read as a stream.
    JobStream { piece: usize, total: usize },
    /// Small jobs on a worker while another of its jobs sends so many bytes.
    JobsBesideStream { total: usize, trips: usize },
    /// Starts until ready, raw and as a pool's worker, in turn, in a host of so many MiB.
    Starts { starts: usize, host_mib: usize },
    /// Many processes, started and ended without anything else.
    RawCrowd { processes: usize },
    /// A pool of many, started and closed.
    PoolCrowd { workers: usize },
    /// One job per worker at a steady rate, with so many workers kept warm.
    Launches {
        idle: usize,
        per_second: u32,
        jobs: usize,
    },
    /// A pool's worker is killed, and a raw process in turn.
    WorkerDeaths { deaths: usize },
    /// A daemon is killed, and a raw process in turn.
    DaemonDeaths { deaths: usize },
    /// A pool's worker is killed, until the next is ready; a raw start in turn.
    WorkerReplacements { deaths: usize },
    /// A daemon is killed, until it runs again; raw and under runit in turn.
    DaemonReplacements { deaths: usize },
    /// Processes that do nothing but answer a few bytes every 2.5 s.
    RawIdle { processes: usize, seconds: u64 },
    /// A pool's workers that do nothing but answer pings every 2.5 s.
    IdleWorkers { workers: usize, seconds: u64 },
    /// Daemons that do nothing.
    IdleUnits { units: usize, seconds: u64 },
}

/// Many at a time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) payload: usize,
    pub(crate) workers: usize,
    /// How many are in flight, over all workers.
    pub(crate) depth: usize,
    pub(crate) jobs: usize,
}

/// A measurement and its place.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) cpus: Cpus,
    pub(crate) what: Measurement,
}

impl Order {
    /// Carries it out in a process of its own.
    pub(crate) fn carry_out(&self) -> Outcome<Taken> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([OPTION, &serde_json::to_string(self)?]);
        let printed = bounded::output(&mut command, LIMIT)?;
        Ok(serde_json::from_str(&printed)?)
    }
}

/// Carries an order out in this process.
pub(crate) fn run(order: &str) -> Outcome {
    let order: Order = serde_json::from_str(order)?;
    // Nobody would read the figures, and the next run is not to be disturbed.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    order.cpus.take()?;
    let taken = take(order.what).or_else(|error| match error.downcast::<Impossible>() {
        Ok(why) => Ok(Taken::default().skipped("all", why.to_string())),
        Err(error) => Err(error),
    })?;
    println!("{}", serde_json::to_string(&taken)?);
    Ok(())
}

fn take(what: Measurement) -> Outcome<Taken> {
    match what {
        Measurement::RawTrips { payload, trips } => trips::raw(payload, trips),
        Measurement::TokioTrips { payload, trips } => host(trips::tokio(payload, trips)),
        Measurement::JobTrips { payload, trips } => host(trips::jobs(payload, trips)),
        Measurement::RawPipeline(pipeline) => pipeline::raw(pipeline),
        Measurement::OneByOnePipeline(pipeline) => pipeline::one_by_one(pipeline),
        Measurement::JobPipeline(pipeline) => host(pipeline::jobs(pipeline)),
        Measurement::RawStream { piece, total } => stream::raw(piece, total),
        Measurement::JobStream { piece, total } => host(stream::job(piece, total)),
        Measurement::JobsBesideStream { total, trips } => host(stream::beside(total, trips)),
        Measurement::Starts { starts, host_mib } => {
            let memory = vec![1_u8; host_mib << 20];
            let taken = host(starts::in_turn(starts));
            black_box(&memory);
            taken
        }
        Measurement::RawCrowd { processes } => crowd::raw(processes),
        Measurement::PoolCrowd { workers } => host(crowd::pool(workers)),
        Measurement::Launches {
            idle,
            per_second,
            jobs,
        } => host(launches::steady(idle, per_second, jobs)),
        Measurement::WorkerDeaths { deaths } => host(deaths::of_workers(deaths)),
        Measurement::DaemonDeaths { deaths } => host(deaths::of_daemons(deaths)),
        Measurement::WorkerReplacements { deaths } => host(replacements::of_workers(deaths)),
        Measurement::DaemonReplacements { deaths } => host(replacements::of_daemons(deaths)),
        Measurement::RawIdle { processes, seconds } => idle::raw(processes, seconds),
        Measurement::IdleWorkers { workers, seconds } => host(idle::workers(workers, seconds)),
        Measurement::IdleUnits { units, seconds } => host(units::idle(units, seconds)),
    }
}

/// Runs a measured host: a runtime of one thread, as a small service has. In a task, where a host's
/// code runs: the future of `block_on` is polled only after a look at the system.
fn host(work: impl Future<Output = Outcome<Taken>> + Send + 'static) -> Outcome<Taken> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { tokio::spawn(work).await? })
}
