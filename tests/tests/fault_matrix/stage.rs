//! A pool of two workers in which cells are played, one after the other.

use std::sync::Arc;
use std::time::Duration;

use greenroom::{
    CrashReport, EventKind, ExitReason, Job, JobError, JobHandle, Pool, Reservation, State, Worker,
    WorkerId,
};
use greenroom_tests::{Scratch, Story, is_there, within};

use super::cell::{Cell, Fault};
use super::table::{CLOSE, End, GOOD_OUTPUT, INITIALIZE, JOBS_PER_WORKER, PING};

/// How many seconds anything here may take. Only a hang takes as long.
const SOON: u64 = 60;
pub(crate) const WORKERS: usize = 2;

/// The pool. Whatever in it is not as it must be is a panic.
pub(crate) struct Stage {
    /// The file that says which fault is next. The worker that takes it away commits that.
    token: String,
    pool: Pool,
    /// Since the last cell.
    story: Story,
    /// How many workers the pool must count as lost.
    lost: u64,
    _scratch: Scratch,
}

/// What became of a job.
struct Ran {
    worker: WorkerId,
    output: String,
    result: Result<(), JobError>,
}

impl Stage {
    /// A new pool, in which nobody is faulty yet.
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let token = scratch.file("token");
        let program = Worker::command(env!("CARGO_BIN_EXE_faulty")).arg(&token);
        let quick = Duration::from_millis(10);
        let pool = Pool::builder(program)
            .idle(WORKERS)
            .max_workers(WORKERS)
            .jobs_per_worker(JOBS_PER_WORKER)
            .initialize_timeout(INITIALIZE)
            .ping_interval(Duration::from_millis(100))
            .ping_timeout(PING)
            .close_timeout(CLOSE)
            .backoff(quick, quick)
            .start_in_background();
        let (pool, events) = pool.expect("such a pool can be had");
        Self {
            token,
            pool,
            story: Story::new(events),
            lost: 0,
            _scratch: scratch,
        }
    }

    /// Plays a cell: from the start of its worker until the pool is whole again, and has shown it.
    pub(crate) async fn play(&mut self, cell: Cell) {
        let faulty = self.start_the_faulty_one(cell).await;
        for job in 1..=cell.jobs() {
            let ran = self.run_jobs(cell).await;
            let (its, good): (Vec<_>, Vec<_>) = ran.iter().partition(|ran| is(ran.worker, &faulty));
            assert_eq!((its.len(), good.len()), (1, 1), "{faulty} is faulty");
            is_well(good[0]);
            if job < cell.jobs() {
                is_well(its[0]);
            } else {
                meets_the_fault(its[0], cell);
            }
        }
        if cell.end() != End::Serves {
            is_its_end(cell, &*self.report_of(&faulty).await);
        }
        self.get_whole().await;
        self.run_good_jobs().await;
        self.get_whole().await;
        self.judge_the_others(&faulty);
        self.lost += u64::from(!matches!(cell.end(), End::Clean | End::Serves));
        self.story = Story::new(self.pool.events());
    }

    /// Closes the pool.
    pub(crate) async fn close(mut self) {
        within(SOON, self.pool.close()).await;
        self.story.to_the_end().await;
        self.judge_the_others("");
        let stats = within(SOON, self.pool.stats()).await;
        assert_eq!(stats.workers_lost, self.lost, "{stats:?}");
    }

    // ---- workers

    /// The name of the next worker that starts, which commits the fault. The other one is good.
    async fn start_the_faulty_one(&mut self, cell: Cell) -> String {
        self.get_whole().await;
        std::fs::write(&self.token, cell.to_string()).expect("the token can be laid down");
        while std::fs::exists(&self.token).expect("it can be looked for") {
            // Every other time they are the last ones of their workers, and new workers start.
            self.run_good_jobs().await;
            self.get_whole().await;
        }
        let taken = format!("{}.taken", self.token);
        std::fs::read_to_string(taken).expect("who takes it leaves a name")
    }

    /// Waits until both workers are there and idle, and nobody else is.
    async fn get_whole(&mut self) {
        loop {
            let stats = within(SOON, self.pool.stats()).await;
            let others = stats.starting + stats.busy + stats.leaving;
            if stats.idle == WORKERS && others + stats.waiting + stats.running == 0 {
                return;
            }
            // Whatever changes the numbers is an event.
            self.story.until(|_| true).await;
        }
    }

    async fn report_of(&mut self, name: &str) -> Arc<CrashReport> {
        loop {
            let reports = self.story.reports();
            if let Some(report) = reports.into_iter().find(|report| is(report.worker, name)) {
                return report;
            }
            let closed = |kind: &EventKind| matches!(kind, EventKind::Closed { .. });
            self.story.until(closed).await;
        }
    }

    /// Nobody else was hurt, and all that have ended are gone.
    fn judge_the_others(&self, faulty: &str) {
        for report in self.story.reports() {
            let pid = report.pid.expect("it ran");
            assert!(!is_there(pid), "process {pid} is still there: {report}");
            if !is(report.worker, faulty) {
                assert_eq!(report.reason, ExitReason::Clean, "of a good worker");
            }
        }
    }

    // ---- jobs

    async fn run_good_jobs(&mut self) {
        for ran in self.run_jobs(None).await {
            is_well(&ran);
        }
    }

    /// Runs a job in each of the two workers, at the same time.
    async fn run_jobs(&self, cell: impl Into<Option<Cell>>) -> [Ran; WORKERS] {
        // What a worker does not read must be something: more input than the socket holds.
        let deaf = |cell: Cell| cell.fault == Fault::StopReading;
        let input = vec![
            0;
            if cell.into().is_some_and(deaf) {
                1 << 20
            } else {
                0
            }
        ];
        let launch = |place: Reservation| within(SOON, place.launch(Job::new(input.clone())));
        let first = within(SOON, self.pool.reserve()).await.expect("a worker");
        let second = within(SOON, self.pool.reserve()).await.expect("a worker");
        let first = launch(first).await.expect("a job");
        let second = launch(second).await.expect("a job");
        [follow(first).await, follow(second).await]
    }
}

