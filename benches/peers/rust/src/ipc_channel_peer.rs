//! ipc-channel: a channel to a child process. It is no pool; the few lines that make one of it are
//! here, without any thread that the measurement does not need.
//!
//! The plain byte channel serializes nothing. `IpcSharedMemory` was slower at every size up to
//! 16 MiB (measured), since each job has to fill fresh memory.

use std::env;
use std::process::{Child, Command};
use std::thread;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};

use crate::measure::{Failure, Outcome, Plan, Pool, at_once};

pub(crate) struct IpcChannel {
    workers: Vec<Worker>,
}

struct Worker {
    process: Child,
    jobs: IpcBytesSender,
    results: IpcBytesReceiver,
}

impl Pool for IpcChannel {
    const NOTE: &str = "IpcBytesSender; start method: posix_spawn";

    fn open(plan: &Plan) -> Outcome<Self> {
        let workers = (0..plan.workers)
            .map(|_| Worker::start())
            .collect::<Outcome<_>>()?;
        Ok(Self { workers })
    }

    fn echo(&mut self, content: &[u8]) -> Outcome<Vec<u8>> {
        let worker = &self.workers[0];
        worker.jobs.send(content)?;
        Ok(worker.results.recv()?)
    }

    /// Jobs and depth are shared out; each worker has a thread here that keeps its share in flight.
    fn echo_in_flight(&mut self, content: &[u8], jobs: usize, depth: usize) -> Outcome {
        let lanes = self.workers.len().min(depth);
        let share = |total: usize, lane: usize| total / lanes + usize::from(lane < total % lanes);
        thread::scope(|scope| {
            let mut running = Vec::with_capacity(lanes);
            for (lane, worker) in self.workers[..lanes].iter_mut().enumerate() {
                let (jobs, window) = (share(jobs, lane), share(depth, lane));
                running.push(scope.spawn(move || worker.echo_in_flight(content, jobs, window)));
            }
            running
                .into_iter()
                .try_for_each(|lane| lane.join().expect("no lane panics"))
        })
    }

    fn echo_once(_: &[u8]) -> Outcome<Vec<u8>> {
        Err(Failure::Unable(
            "ipc-channel is a channel: it has no process that serves one job and is replaced"
                .into(),
        ))
    }

    fn close(self) -> Outcome {
        for Worker {
            mut process, jobs, ..
        } in self.workers
        {
            // The child ends when its channel does.
            drop(jobs);
            process.wait()?;
        }
        Ok(())
    }
}

impl Worker {
    fn start() -> Outcome<Self> {
        let (server, name) = IpcOneShotServer::new()?;
        let process = Command::new(env::current_exe()?)
            .args(["child", &name])
            .spawn()?;
        let (_, (jobs, results)) = server.accept()?;
        Ok(Self {
            process,
            jobs,
            results,
        })
    }

    fn echo_in_flight(&mut self, content: &[u8], jobs: usize, window: usize) -> Outcome {
        let (sender, results) = (self.jobs.clone(), &self.results);
        let submit = || Ok(sender.send(content)?);
        let receive = || match results.recv()?.len() {
            came if came == content.len() => Ok(()),
            came => Err(Failure::Failed(format!(
                "{came} bytes came back of {}",
                content.len()
            ))),
        };
        at_once(jobs, window, submit, receive)
    }
}

/// The worker: sends back what comes until the host is gone.
pub(crate) fn child(server: &str) -> Outcome {
    let host: IpcSender<(IpcBytesSender, IpcBytesReceiver)> =
        IpcSender::connect(server.to_owned())?;
    let (jobs, incoming) = ipc::bytes_channel()?;
    let (outgoing, results) = ipc::bytes_channel()?;
    host.send((jobs, results))?;
    while let Ok(content) = incoming.recv() {
        outgoing.send(&content)?;
    }
    Ok(())
}
