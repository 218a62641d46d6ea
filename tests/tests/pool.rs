//! A pool keeps as many workers warm as it was told, replaces them, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use greenroom::{
    EventKind, ExitReason, ExitStatus, InitializePhase, LaunchError, Pool, PoolNotice, Refusal,
    StartError, Worker,
};
use greenroom_tests::{Scratch, Story, begun, is_there, job, job_with, lines, text, waits, within};

const MINUTES: Duration = Duration::from_secs(600);

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

fn is_created(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Created { .. })
}

fn is_ready(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Ready { .. })
}

fn is_closed(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Closed { .. })
}

fn is_warm(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Pool(PoolNotice::Warm))
}

/// Every worker that was ever started is gone.
fn assert_nobody_is_left(story: &Story) {
    for pid in story.pids() {
        assert!(!is_there(pid), "process {pid} is still there");
    }
}

#[tokio::test]
async fn three_idle_workers_and_two_jobs_make_five_workers_that_all_leave_with_code_0() {
    let scratch = Scratch::new();
    let (prepared, told) = (scratch.file("prepared"), scratch.file("told"));
    let worker = puppet().args(["--counter", &prepared]);
    let (pool, events) = Pool::builder(worker).idle(3).start_in_background().unwrap();
    let mut story = Story::new(events);

    story.until(is_warm).await;
    assert_eq!(story.count(is_created), 3);
    assert_eq!(story.pids().len(), 3);
    assert_eq!(story.count(is_ready), 3);
    assert_eq!(lines(&prepared).len(), 3);

    let mut handles = Vec::new();
    for _ in 0..2 {
        let long = job("until_shutdown").metadata("announce", "1");
        let long = long.metadata("on_shutdown", &told);
        handles.push(within(20, pool.launch(long)).await.unwrap());
    }
    for handle in &mut handles {
        begun(handle).await;
    }
    story.until_count(5, is_ready).await;
    assert_eq!(story.count(is_created), 5, "one replacement for each job");
    assert_eq!(story.pids().len(), 5);
    assert_eq!(lines(&prepared).len(), 5);
    let stats = pool.stats().await;
    assert_eq!((stats.idle, stats.busy, stats.starting), (3, 2, 0));
    assert_eq!((stats.running, stats.launched), (2, 2));
    assert_eq!(stats.workers_created, 5);

    within(20, pool.close()).await;
    story.to_the_end().await;
    for handle in handles {
        assert_eq!(text(&handle.output().await.unwrap()), "requested");
    }
    assert_eq!(lines(&told), ["callback requested"; 2]);
    let reports = story.reports();
    assert_eq!(reports.len(), 5);
    for report in reports {
        assert_eq!(report.reason, ExitReason::Clean);
        assert_eq!(report.status, Some(ExitStatus::Code(0)));
    }
    assert_nobody_is_left(&story);
}

#[tokio::test]
async fn events_come_in_order_and_without_gaps() {
    let (pool, events) = Pool::builder(puppet())
        .idle(2)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    for _ in 0..4 {
        let handle = within(20, pool.launch(job("echo"))).await.unwrap();
        handle.output().await.unwrap();
    }
    within(20, pool.close()).await;
    story.to_the_end().await;

    let numbers = story.seen().iter().map(|event| event.sequence);
    assert!(numbers.eq(0..story.seen().len() as u64));
    assert!(story.seen().is_sorted_by_key(|event| event.at));
    let mut lives = std::collections::BTreeMap::<_, Vec<_>>::new();
    for event in story.seen() {
        let (worker, what) = match &event.kind {
            EventKind::Created { worker } => (*worker, "created"),
            EventKind::Started { worker, .. } => (*worker, "started"),
            EventKind::Ready { worker, .. } => (*worker, "ready"),
            EventKind::JobLaunched { worker, .. } => (*worker, "launched"),
            EventKind::JobFinished { worker, error, .. } => {
                assert!(error.is_none(), "{error:?}");
                (*worker, "finished")
            }
            EventKind::Closed { report } => (report.worker, "closed"),
            _ => continue,
        };
        lives.entry(worker).or_default().push(what);
    }
    let whole = [
        "created", "started", "ready", "launched", "finished", "closed",
    ];
    let served = lives.values().filter(|life| life[..] == whole).count();
    assert_eq!(served, 4, "{lives:?}");
    for life in lives.values() {
        let expected: Vec<_> = whole
            .into_iter()
            .filter(|what| life.contains(what))
            .collect();
        assert_eq!(*life, expected);
        assert!(life.contains(&"closed"));
    }
}

