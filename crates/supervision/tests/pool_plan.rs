//! What a pool does in the situations it is made for, told in simulated time.

mod crew;

use std::time::Duration;

use crew::{Crew, Starts, at, crashed, ms, no_such_file, policy, secs, too_slow, worker};
use greenroom_protocol::ShutdownReason;
use greenroom_supervision::PoolPolicy;
use greenroom_supervision::pool::{PoolAction, PoolNotice, Refusal};

fn reused(idle: usize) -> PoolPolicy {
    PoolPolicy {
        jobs_per_worker: None,
        ..policy(idle)
    }
}

// ---- warm

#[test]
fn warm_up_starts_as_many_at_a_time_as_may_initialize() {
    let narrow = PoolPolicy {
        init_concurrency: 2,
        ..policy(5)
    };
    let crew = Crew::warm(narrow);
    let (a, b, c) = (at(ms(0)), at(ms(100)), at(ms(200)));
    assert_eq!(crew.started_at(), [a, a, b, b, c]);
    assert_eq!(crew.pool.free_places(), 5);
    assert_eq!(crew.now, at(ms(300)));
}

#[test]
fn three_idle_workers_and_two_launches_bring_two_replacements() {
    let mut crew = Crew::warm(policy(3));
    let first = crew.request().unwrap();
    let second = crew.request().unwrap();
    assert_ne!(crew.place_of(first), crew.place_of(second));
    crew.run_for(secs(1));
    assert_eq!(crew.started_at().len(), 5);
    assert_eq!(crew.pool.free_places(), 3);
    crew.run_for(secs(3_600));
    assert_eq!(crew.started_at().len(), 5, "and then it rests");
    crew.close();
    crew.run_to_end();
    assert_eq!(
        crew.asked_to_leave().len(),
        5,
        "each worker that it started"
    );
}

#[test]
fn a_launch_takes_a_worker_at_once_if_one_is_idle() {
    let mut crew = Crew::warm(policy(1));
    let now = crew.now;
    let request = crew.request().unwrap();
    assert_eq!(crew.place_of(request), Some(worker(0, 0)));
    assert_eq!(crew.now, now);
}

#[test]
fn a_pool_without_idle_workers_starts_them_on_demand() {
    let mut crew = Crew::new(policy(0));
    assert_eq!(crew.started_at(), []);
    let request = crew.request().unwrap();
    crew.run_for(ms(100));
    assert_eq!(crew.place_of(request), Some(worker(0, 0)));
    crew.release(worker(0, 0), true);
    crew.run_for(secs(60));
    assert!(crew.held.is_empty());
    assert_eq!(crew.pool.poll_timeout(), None);
}

#[test]
fn all_slots_of_a_worker_count_as_places() {
    let mut crew = Crew::with(reused(4), |crew| {
        crew.starts = Starts::Ready { slots: 4 };
    });
    crew.run_for(secs(1));
    crew.run_for(secs(120));
    assert_eq!(crew.pool.free_places(), 4, "what was too much has left");
    let places: Vec<_> = (0..4).map(|_| crew.request().unwrap()).collect();
    crew.run_for(ms(0));
    let workers: Vec<_> = places.iter().map(|r| crew.place_of(*r)).collect();
    assert!(workers.iter().all(|place| *place == workers[0]));
}

#[test]
fn the_target_can_be_raised_and_lowered() {
    let mut crew = Crew::warm(reused(2));
    crew.set_target_idle(6);
    crew.run_for(secs(1));
    assert_eq!(crew.pool.free_places(), 6);
    crew.set_target_idle(1);
    crew.run_for(secs(25));
    assert_eq!(crew.pool.free_places(), 6, "they linger");
    crew.run_for(secs(10));
    assert_eq!(crew.pool.free_places(), 1);
    let surplus = crew.asked_to_leave();
    assert_eq!(surplus.len(), 5);
    assert!(
        surplus
            .iter()
            .all(|(_, reason)| *reason == ShutdownReason::SURPLUS)
    );
    crew.set_target_idle(usize::MAX);
    crew.run_for(secs(60));
    assert_eq!(crew.pool.free_places(), policy(2).max_workers);
}

