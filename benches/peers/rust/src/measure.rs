//! What is measured, for any pool that echoes bytes.

use std::error::Error;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why there is no figure.
pub(crate) enum Failure {
    /// The peer has nothing that could be measured this way.
    Unable(String),
    /// It has, but it went wrong.
    Failed(String),
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

#[derive(Deserialize)]
pub(crate) struct Plan {
    pub(crate) peer: String,
    pub(crate) what: String,
    pub(crate) payload: usize,
    pub(crate) workers: usize,
    pub(crate) depth: usize,
    pub(crate) jobs: usize,
    pub(crate) warm_up: usize,
}

/// Microseconds a job; jobs a second.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) per_second: Option<f64>,
}

/// Workers that give back what they are sent.
pub(crate) trait Pool: Sized {
    fn open(plan: &Plan) -> Outcome<Self>;

    /// How the bytes travel.
    const NOTE: &str;

    /// One job on a warm worker.
    fn echo(&mut self, content: &[u8]) -> Outcome<Vec<u8>>;

    /// `jobs` jobs, at most `depth` of them in flight.
    fn echo_in_flight(&mut self, content: &[u8], jobs: usize, depth: usize) -> Outcome;

    /// One job in a new process of its own.
    fn echo_once(content: &[u8]) -> Outcome<Vec<u8>>;

    /// Ends the workers and awaits their ends.
    fn close(self) -> Outcome;
}

pub(crate) fn measure<P: Pool>(plan: &Plan) -> Outcome<(Figures, String)> {
    let content: Vec<u8> = (0..=250).cycle().take(plan.payload).collect();
    let note = P::NOTE;
    match plan.what.as_str() {
        "round_trip" => Ok((round_trip::<P>(plan, &content)?, note.to_owned())),
        "throughput" => Ok((throughput::<P>(plan, &content)?, note.to_owned())),
        "launch" => Ok((
            launch::<P>(plan, &content)?,
            format!("{note}; nothing is prewarmed: spawn until the first result"),
        )),
        "spawn" => Ok((
            spawn::<P>(plan, &content)?,
            format!("{note}; a new pool until its first result"),
        )),
        other => Err(Failure::Failed(format!("no measurement '{other}'"))),
    }
}

fn round_trip<P: Pool>(plan: &Plan, content: &[u8]) -> Outcome<Figures> {
    let mut pool = P::open(plan)?;
    let times = timed(plan, content, || pool.echo(content))?;
    pool.close()?;
    let total: Duration = times.iter().sum();
    Ok(Figures {
        per_second: Some(plan.jobs as f64 / total.as_secs_f64()),
        ..of_times(times)
    })
}

fn throughput<P: Pool>(plan: &Plan, content: &[u8]) -> Outcome<Figures> {
    let mut pool = P::open(plan)?;
    // Each worker has a job at least, so that none starts while the clock runs.
    pool.echo_in_flight(
        content,
        plan.warm_up.max(4 * plan.workers),
        plan.depth.max(plan.workers),
    )?;
    let begin = Instant::now();
    pool.echo_in_flight(content, plan.jobs, plan.depth)?;
    let took = begin.elapsed();
    expect(&pool.echo(content)?, content)?;
    pool.close()?;
    Ok(Figures {
        per_second: Some(plan.jobs as f64 / took.as_secs_f64()),
        ..Figures::default()
    })
}

fn launch<P: Pool>(plan: &Plan, content: &[u8]) -> Outcome<Figures> {
    timed(plan, content, || P::echo_once(content)).map(of_times)
}

fn spawn<P: Pool>(plan: &Plan, content: &[u8]) -> Outcome<Figures> {
    let mut times = Vec::with_capacity(plan.jobs);
    for _ in 0..plan.warm_up + plan.jobs {
        let begin = Instant::now();
        let mut pool = P::open(plan)?;
        let answer = pool.echo(content)?;
        times.push(begin.elapsed());
        expect(&answer, content)?;
        pool.close()?;
    }
    Ok(of_times(times.split_off(plan.warm_up)))
}

/// Submits `jobs` jobs and receives as many results, at most `window` of them apart, in one thread:
/// for a peer whose submitting never blocks.
pub(crate) fn in_turn(
    jobs: usize,
    window: usize,
    mut submit: impl FnMut() -> Outcome,
    mut receive: impl FnMut() -> Outcome,
) -> Outcome {
    let first = window.min(jobs);
    (0..first).try_for_each(|_| submit())?;
    (first..jobs).try_for_each(|_| receive().and_then(|()| submit()))?;
    (0..first).try_for_each(|_| receive())
}

/// The same with a thread for each direction: sending blocks when a socket is full, and so does a
/// worker that sends back; in one thread each could wait for the other.
pub(crate) fn at_once(
    jobs: usize,
    window: usize,
    mut submit: impl FnMut() -> Outcome + Send,
    mut receive: impl FnMut() -> Outcome,
) -> Outcome {
    if window == 1 {
        return in_turn(jobs, window, submit, receive);
    }
    let (credits, returned) = sync_channel(window);
    thread::scope(|scope| {
        let submitter = scope.spawn(move || {
            // No credit is taken when the receiving side has given up, which tells why.
            (0..jobs)
                .take_while(|_| credits.send(()).is_ok())
                .try_for_each(|_| submit())
        });
        let received = (0..jobs).try_for_each(|_| receive().and_then(|()| Ok(returned.recv()?)));
        drop(returned);
        received.and(submitter.join().expect("no submitter panics"))
    })
}

/// How long each job took, the warm-up left out.
fn timed(
    plan: &Plan,
    content: &[u8],
    mut job: impl FnMut() -> Outcome<Vec<u8>>,
) -> Outcome<Vec<Duration>> {
    let mut times = Vec::with_capacity(plan.warm_up + plan.jobs);
    for _ in 0..plan.warm_up + plan.jobs {
        let begin = Instant::now();
        let answer = job()?;
        times.push(begin.elapsed());
        expect(&answer, content)?;
    }
    Ok(times.split_off(plan.warm_up))
}

fn of_times(mut times: Vec<Duration>) -> Figures {
    times.sort_unstable();
    let rank = |quantile: f64| {
        let at = (quantile * times.len() as f64).ceil() as usize - 1;
        Some(times[at].as_nanos() as f64 / 1e3)
    };
    Figures {
        p50_us: rank(0.50),
        p99_us: rank(0.99),
        per_second: None,
    }
}

fn expect(answer: &[u8], content: &[u8]) -> Outcome {
    if answer == content {
        return Ok(());
    }
    let (came, went) = (answer.len(), content.len());
    Err(Failure::Failed(format!(
        "{came} bytes came back that are not the {went} that were sent"
    )))
}
