//! A worker's program that is replaced on disk under a running host is noticed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use greenroom::{
    EventKind, ExitReason, LaunchError, OnChangedBuild, Pool, PoolBuilder, PoolNotice, Refusal,
    Worker, WorkerId,
};
use greenroom_tests::{Kill, Scratch, Story, job_with, kill, within};

const MINUTES: Duration = Duration::from_secs(600);

/// A program that can be replaced.
struct Program {
    scratch: Scratch,
    path: String,
}

impl Program {
    fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.file("worker");
        fs::copy(env!("CARGO_BIN_EXE_puppet"), &path).unwrap();
        Self { scratch, path }
    }

    /// As a package manager does it: another file takes its name. It does the same as before.
    fn replace(&self) {
        let new = self.scratch.file("new");
        fs::copy(&self.path, &new).unwrap();
        let mut file = OpenOptions::new().append(true).open(&new).unwrap();
        file.write_all(b"\n").unwrap();
        drop(file);
        fs::rename(&new, &self.path).unwrap();
    }

    /// How the library names the file that is there now.
    fn build(&self) -> String {
        let file = fs::metadata(&self.path).unwrap();
        format!(
            "{:x}-{:x}-{:x}.{:x}",
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec()
        )
    }

    fn worker(&self) -> Worker {
        Worker::command(&self.path)
    }
}

/// Workers that take any number of jobs, and are tried again soon.
fn pool(worker: Worker) -> PoolBuilder {
    Pool::builder(worker)
        .idle(1)
        .max_workers(4)
        .jobs_per_worker(None)
        .linger(MINUTES)
        .backoff(Duration::from_millis(10), Duration::from_millis(50))
}

fn is_ready(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Ready { .. })
}

fn is_change(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Pool(PoolNotice::ProgramChanged { .. }))
}

/// Kills the worker that was ready last.
fn kill_last(story: &Story) {
    let last = *story.ready().last().unwrap();
    kill(story.pid(last), Kill::Now);
}

/// Kills the worker that was ready last, and waits until another is.
async fn succession(story: &mut Story) -> WorkerId {
    kill_last(story);
    match story.until(is_ready).await {
        EventKind::Ready { worker, .. } => worker,
        _ => unreachable!("nothing else was waited for"),
    }
}

async fn works(pool: &Pool) {
    let handle = within(30, pool.launch(job_with("echo", "here"))).await;
    let output = within(30, handle.unwrap().output()).await;
    assert_eq!(output.unwrap(), "here");
}

#[tokio::test]
async fn a_replaced_program_is_noticed_once_and_serves() {
    let program = Program::new();
    let before = program.build();
    let (pool, events) = pool(program.worker()).start_in_background().unwrap();
    let mut story = Story::new(events);
    story.until(is_ready).await;
    succession(&mut story).await;
    assert_eq!(story.count(is_change), 0);

    program.replace();
    let worker = succession(&mut story).await;
    works(&pool).await;
    let expected = PoolNotice::ProgramChanged {
        worker,
        expected: before,
        found: program.build(),
        refused: false,
    };
    story.until(is_change).await;
    let told = |kind: &EventKind| matches!(kind, EventKind::Pool(notice) if *notice == expected);
    assert_eq!(story.count(told), 1, "{:?}", story.seen());
    // Every build is told once.
    succession(&mut story).await;
    program.replace();
    succession(&mut story).await;
    succession(&mut story).await;
    works(&pool).await;
    within(20, pool.close()).await;
    story.to_the_end().await;
    assert_eq!(story.count(is_change), 2);
}

#[tokio::test]
async fn a_reload_takes_the_new_program_as_the_one_that_is_expected() {
    let program = Program::new();
    let builder = pool(program.worker()).on_changed_build(OnChangedBuild::Refuse);
    let (pool, events) = builder.start_in_background().unwrap();
    let mut story = Story::new(events);
    story.until(is_ready).await;
    program.replace();
    within(30, pool.reload(program.worker())).await.unwrap();
    let reloaded = PoolNotice::Reloaded { program: 1 };
    story
        .until(|kind| matches!(kind, EventKind::Pool(notice) if *notice == reloaded))
        .await;
    succession(&mut story).await;
    works(&pool).await;
    within(20, pool.close()).await;
    story.to_the_end().await;
    assert_eq!(story.count(is_change), 0);
}

#[tokio::test]
async fn a_replaced_program_that_is_refused_leaves_and_the_pool_serves_with_those_it_has() {
    let program = Program::new();
    let builder = pool(program.worker())
        .idle(2)
        .on_changed_build(OnChangedBuild::Refuse);
    let (pool, events) = builder.start_in_background().unwrap();
    let mut story = Story::new(events);
    story.until_count(2, is_ready).await;
    program.replace();
    kill_last(&story);
    let change = story.until(is_change).await;
    let EventKind::Pool(PoolNotice::ProgramChanged {
        worker: refused,
        refused: true,
        ..
    }) = change
    else {
        panic!("{change:?}");
    };
    let gone =
        |kind: &EventKind| matches!(kind, EventKind::Closed { report } if report.worker == refused);
    let EventKind::Closed { report } = story.until(gone).await else {
        unreachable!("nothing else was waited for")
    };
    assert_eq!(report.reason, ExitReason::Clean);
    works(&pool).await;

    // Once the last one is gone, everybody is told why there is none.
    kill(story.pid(story.ready()[0]), Kill::Now);
    story
        .until(|kind| matches!(kind, EventKind::Pool(PoolNotice::Degraded { .. })))
        .await;
    let error = within(30, pool.launch(job_with("echo", ""))).await;
    let error = error.unwrap_err();
    assert!(
        matches!(
            &error,
            LaunchError::Refused(Refusal::Unavailable {
                reason: ExitReason::ProgramChanged { .. },
                ..
            })
        ),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.contains("the program on disk was replaced; call Pool::reload to take it"),
        "{words}"
    );

    within(30, pool.reload(program.worker())).await.unwrap();
    works(&pool).await;
    within(20, pool.close()).await;
    story.to_the_end().await;
    // No refused worker was ever said to be ready.
    for event in story.seen() {
        if let EventKind::Pool(PoolNotice::ProgramChanged { worker, .. }) = &event.kind {
            assert!(!story.ready().contains(worker), "{worker}");
        }
    }
}

#[tokio::test]
async fn a_worker_that_names_its_build_itself_or_none_is_taken_at_its_word() {
    for build in ["", "release 7"] {
        let program = Program::new();
        let worker = program.worker().args(["--build", build]);
        let builder = pool(worker).on_changed_build(OnChangedBuild::Refuse);
        let (pool, events) = builder.start_in_background().unwrap();
        let mut story = Story::new(events);
        story.until(is_ready).await;
        program.replace();
        succession(&mut story).await;
        works(&pool).await;
        within(20, pool.close()).await;
        story.to_the_end().await;
        assert_eq!(story.count(is_change), 0, "{build:?}");
    }
}