#[test]
fn what_a_burst_left_over_lingers_and_leaves() {
    let mut crew = Crew::warm(reused(1));
    crew.works = Some(secs(2));
    for _ in 0..6 {
        crew.request().unwrap();
    }
    crew.run_for(secs(5));
    assert_eq!(crew.assignments().len(), 6);
    let grown = crew.held.len();
    assert!(grown > 1);
    crew.run_for(secs(20));
    assert_eq!(crew.held.len(), grown);
    crew.run_for(secs(20));
    assert_eq!(crew.held.len(), 1);
}

// ---- bounds

#[test]
fn there_are_never_more_workers_than_may_be() {
    let small = PoolPolicy {
        max_workers: 3,
        ..policy(2)
    };
    let mut crew = Crew::warm(small);
    for _ in 0..10 {
        crew.request().unwrap();
    }
    crew.run_for(secs(5));
    assert_eq!(crew.held.len(), 3);
    assert_eq!(crew.pool.waiting(), 7);
    // A worker that is asked to leave holds its place until it is gone.
    crew.leaving = secs(1);
    crew.release(worker(0, 0), true);
    crew.run_for(ms(900));
    assert_eq!(crew.assignments().len(), 3);
    crew.run_for(secs(1));
    assert_eq!(crew.assignments().len(), 4);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let short = PoolPolicy {
        queue: 2,
        max_workers: 1,
        ..policy(1)
    };
    let mut crew = Crew::warm(short);
    crew.request().unwrap();
    crew.request().unwrap();
    let third = crew.request().unwrap();
    assert_eq!(crew.request(), Err(Refusal::Saturated { waiting: 2 }));
    assert!(crew.withdraw(third));
    assert!(!crew.withdraw(third));
    crew.request().unwrap();
}

#[test]
fn a_request_that_waits_too_long_is_refused() {
    let one = PoolPolicy {
        max_workers: 1,
        queue_deadline: secs(3),
        ..policy(1)
    };
    let mut crew = Crew::warm(one);
    crew.request().unwrap();
    let late = crew.request().unwrap();
    crew.run_for(ms(2_999));
    assert_eq!(crew.refusals(), []);
    crew.run_for(ms(1));
    let waited = secs(3);
    assert_eq!(crew.refusals(), [(late, Refusal::QueueDeadline { waited })]);
}

#[test]
fn a_host_that_was_frozen_refuses_nobody_for_it() {
    let one = PoolPolicy {
        max_workers: 1,
        queue_deadline: secs(3),
        ..policy(1)
    };
    let mut crew = Crew::warm(one);
    crew.request().unwrap();
    crew.request().unwrap();
    let frozen_until = crew.now + secs(600);
    crew.pool.handle_timeout(frozen_until);
    assert_eq!(crew.pool.poll_action(), None);
    crew.pool.handle_timeout(frozen_until + ms(100));
    assert!(matches!(
        crew.pool.poll_action(),
        Some(PoolAction::Refuse(_, Refusal::QueueDeadline { .. }))
    ));
}

#[test]
fn a_request_that_waited_for_a_start_that_failed_hears_why() {
    let patient = PoolPolicy {
        start_attempts: 100,
        queue_deadline: secs(3),
        ..policy(1)
    };
    let mut crew = Crew::with(patient, |crew| crew.starts = Starts::Fail(crashed()));
    let request = crew.request().unwrap();
    crew.run_for(secs(3));
    assert!(matches!(
        &crew.refusals()[..],
        [(refused, Refusal::Unavailable { reason, .. })]
            if *refused == request && *reason == crashed()
    ));
}

#[test]
fn requests_are_served_in_their_order_and_those_that_lost_their_worker_first() {
    let one = PoolPolicy {
        max_workers: 1,
        ..policy(1)
    };
    let mut crew = Crew::warm(one);
    let unlucky = crew.request().unwrap();
    let others = [crew.request().unwrap(), crew.request().unwrap()];
    crew.request_again(unlucky);
    crew.dies(worker(0, 0), &crashed());
    crew.works = Some(ms(10));
    crew.run_for(secs(5));
    let order: Vec<_> = crew.assignments().into_iter().map(|(r, _)| r).collect();
    assert_eq!(order, [unlucky, unlucky, others[0], others[1]]);
}

// ---- failures

