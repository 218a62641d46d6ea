//! Whatever happens to a pool, in whatever order, these hold.
//!
//! `Crew` checks each action of the plan: a place is never filled twice, no worker gets more jobs
//! than it has slots or may have in its life, nobody is given a job after it was asked to leave, a
//! key that so many workers have died of never runs again until it is released and no other is
//! refused for its key, there are never too many workers, each request has one answer, and nothing follows the end.
//! A schedule is a list of plain numbers, so that a failing one shrinks to a short one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crew;

use crew::{Crew, Starts, crashed, ms, no_such_file, secs, too_slow};
use greenroom_supervision::Backoff;
use greenroom_supervision::pool::{OnChangedBuild, Refusal, RequestId};
use greenroom_supervision::{PoolPolicy, WorkerId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// The same schedules in every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for others.
fn config(cases: u32, seed: u64) -> Config {
    let given = Config::default();
    Config {
        cases: given.cases.max(cases),
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(seed),
            fixed => fixed,
        },
        failure_persistence: None,
        ..given
    }
}

fn some_policy() -> impl Strategy<Value = PoolPolicy> {
    (
        0..5_usize,
        1..7_usize,
        proptest::option::of(1..4_u64),
        1..5_usize,
        1..8_usize,
        any::<u64>(),
        proptest::option::of(1..30_u64),
        (proptest::option::of(1..4_u32), any::<bool>()),
    )
        .prop_map(
            |(idle, max, jobs, init_concurrency, queue, seed, age, (deaths, refuse))| PoolPolicy {
                idle: idle.min(max),
                max_workers: max,
                jobs_per_worker: jobs,
                init_concurrency,
                queue,
                queue_deadline: secs(20),
                seed,
                max_age: age.map(secs),
                quarantine_after: deaths,
                on_changed_build: if refuse {
                    OnChangedBuild::Refuse
                } else {
                    OnChangedBuild::Warn
                },
                ..PoolPolicy::for_processors(1)
            },
        )
}

fn choices() -> impl Strategy<Value = Vec<(u8, u16)>> {
    proptest::collection::vec(any::<(u8, u16)>(), 0..60)
}

/// A worker for which this holds, if there is one.
fn some_worker(crew: &Crew, arg: u16, fits: impl Fn(&crew::Held) -> bool) -> Option<WorkerId> {
    let fitting: Vec<_> = crew
        .held
        .iter()
        .filter(|(_, held)| fits(held))
        .map(|(worker, _)| *worker)
        .collect();
    let at = usize::from(arg).checked_rem(fitting.len())?;
    Some(fitting[at])
}

/// Few enough that some are met again and again.
const KEYS: [&str; 3] = ["a", "b", "c"];

fn some_key(arg: u16) -> &'static str {
    KEYS[usize::from(arg) % KEYS.len()]
}

fn step(crew: &mut Crew, choice: u8, arg: u16) {
    let ready = |held: &crew::Held| held.slots > 0;
    match choice % 33 {
        0..=3 => drop(crew.request()),
        4 | 5 | 27 | 28 => drop(crew.request_with(some_key(arg))),
        6 | 7 => crew.run_for(ms(u64::from(arg) % 500)),
        8 => crew.run_for(ms(u64::from(arg))),
        9 => {
            // A host that was frozen finds everything at once.
            crew.now = crew.now + ms(u64::from(arg));
            crew.wake();
        }
        10..=12 => {
            if let Some(worker) = some_worker(crew, arg, |held| held.busy > 0) {
                if arg & 0x400 == 0 {
                    crew.release(worker, arg & 0x100 != 0);
                } else {
                    crew.succeed(worker);
                }
            }
        }
        29 | 30 => {
            let deadly = |held: &crew::Held| held.keys.iter().any(Option::is_some);
            if let Some(worker) = some_worker(crew, arg, deadly) {
                crew.dies(worker, &crashed());
            }
        }
        31 => drop(crew.release_key(some_key(arg))),
        32 => crew.build = ["", "one", "two"][usize::from(arg % 3)],
        13 => {
            if let Some(worker) = some_worker(crew, arg, |_| true) {
                on_duty_first(crew, worker, arg);
                crew.dies(worker, &crashed());
            }
        }
        14 => {
            if let Some(worker) = some_worker(crew, arg, ready) {
                crew.retire(worker);
            }
        }
        15 => {
            if let Some(worker) = some_worker(crew, arg, |_| true) {
                crew.unavailable(worker);
            }
        }
        16 => {
            if let Some(request) = crew.waiting.first().copied() {
                assert!(crew.withdraw(request));
            }
        }
        17 => assert!(!crew.withdraw(RequestId(u64::MAX))),
        18 => crew.set_target_idle(usize::from(arg % 8)),
        19 => crew.starts = Starts::Fail(too_slow()),
        20 if arg.is_multiple_of(4) => crew.starts = Starts::Fail(no_such_file()),
        21 | 22 => {
            crew.starts = Starts::Ready {
                slots: 1 + usize::from(arg % 3),
            }
        }
        23 if arg.is_multiple_of(16) => crew.drain(),
        23 if arg % 16 == 1 => crew.close(),
        24 => drop(crew.reload()),
        25 => {
            let fails = Starts::Fail(too_slow());
            crew.new_starts = (arg & 1 == 0).then_some(fails);
        }
        26 => {
            if let Some(worker) = some_worker(crew, arg, ready) {
                crew.outgrown(worker);
            }
        }
        _ => strangers_change_nothing(crew),
    }
}