#[tokio::test]
async fn workers_that_initialize_too_slowly_are_killed_and_tried_again_with_backoff() {
    let scratch = Scratch::new();
    let prepared = scratch.file("prepared");
    let slow = ["--counter", &prepared, "--initialize-sleep-ms", "600000"];
    let timeout = Duration::from_secs(1);
    let backoff = Duration::from_millis(400);
    let (pool, events) = Pool::builder(puppet().args(slow))
        .idle(2)
        .init_concurrency(2)
        .initialize_timeout(timeout)
        .backoff(backoff, backoff)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);

    story.until_count(2, is_closed).await;
    let refused = within(20, pool.launch(job("echo"))).await.unwrap_err();
    assert_is_timeout(&refused, timeout);
    story.until_count(4, is_closed).await;
    let at = |which: fn(&EventKind) -> bool, number: usize| {
        let mut times = story.seen().iter().filter(|event| which(&event.kind));
        times.nth(number).unwrap().at
    };
    // Half of the delay is fixed, half is drawn.
    assert!(at(is_created, 2) >= at(is_closed, 0) + backoff / 2);

    within(20, pool.close()).await;
    story.to_the_end().await;
    for report in story.reports() {
        assert_ne!(report.status, Some(ExitStatus::Code(0)));
    }
    for report in &story.reports()[..4] {
        let reason = ExitReason::InitializeTimeout {
            phase: InitializePhase::Handshake,
            after: timeout,
        };
        assert_eq!(report.reason, reason);
        let killed = ExitStatus::Signal {
            signal: 9,
            core: false,
        };
        assert_eq!(report.status, Some(killed));
    }
    assert_eq!(story.count(is_ready), 0);
    assert_eq!(story.count(is_created), story.reports().len());
    assert_nobody_is_left(&story);
}