async fn follow(mut job: JobHandle) -> Ran {
    let mut output = Vec::new();
    while let Some(chunk) = within(SOON, job.chunk()).await {
        output.extend_from_slice(&chunk);
    }
    Ran {
        worker: job.worker().expect("it was launched"),
        output: String::from_utf8(output).expect("all output is text"),
        result: within(SOON, job.finished()).await,
    }
}

fn is(worker: WorkerId, name: &str) -> bool {
    worker.to_string() == name
}

fn is_well(ran: &Ran) {
    if let Err(error) = &ran.result {
        panic!("a good job has failed: {error}");
    }
    assert_eq!(ran.output, GOOD_OUTPUT, "the output of a good job");
}

fn meets_the_fault(ran: &Ran, cell: Cell) {
    let (output, ends_well) = cell.output();
    match &ran.result {
        Ok(()) => assert!(ends_well, "its job went well"),
        Err(JobError::Lost { report, started }) => {
            is_its_end(cell, report);
            assert!(!ends_well, "a job that was finished is lost: {report}");
            assert!(started, "its handler had begun");
            assert_eq!((report.worker, report.jobs.len()), (ran.worker, 1));
        }
        Err(error) => panic!("the faulty worker's job has ended otherwise: {error}"),
    }
    assert_eq!(ran.output, output, "the output of the faulty worker's job");
}

fn is_its_end(cell: Cell, report: &CrashReport) {
    let is_it = cell.is_reason(&report.reason);
    assert!(is_it, "it came to {:?}", report.reason);
    let was_ready = report.journey.iter().any(|(at, _)| *at == State::Ready);
    assert_eq!(was_ready, cell.gets_ready(), "ready: {:?}", report.journey);
}