#[test]
fn failed_starts_are_tried_again_in_batches_that_back_off() {
    let two = PoolPolicy {
        init_concurrency: 2,
        ..policy(2)
    };
    let mut crew = Crew::with(two, |crew| crew.starts = Starts::Fail(too_slow()));
    crew.run_for(secs(20));
    let mut batches = crew.started_at();
    batches.dedup();
    assert_eq!(
        crew.started_at().len(),
        batches.len() * 2,
        "always two at once"
    );
    let gaps: Vec<_> = batches
        .windows(2)
        .map(|pair| pair[1].since(pair[0]))
        .collect();
    assert!(gaps.len() >= 3, "{gaps:?}");
    // Jitter takes at most half, two failures quadruple: each gap is longer than the one before.
    assert!(gaps.windows(2).all(|pair| pair[1] > pair[0]), "{gaps:?}");
    assert!(gaps[0] >= ms(300) && gaps[0] <= ms(500), "{gaps:?}");
}

#[test]
fn a_pool_that_cannot_start_workers_says_why_and_recovers() {
    let mut crew = Crew::with(policy(1), |crew| {
        crew.starts = Starts::Fail(too_slow());
    });
    let waiting = crew.request().unwrap();
    crew.run_for(secs(20));
    let (reason, failures) = crew.pool.degraded().map(|(n, r)| (r.clone(), *n)).unwrap();
    assert_eq!(reason, too_slow());
    assert!(failures >= 3);
    let [(refused, Refusal::Unavailable { reason, failures })] = &crew.refusals()[..] else {
        panic!("{:?}", crew.refusals());
    };
    assert_eq!((*refused, reason), (waiting, &too_slow()));
    let failures = *failures;
    assert!(crew.noticed(&PoolNotice::Degraded {
        reason: too_slow(),
        failures,
    }));
    let at_once = crew.request();
    assert!(matches!(at_once, Err(Refusal::Unavailable { .. })));

    crew.starts = Starts::Ready { slots: 1 };
    crew.run_for(secs(31));
    assert!(crew.noticed(&PoolNotice::Recovered));
    assert_eq!(crew.pool.degraded(), None);
    let request = crew.request().unwrap();
    crew.run_for(secs(1));
    assert!(crew.place_of(request).is_some());
}

#[test]
fn a_pool_without_idle_workers_recovers_too() {
    let mut crew = Crew::with(policy(0), |crew| {
        crew.starts = Starts::Fail(too_slow());
    });
    crew.request().unwrap();
    crew.run_for(secs(20));
    assert!(crew.pool.degraded().is_some());
    crew.starts = Starts::Ready { slots: 1 };
    crew.run_for(secs(31));
    assert_eq!(crew.pool.degraded(), None);
    let request = crew.request().unwrap();
    crew.run_for(secs(31));
    assert!(crew.place_of(request).is_some());
}

#[test]
fn a_worker_on_its_last_job_is_no_reason_to_keep_others_waiting() {
    let mut crew = Crew::warm(policy(1));
    crew.starts = Starts::Fail(too_slow());
    crew.request().unwrap();
    let waiting = crew.request().unwrap();
    crew.run_for(secs(5));
    let told = crew.refusals();
    assert!(
        matches!(&told[..], [(refused, Refusal::Unavailable { .. })] if *refused == waiting),
        "{told:?}"
    );
}

#[test]
fn a_worker_that_can_take_the_next_job_is_worth_waiting_for() {
    let mut crew = Crew::warm(reused(1));
    crew.starts = Starts::Fail(too_slow());
    crew.request().unwrap();
    let waiting = crew.request().unwrap();
    crew.run_for(secs(20));
    assert_eq!(crew.refusals(), []);
    crew.release(worker(0, 0), true);
    assert_eq!(crew.place_of(waiting), Some(worker(0, 0)));
}

#[test]
fn a_program_that_is_not_there_is_refused_at_the_first_failure() {
    let mut crew = Crew::with(policy(1), |crew| {
        crew.starts = Starts::Fail(no_such_file());
        crew.starting = ms(1);
    });
    crew.request().unwrap();
    crew.run_for(ms(1));
    let refused = crew.refusals();
    assert!(
        matches!(&refused[..], [(_, Refusal::Unavailable { reason, failures: 1 })] if *reason == no_such_file()),
        "{refused:?}"
    );
}

