//! The host's part: a pool of warm workers, one job per picture.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use greenroom::{Bytes, Job, JobError, LaunchError, Pool, Refusal, StartError, Worker, WorkerId};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::options::Options;
use crate::place::Placement;
use crate::progress::Progress;
use crate::shrink;
use crate::summary::{Failed, Summary};
use crate::text::{one_line, time};

/// A thumbnail cannot be cancelled halfway, so a worker that has not stopped by then never will.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// How long pictures in work may take after Ctrl-C. A worker uses the last 40 % to leave in order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The host comes first where processors are scarce: on two of them that have more to do, half of
/// all launches then take 0.5 ms instead of 4.
const WORKER_NICE: i32 = 5;
/// Often, so that the peak of a short job is seen.
const MEMORY_SAMPLE: Duration = Duration::from_millis(100);

/// Why not a single job was launched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWorkers {
    #[error("the system refuses a runtime or the signal handler: {0}")]
    System(#[from] io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Works on all pictures, until all jobs are accounted for and all workers are gone; `None` if Ctrl-C
/// came twice and workers were killed.
pub(crate) fn run(
    options: &Options,
    placements: Vec<Placement>,
) -> Result<Option<Summary>, NoWorkers> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Whatever still runs is killed when the runtime is dropped.
    runtime.block_on(async {
        let interrupts = signal(SignalKind::interrupt())?;
        let (stop, stopped) = watch::channel(false);
        tokio::select! {
            summary = work(options, placements, stopped) => Ok(Some(summary?)),
            () = second_interrupt(interrupts, stop) => Ok(None),
        }
    })
}

/// The first interrupt asks to stop, the second ends this.
async fn second_interrupt(mut interrupts: Signal, stop: watch::Sender<bool>) {
    interrupts.recv().await;
    stop.send_replace(true);
    interrupts.recv().await;
}

async fn work(
    options: &Options,
    placements: Vec<Placement>,
    mut stopped: watch::Receiver<bool>,
) -> Result<Summary, NoWorkers> {
    let begin = Instant::now();
    let mut summary = Summary::of(placements.len());
    let workers = options.workers().min(placements.len()).max(1);
    let pool = tokio::select! {
        pool = start(options, workers) => pool?,
        _ = stopped.wait_for(|stop| *stop) => return Ok(summary.interrupted()),
    };
    let mut progress = Progress::new(placements.len());
    let mut placements = placements.into_iter();
    let mut in_work = JoinSet::new();
    loop {
        // As many as run, and as many again: a worker that is done finds its next job waiting.
        while !summary.interrupted
            && in_work.len() < workers * 2
            && let Some(placement) = placements.next()
        {
            in_work.spawn(thumbnail(pool.clone(), job(&placement, options), placement));
        }
        tokio::select! {
            done = in_work.join_next() => match done {
                Some(done) => settle(unpanic(done), &mut summary, &mut progress),
                None => break,
            },
            _ = stopped.wait_for(|stop| *stop), if !summary.interrupted => {
                summary = summary.interrupted();
                progress.interrupted(in_work.len().min(workers));
                // What waits is refused, what runs may finish.
                let pool = pool.clone();
                tokio::spawn(async move { pool.close().await });
            }
        }
    }
    pool.close().await;
    progress.finish();
    summary.pool = pool.stats().await;
    summary.total = begin.elapsed();
    Ok(summary)
}

async fn start(options: &Options, workers: usize) -> Result<Pool, NoWorkers> {
    let worker = Worker::this_program()?
        .nice(WORKER_NICE)
        // For what is taken between two looks at the memory.
        .hard_memory_limit(options.memory_limit() * 2)
        .log_filter("warn");
    let pool = Pool::builder(worker)
        .idle(workers)
        .max_workers(workers)
        .jobs_per_worker(None)
        .memory_limit(options.memory_limit())
        .memory_sample(MEMORY_SAMPLE)
        .cancel_grace(CANCEL_GRACE)
        .close_timeout(CLOSE_TIMEOUT)
        .queue_deadline(patience(options.deadline));
    Ok(pool.start().await?)
}

/// A job waits for one other at most, and perhaps for a new worker after that: its own time has not
/// begun by then.
fn patience(deadline: Duration) -> Duration {
    const NEW_WORKER: Duration = Duration::from_secs(30);
    deadline + CANCEL_GRACE + NEW_WORKER
}

/// The picture's path is sent as bytes: it need not be text.
fn job(placement: &Placement, options: &Options) -> Job {
    let path = placement.picture.as_os_str().as_bytes();
    // The file, the small picture and the program itself need memory too.
    let unpacked = options.memory_limit() / 4 * 3;
    Job::new(Bytes::copy_from_slice(path))
        .name("thumbnail")
        .metadata(shrink::SIZE, options.size.to_string())
        .metadata(shrink::UNPACKED, unpacked.to_string())
        .deadline(options.deadline)
}

/// What became of a picture.
struct Done {
    placement: Placement,
    worker: Option<WorkerId>,
    launch_latency: Option<Duration>,
    result: Result<Bytes, NoThumbnail>,
}

#[derive(Debug, thiserror::Error)]
enum NoThumbnail {
    #[error("not launched: {0}")]
    Launch(#[from] LaunchError),
    #[error("{}", reason(.0))]
    Job(#[from] JobError),
}

async fn thumbnail(pool: Pool, job: Job, placement: Placement) -> Done {
    let (mut worker, mut launch_latency) = (None, None);
    let result = async {
        let mut handle = pool.launch(job).await?;
        worker = handle.worker();
        handle.started().await?;
        launch_latency = handle.launch_latency();
        Ok(handle.output().await?)
    }
    .await;
    Done {
        placement,
        worker,
        launch_latency,
        result,
    }
}

/// Writes the thumbnail, right here: it is a few kilobytes, and nothing can come between its
/// beginning and its end.
fn settle(done: Done, summary: &mut Summary, progress: &mut Progress) {
    summary.workers.extend(done.worker);
    summary.launch_latencies.extend(done.launch_latency);
    let reason = match done.result {
        Ok(jpeg) => match done.placement.write(&jpeg) {
            Ok(()) => None,
            Err(error) => Some(format!("its thumbnail cannot be written: {error}")),
        },
        // The pool was closed by Ctrl-C before it had a worker for it.
        Err(NoThumbnail::Launch(LaunchError::Refused(Refusal::Closed))) => return,
        Err(error) => Some(one_line(&error.to_string())),
    };
    let picture = done.placement.picture;
    progress.picture(&picture, reason.as_deref());
    match reason {
        None => summary.ok += 1,
        Some(reason) => summary.failed.push(Failed { picture, reason }),
    }
}

/// Read after the picture's name.
fn reason(error: &JobError) -> String {
    match error {
        JobError::DeadlineExceeded { deadline } => {
            format!("stopped at its deadline of {}", time(*deadline))
        }
        // Nobody else cancels.
        JobError::Cancelled => "stopped by Ctrl-C".into(),
        JobError::Lost { report, .. } => format!("lost: {report}"),
        error => error.to_string(),
    }
}

/// A panic in a task is a panic here.
fn unpanic<T>(joined: Result<T, JoinError>) -> T {
    match joined {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