/// A job that its dying worker had not begun wants another place.
fn on_duty_first(crew: &mut Crew, worker: WorkerId, arg: u16) {
    let had = crew.held[&worker].busy > 0;
    let last = crew
        .assignments()
        .into_iter()
        .rev()
        .find(|(_, w)| *w == worker);
    if let Some((request, _)) = last
        && had
        && arg & 0x200 != 0
        && !crew.waiting.contains(&request)
    {
        crew.unavailable(worker);
        crew.request_again(request);
    }
}

fn strangers_change_nothing(crew: &mut Crew) {
    let stranger = WorkerId {
        slot: 0,
        generation: u64::MAX,
    };
    let before = format!("{:?}", crew.pool);
    crew.pool.handle_ready(crew.now, stranger, 1, "strange");
    crew.pool
        .handle_died_of(crew.now, stranger, &"a".into(), &crashed());
    crew.pool.handle_retiring(crew.now, stranger);
    crew.pool.handle_unavailable(crew.now, stranger);
    crew.pool.handle_released(crew.now, stranger, true);
    crew.pool.handle_exited(crew.now, stranger, &crashed());
    let worker = crew.held.iter().find(|(_, held)| held.slots > 0);
    if let Some((worker, held)) = worker {
        crew.pool
            .handle_ready(crew.now, *worker, held.slots + 1, "strange");
    }
    assert_eq!(before, format!("{:?}", crew.pool));
}

fn run(policy: PoolPolicy, choices: Vec<(u8, u16)>) -> Crew {
    let mut crew = Crew::new(policy);
    for (choice, arg) in choices {
        step(&mut crew, choice, arg);
    }
    crew
}

/// From here on workers start, and jobs end.
fn all_goes_well(crew: &mut Crew) {
    crew.new_starts = None;
    crew.build = "";
    crew.starts = Starts::Ready { slots: 1 };
    crew.works = Some(ms(50));
    while let Some(worker) = some_worker(crew, 0, |held| held.busy > 0) {
        crew.release(worker, true);
    }
}

proptest! {
    #![proptest_config(config(20_000, 3))]

    #[test]
    fn any_schedule_ends_closed_once_it_is_asked_to(
        policy in some_policy(),
        choices in choices(),
        drains: bool,
    ) {
        let mut crew = run(policy, choices);
        if drains {
            all_goes_well(&mut crew);
            crew.drain();
        } else {
            crew.close();
        }
        crew.run_to_end();
        prop_assert_eq!(crew.pool.poll_timeout(), None);
        crew.wake();
        crew.close();
        crew.drain();
        prop_assert_eq!(crew.request(), Err(Refusal::Closed));
    }

    #[test]
    fn whatever_waits_is_served_once_workers_start_and_jobs_end(
        policy in some_policy(),
        choices in choices(),
    ) {
        let ages = policy.max_age.is_some();
        let mut crew = run(policy, choices);
        if crew.closed {
            return Ok(());
        }
        all_goes_well(&mut crew);
        // The longest backoff, so that the last failures are forgotten.
        crew.run_for(secs(31));
        prop_assert_eq!(crew.waiting.len(), 0);
        if crew.pool.is_open() {
            prop_assert_eq!(crew.pool.degraded(), None);
            let request = crew.request().unwrap();
            crew.run_for(secs(1));
            prop_assert!(crew.place_of(request).is_some());
            crew.run_for(secs(120));
            let rested = crew.started_at().len();
            // Workers that grow old never rest.
            if !ages {
                crew.run_for(secs(3_600));
                prop_assert_eq!(crew.started_at().len(), rested, "and then it rests");
            }
        }
    }
}

proptest! {
    #![proptest_config(config(2_000, 4))]

    #[test]
    fn failing_starts_are_few_in_any_ten_seconds(
        policy in some_policy(),
        starting in 0..2_000_u64,
        lives in proptest::option::of(0..5_000_u64),
        demanding: bool,
    ) {
        let initial = Backoff::default().initial;
        let together = policy.init_concurrency;
        // Those that follow old workers are no failures.
        let policy = PoolPolicy { max_age: None, ..policy };
        let mut crew = Crew::with(policy, |crew| {
            crew.starting = ms(starting);
            match lives {
                Some(lives) => crew.lives = Some(ms(lives)),
                None => crew.starts = Starts::Fail(too_slow()),
            }
        });
        for _ in 0..60 {
            if demanding {
                drop(crew.request());
            }
            if let Some(worker) = some_worker(&crew, 0, |held| held.busy > 0) {
                crew.release(worker, false);
            }
            crew.run_for(secs(1));
        }
        // Half of 0.2, 0.4, 0.8 … s: ten seconds hold the first start and seven more, each with as
        // many as may start at once, and once more those that were ready when the first one died.
        // A worker that dies on duty is replaced at once: one for each of the ten requests.
        let on_duty = if demanding { 10 } else { 0 };
        prop_assert!(initial >= ms(200));
        let most = crew.most_starts_within(secs(10));
        prop_assert!(most <= 9 * together + 6 + on_duty, "{} starts of {} at once", most, together);
    }
}