#[test]
fn an_idle_worker_that_dies_is_replaced_at_once() {
    let mut crew = Crew::warm(policy(3));
    crew.run_for(secs(5));
    let now = crew.now;
    crew.dies(worker(1, 0), &crashed());
    assert_eq!(crew.started_at()[3..], [now]);
    crew.run_for(ms(100));
    assert!(
        crew.held.contains_key(&worker(1, 1)),
        "the same place, a new generation"
    );
}

#[test]
fn a_worker_that_is_about_to_die_gets_no_job_and_is_replaced() {
    let mut crew = Crew::warm(policy(1));
    crew.unavailable(worker(0, 0));
    assert_eq!(crew.pool.free_places(), 0);
    assert_eq!(crew.asked_to_leave(), [], "nobody can be asked");
    let request = crew.request().unwrap();
    assert_eq!(crew.place_of(request), None);
    crew.run_for(ms(100));
    assert_eq!(crew.place_of(request), Some(worker(1, 0)));
}

#[test]
fn workers_that_die_again_and_again_are_not_replaced_again_and_again() {
    for starting in [ms(1), ms(100), ms(1_000)] {
        for idle in [1, 4] {
            let mut crew = Crew::with(reused(idle), |crew| {
                crew.starting = starting;
                crew.lives = Some(ms(10));
            });
            crew.run_for(secs(600));
            // Delays of at least 0, 0.1, 0.2 … s; a batch may start before its first has died.
            let most = crew.most_starts_within(secs(10));
            assert!(most <= 8 * idle, "{most} starts in 10 s, {idle} idle");
            let later = crew
                .started_at()
                .iter()
                .filter(|t| **t > at(secs(60)))
                .count();
            assert!(
                later <= 45 * idle,
                "{later} starts in 9 minutes, {idle} idle"
            );
        }
    }
}

#[test]
fn a_failure_after_much_quiet_is_a_first_one_again() {
    let mut crew = Crew::warm(reused(1));
    for generation in 0..20 {
        crew.run_for(secs(61));
        let now = crew.now;
        crew.dies(worker(0, generation), &crashed());
        assert_eq!(*crew.started_at().last().unwrap(), now);
    }
}

#[test]
fn a_worker_that_dies_on_duty_is_not_counted_as_one_that_cannot_live() {
    let mut crew = Crew::warm(reused(1));
    for _ in 0..10 {
        let request = crew.request().unwrap();
        crew.run_for(secs(1));
        let place = crew.place_of(request).unwrap();
        crew.dies(place, &crashed());
    }
    crew.run_for(ms(100));
    assert_eq!(crew.pool.free_places(), 1, "it is there without delay");
}

// ---- replaced before they are retired

#[test]
fn a_worker_on_its_last_job_is_replaced_before_it_leaves() {
    let thrice = PoolPolicy {
        jobs_per_worker: Some(3),
        ..policy(1)
    };
    let mut crew = Crew::with(thrice, |crew| crew.starts = Starts::Ready { slots: 4 });
    crew.run_for(secs(1));
    crew.request().unwrap();
    crew.request().unwrap();
    assert_eq!(crew.started_at().len(), 1, "it can take one more");
    crew.request().unwrap();
    assert_eq!(crew.started_at()[1..], [crew.now], "and now no more");
    crew.run_for(ms(100));
    assert!(crew.pool.free_places() >= 1, "its successor is ready");
    for _ in 0..3 {
        assert_eq!(crew.asked_to_leave(), []);
        crew.release(worker(0, 0), true);
    }
    assert_eq!(
        crew.asked_to_leave(),
        [(worker(0, 0), ShutdownReason::RETIRED)]
    );
}

#[test]
fn a_worker_that_wants_to_retire_finishes_and_leaves() {
    let mut crew = Crew::warm(reused(1));
    crew.request().unwrap();
    crew.run_for(secs(1));
    crew.retire(worker(0, 0));
    assert_eq!(crew.asked_to_leave(), []);
    crew.release(worker(0, 0), true);
    assert_eq!(
        crew.asked_to_leave(),
        [(worker(0, 0), ShutdownReason::RETIRED)]
    );
}