#[track_caller]
fn assert_is_timeout(error: &LaunchError, limit: Duration) {
    let LaunchError::Refused(Refusal::Unavailable { reason, failures }) = error else {
        panic!("{error:?}");
    };
    assert!(*failures >= 3, "{error:?}");
    assert!(
        matches!(reason, ExitReason::InitializeTimeout { after, .. } if *after == limit),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("was not ready after 1s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_launch_that_no_worker_can_serve_fails_with_the_workers_own_words() {
    let worker = puppet().args(["--initialize-fail", "the licence has expired"]);
    let (pool, events) = Pool::builder(worker)
        .idle(0)
        .backoff(Duration::from_millis(10), Duration::from_millis(10))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);

    let refused = within(20, pool.launch(job("echo"))).await.unwrap_err();
    let LaunchError::Refused(Refusal::Unavailable { reason, failures }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(*failures, 3);
    let message = "the licence has expired".to_owned();
    assert_eq!(*reason, ExitReason::InitializeFailed { message });
    assert!(refused.to_string().contains("the licence has expired"));
    let stats = pool.stats().await;
    assert_eq!((stats.waiting, stats.running, stats.launched), (0, 0, 0));

    // Nothing is wanted any more, so nothing is tried any more.
    story.until_count(3, is_closed).await;
    let stats = pool.stats().await;
    assert_eq!((stats.starting, stats.idle, stats.leaving), (0, 0, 0));
    assert_eq!(stats.workers_created, 3);
    within(20, pool.close()).await;
    story.to_the_end().await;
    for report in story.reports() {
        assert_eq!(report.status, Some(ExitStatus::Code(1)));
    }
    assert_nobody_is_left(&story);
}

#[tokio::test]
async fn a_pool_of_workers_that_fail_does_not_start_and_says_why() {
    let failing = ["--initialize-print", "looking in /models"];
    let worker = puppet()
        .args(failing)
        .args(["--initialize-fail", "no model file"]);
    let builder = Pool::builder(worker).idle(2);
    let builder = builder.backoff(Duration::from_millis(10), Duration::from_millis(10));
    let error = within(20, builder.start()).await.unwrap_err();
    let StartError::NotReady { refusal, report } = &error else {
        panic!("{error:?}");
    };
    let Refusal::Unavailable { reason, .. } = refusal else {
        panic!("{refusal:?}");
    };
    assert!(
        matches!(reason, ExitReason::InitializeFailed { message } if message == "no model file")
    );
    assert!(error.to_string().contains("no model file"), "{error}");
    let lines = &report.as_ref().unwrap().last_lines;
    assert!(
        lines.iter().any(|line| line == "looking in /models"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_pool_recovers_when_its_workers_do() {
    let scratch = Scratch::new();
    let starts = scratch.file("starts");
    let worker = puppet().args(["--counter", &starts, "--initialize-fail-first", "3"]);
    let (pool, events) = Pool::builder(worker)
        .idle(1)
        .start_attempts(2)
        .backoff(Duration::from_millis(20), Duration::from_millis(20))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let degraded = |kind: &EventKind| matches!(kind, EventKind::Pool(PoolNotice::Degraded { .. }));
    let recovered = |kind: &EventKind| matches!(kind, EventKind::Pool(PoolNotice::Recovered));
    story.until(degraded).await;
    story.until(recovered).await;
    assert_eq!(lines(&starts).len(), 4);

    let handle = within(20, pool.launch(job_with("echo", "at last"))).await;
    assert_eq!(handle.unwrap().output().await.unwrap(), "at last");
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_serves_as_many_jobs_as_it_may_and_not_one_more() {
    let builder = Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(3);
    let pool = within(20, builder.start()).await.unwrap();
    let mut workers = Vec::new();
    for _ in 0..6 {
        let handle = within(20, pool.launch(job("echo"))).await.unwrap();
        workers.push(handle.worker().unwrap());
        handle.output().await.unwrap();
    }
    let distinct: BTreeSet<_> = workers.iter().collect();
    assert_eq!(distinct.len(), 2, "{workers:?}");
    assert_eq!(workers[..3], [workers[0]; 3]);
    assert_eq!(workers[3..], [workers[3]; 3]);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_with_its_last_job_is_replaced_before_it_leaves() {
    let (pool, events) = Pool::builder(puppet())
        .idle(1)
        .jobs_per_worker(1)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    story.until(is_warm).await;
    let last = job("until_shutdown").metadata("announce", "1");
    let mut handle = within(20, pool.launch(last)).await.unwrap();
    begun(&mut handle).await;
    story.until_count(2, is_ready).await;
    assert_eq!(story.count(is_closed), 0);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn a_worker_without_a_limit_serves_all_jobs() {
    let builder = Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None);
    let pool = within(20, builder.start()).await.unwrap();
    let mut pids = BTreeSet::new();
    for _ in 0..20 {
        let handle = within(20, pool.launch(job("describe"))).await.unwrap();
        pids.insert(pid_in(text(&handle.output().await.unwrap())));
    }
    assert_eq!(pids.len(), 1);
    within(20, pool.close()).await;
}

fn pid_in(description: &str) -> u32 {
    let pid = description
        .lines()
        .find_map(|line| line.strip_prefix("pid="));
    pid.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_worker_with_slots_runs_jobs_side_by_side() {
    let (pool, events) = Pool::builder(puppet().args(["--slots", "4"]))
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let mut handles = Vec::new();
    for _ in 0..4 {
        let waiting = job("until_shutdown").metadata("announce", "1");
        handles.push(within(20, pool.launch(waiting)).await.unwrap());
    }
    for handle in &mut handles {
        begun(handle).await;
    }
    let stats = pool.stats().await;
    assert_eq!((stats.running, stats.busy, stats.idle), (4, 1, 0));
    within(20, pool.close()).await;
    for handle in handles {
        assert_eq!(text(&handle.output().await.unwrap()), "requested");
    }
    story.to_the_end().await;
    assert_eq!(story.pids().len(), 1);
}

#[tokio::test]
async fn max_slots_holds_a_worker_to_fewer_jobs_than_it_offers() {
    let builder = Pool::builder(puppet().args(["--slots", "4"]));
    let builder = builder.idle(1).max_workers(2).max_slots(1);
    let pool = within(20, builder.start()).await.unwrap();
    let mut workers = BTreeSet::new();
    let mut handles = Vec::new();
    for _ in 0..2 {
        let handle = within(20, pool.launch(job("until_shutdown")))
            .await
            .unwrap();
        workers.insert(handle.worker());
        handles.push(handle);
    }
    assert_eq!(workers.len(), 2);
    within(20, pool.close()).await;
}

#[tokio::test]
async fn the_number_of_idle_workers_follows_its_target() {
    let (pool, events) = Pool::builder(puppet())
        .idle(1)
        .max_workers(4)
        .linger(Duration::from_millis(50))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    story.until_count(1, is_ready).await;
    pool.set_target_idle(3);
    story.until_count(3, is_ready).await;
    assert_eq!(pool.stats().await.idle, 3);
    pool.set_target_idle(0);
    story.until_count(3, is_closed).await;
    let stats = pool.stats().await;
    assert_eq!((stats.idle, stats.workers_created), (0, 3));
    // One is started on demand.
    let handle = within(20, pool.launch(job_with("echo", "late")))
        .await
        .unwrap();
    assert_eq!(handle.output().await.unwrap(), "late");
    within(20, pool.close()).await;
    story.to_the_end().await;
    assert!(
        story
            .reports()
            .iter()
            .all(|report| report.reason == ExitReason::Clean)
    );
}

#[tokio::test]
async fn surplus_workers_leave_even_if_their_time_was_over_before_they_were_too_many() {
    let (pool, events) = Pool::builder(puppet())
        .idle(3)
        .linger(Duration::from_millis(1))
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    story.until_count(3, is_ready).await;
    for left in (0..3).rev() {
        // Time itself is what is tested here: they have been idle for much longer than they may.
        tokio::time::sleep(Duration::from_millis(100)).await;
        pool.set_target_idle(left);
        story.until_count(3 - left, is_closed).await;
    }
    within(20, pool.close()).await;
}

#[tokio::test]
async fn there_are_never_more_processes_than_max_workers() {
    let (pool, events) = Pool::builder(puppet())
        .idle(2)
        .max_workers(2)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    let mut launches = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let pool = pool.clone();
        launches.spawn(async move {
            let handle = pool.launch(job("echo")).await.unwrap();
            handle.output().await.unwrap();
        });
    }
    within(60, launches.join_all()).await;
    within(20, pool.close()).await;
    story.to_the_end().await;
    let mut present: usize = 0;
    for event in story.seen() {
        match event.kind {
            EventKind::Created { .. } => present += 1,
            EventKind::Closed { .. } => present -= 1,
            _ => {}
        }
        assert!(present <= 2);
    }
    assert_eq!(present, 0);
}

#[tokio::test]
async fn a_pool_that_drains_finishes_what_runs_and_waits_and_takes_nothing_new() {
    let builder = Pool::builder(puppet())
        .idle(1)
        .max_workers(1)
        .jobs_per_worker(None);
    let (pool, events) = builder.start_in_background().unwrap();
    let mut story = Story::new(events);
    let slow = job("sleep").metadata("ms", "300").metadata("announce", "1");
    let mut running = within(20, pool.launch(slow)).await.unwrap();
    begun(&mut running).await;
    let mut waiting = Box::pin(pool.launch(job_with("echo", "waited")));
    assert!(waits(&mut waiting).await);
    assert_eq!(pool.stats().await.waiting, 1);
    let mut drained = Box::pin(pool.drain(MINUTES));
    assert!(waits(&mut drained).await);
    let refused = within(5, pool.launch(job("echo"))).await.unwrap_err();
    assert!(matches!(refused, LaunchError::Refused(Refusal::Closed)));
    let waited = async { waiting.await.unwrap().output().await };
    let (waited, drained) = within(20, async { tokio::join!(waited, drained) }).await;
    assert_eq!(waited.unwrap(), "waited");
    assert!(drained);
    assert_eq!(running.output().await.unwrap(), "slept");
    story.to_the_end().await;
    assert_nobody_is_left(&story);
}

#[tokio::test]
async fn a_drain_that_takes_too_long_closes() {
    let pool = within(20, Pool::builder(puppet()).idle(1).start())
        .await
        .unwrap();
    let endless = job("until_shutdown").metadata("announce", "1");
    let mut handle = within(20, pool.launch(endless)).await.unwrap();
    begun(&mut handle).await;
    assert!(!within(20, pool.drain(Duration::from_millis(50))).await);
    assert_eq!(handle.output().await.unwrap(), "requested");
}

#[tokio::test]
async fn a_pool_that_nobody_holds_closes() {
    let (pool, events) = Pool::builder(puppet())
        .idle(2)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    story.until(is_warm).await;
    drop(pool);
    story.to_the_end().await;
    assert_eq!(story.reports().len(), 2);
    assert_nobody_is_left(&story);
}

#[tokio::test]
async fn a_pool_that_is_closed_takes_nothing_and_closing_again_is_harmless() {
    let pool = within(20, Pool::builder(puppet()).idle(1).start())
        .await
        .unwrap();
    tokio::join!(within(20, pool.close()), within(20, pool.close()));
    within(20, pool.close()).await;
    let refused = within(5, pool.launch(job("echo"))).await.unwrap_err();
    assert!(matches!(refused, LaunchError::Refused(Refusal::Closed)));
    let refused = within(5, pool.reserve()).await.unwrap_err();
    assert!(matches!(refused, LaunchError::Refused(Refusal::Closed)));
    assert!(within(5, pool.drain(MINUTES)).await);
    let stats = within(5, pool.stats()).await;
    let there = [stats.starting, stats.idle, stats.busy, stats.leaving];
    assert_eq!((there, stats.waiting, stats.running), ([0; 4], 0, 0));
    assert_eq!(stats.workers_created, 1, "what has happened stays known");
    assert!(within(5, pool.events().next()).await.is_none());
    pool.set_target_idle(5);
}

#[tokio::test]
async fn a_pool_that_closes_refuses_what_waits() {
    let builder = Pool::builder(puppet()).idle(1).max_workers(1);
    let pool = within(20, builder.start()).await.unwrap();
    let long = job("until_shutdown").metadata("announce", "1");
    let mut running = within(20, pool.launch(long)).await.unwrap();
    begun(&mut running).await;
    let mut waiting = Box::pin(pool.launch(job("echo")));
    assert!(waits(&mut waiting).await);
    let (refused, ()) = within(20, async { tokio::join!(waiting, pool.close()) }).await;
    assert!(matches!(
        refused.unwrap_err(),
        LaunchError::Refused(Refusal::Closed)
    ));
    assert_eq!(running.output().await.unwrap(), "requested");
}

#[tokio::test]
async fn a_pool_whose_start_is_given_up_leaves_nothing() {
    let scratch = Scratch::new();
    let starts = scratch.file("starts");
    let worker = puppet().args(["--counter", &starts, "--initialize-sleep-ms", "600000"]);
    let (pool, events) = Pool::builder(worker).idle(2).start_in_background().unwrap();
    let mut story = Story::new(events);
    story
        .until_count(2, |kind| matches!(kind, EventKind::Started { .. }))
        .await;
    within(20, pool.close()).await;
    story.to_the_end().await;
    for report in story.reports() {
        assert!(
            matches!(report.reason, ExitReason::Requested { .. }),
            "{report}"
        );
    }
    assert_nobody_is_left(&story);
}

#[tokio::test]
async fn stats_count_each_job_and_worker_once() {
    let (pool, events) = Pool::builder(puppet())
        .idle(1)
        .start_in_background()
        .unwrap();
    let mut story = Story::new(events);
    story.until(is_warm).await;
    let ok = within(20, pool.launch(job("echo"))).await.unwrap();
    ok.output().await.unwrap();
    let failed = within(20, pool.launch(job_with("fail", "no")))
        .await
        .unwrap();
    failed.output().await.unwrap_err();
    let lost = within(20, pool.launch(job("abort"))).await.unwrap();
    lost.output().await.unwrap_err();
    story.until_count(3, is_closed).await;
    story.until_count(4, is_ready).await;
    let stats = pool.stats().await;
    assert_eq!((stats.launched, stats.succeeded, stats.failed), (3, 1, 2));
    assert_eq!((stats.workers_created, stats.workers_lost), (4, 1));
    assert_eq!(
        (stats.starting, stats.idle, stats.busy, stats.leaving),
        (0, 1, 0, 0)
    );
    assert_eq!((stats.waiting, stats.running), (0, 0));
    within(20, pool.close()).await;
}