#[test]
fn a_reservation_that_was_given_back_costs_the_worker_nothing() {
    let mut crew = Crew::warm(policy(1));
    for _ in 0..5 {
        let request = crew.request().unwrap();
        assert_eq!(crew.place_of(request), Some(worker(0, 0)));
        crew.release(worker(0, 0), false);
        // A release that is told twice gives nothing either.
        crew.release_again(worker(0, 0));
    }
    crew.run_for(ms(1));
    assert_eq!(crew.asked_to_leave(), []);
    let request = crew.request().unwrap();
    assert_eq!(crew.place_of(request), Some(worker(0, 0)));
    crew.release(worker(0, 0), true);
    assert_eq!(
        crew.asked_to_leave(),
        [(worker(0, 0), ShutdownReason::RETIRED)]
    );
}

#[test]
fn a_place_is_filled_again_only_when_it_is_empty_and_its_generation_rises() {
    let mut crew = Crew::warm(policy(1));
    crew.works = Some(ms(1));
    crew.leaving = ms(500);
    for _ in 0..20 {
        crew.request().unwrap();
        crew.run_for(ms(200));
    }
    crew.run_for(secs(2));
    let highest = crew
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            PoolAction::Start { worker, .. } => Some(worker.generation),
            _ => None,
        })
        .max();
    // `Crew` checks each start; here it is enough that places were used again.
    assert!(highest >= Some(3), "{highest:?}");
}

// ---- the end

#[test]
fn draining_takes_nothing_new_and_finishes_what_is_there() {
    let one = PoolPolicy {
        max_workers: 1,
        ..policy(1)
    };
    let mut crew = Crew::warm(one);
    crew.works = Some(secs(2));
    crew.request().unwrap();
    let queued = crew.request().unwrap();
    crew.drain();
    assert_eq!(crew.request(), Err(Refusal::Closed));
    crew.run_to_end();
    assert!(crew.place_of(queued).is_some(), "what was taken is run");
    assert_eq!(crew.refusals(), []);
}

#[test]
fn draining_an_idle_pool_closes_it() {
    let mut crew = Crew::warm(policy(3));
    crew.drain();
    crew.drain();
    crew.run_to_end();
    assert_eq!(crew.asked_to_leave().len(), 3);
}

#[test]
fn closing_refuses_what_waits_and_asks_everybody_to_leave() {
    let one = PoolPolicy {
        max_workers: 1,
        ..policy(1)
    };
    let mut crew = Crew::warm(one);
    crew.request().unwrap();
    let queued = crew.request().unwrap();
    crew.close();
    crew.close();
    assert_eq!(crew.refusals(), [(queued, Refusal::Closed)]);
    assert_eq!(crew.request(), Err(Refusal::Closed));
    crew.run_to_end();
    assert_eq!(
        crew.asked_to_leave(),
        [(worker(0, 0), ShutdownReason::REQUESTED)]
    );
    assert_eq!(crew.pool.poll_timeout(), None);
}

#[test]
fn closing_a_pool_that_is_still_warming_up_leaves_nobody_behind() {
    let mut crew = Crew::new(policy(4));
    crew.run_for(ms(50));
    crew.close();
    crew.run_to_end();
    assert_eq!(crew.started_at().len(), crew.asked_to_leave().len());
}

#[test]
fn closing_a_pool_that_cannot_start_workers_ends_at_once() {
    let mut crew = Crew::with(policy(1), |crew| {
        crew.starts = Starts::Fail(too_slow());
    });
    crew.run_for(secs(20));
    crew.close();
    crew.run_to_end();
    assert!(crew.now <= at(secs(21)));
}

#[test]
fn limits_under_which_nothing_could_run_are_refused() {
    type Change = fn(&mut PoolPolicy);
    let cases: [(&str, Change); 8] = [
        ("max_workers", |p| p.max_workers = 0),
        ("max_workers", |p| p.max_workers = usize::MAX),
        ("init_concurrency", |p| p.init_concurrency = 0),
        ("queue", |p| p.queue = 0),
        ("idle", |p| p.idle = p.max_workers + 1),
        ("jobs_per_worker", |p| p.jobs_per_worker = Some(0)),
        ("queue_deadline", |p| p.queue_deadline = Duration::ZERO),
        ("backoff", |p| p.backoff.initial = Duration::ZERO),
    ];
    for (option, change) in cases {
        let mut limits = policy(4);
        assert_eq!(limits.check(), Ok(()));
        change(&mut limits);
        assert_eq!(limits.check().unwrap_err().option, option);
    }
}
