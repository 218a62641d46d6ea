//! Workers that are replaced while they serve: by age, by memory, and by a reload.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crew;

use crew::{Crew, Starts, at, crashed, ms, no_such_file, policy, secs, too_slow, worker};
use greenroom_supervision::PoolPolicy;
use greenroom_supervision::pool::{Due, PoolAction, PoolNotice, Refusal};

/// Workers that run any number of jobs.
fn reused(idle: usize) -> PoolPolicy {
    PoolPolicy {
        jobs_per_worker: None,
        ..policy(idle)
    }
}

fn aging(idle: usize) -> PoolPolicy {
    PoolPolicy {
        max_age: Some(secs(100)),
        ..reused(idle)
    }
}

/// With no room for anybody else.
fn full(idle: usize) -> PoolPolicy {
    PoolPolicy {
        max_workers: idle,
        ..reused(idle)
    }
}

fn notices(crew: &Crew) -> Vec<PoolNotice> {
    let notice = |action: &PoolAction| match action {
        PoolAction::Notice(notice) => Some(notice.clone()),
        _ => None,
    };
    crew.log
        .iter()
        .filter_map(|(_, action)| notice(action))
        .collect()
}

fn programs(crew: &Crew) -> Vec<u64> {
    crew.held.values().map(|held| held.program).collect()
}

// ---- age and memory

#[test]
fn an_old_worker_leaves_when_another_is_ready_in_its_place() {
    let mut crew = Crew::warm(aging(3));
    crew.run_for(secs(1_000));
    assert!(crew.started_at().len() > 20, "{:?}", crew.started_at());
    assert_eq!(crew.fewest_ready, Some(3));
    assert_eq!(crew.held.len(), 3);
}

#[test]
fn even_where_there_is_no_room_there_is_room_for_one_replacement() {
    let policy = PoolPolicy {
        max_workers: 3,
        ..aging(3)
    };
    let mut crew = Crew::warm(policy);
    crew.run_for(secs(1_000));
    assert!(crew.started_at().len() > 20);
    assert_eq!(crew.fewest_ready, Some(3));
}

#[test]
fn workers_that_began_together_do_not_grow_old_together() {
    let mut crew = Crew::warm(aging(4));
    crew.run_for(secs(101));
    let due = |action: &PoolAction| matches!(action, PoolAction::Notice(PoolNotice::Due { .. }));
    let mut times: Vec<_> = crew
        .log
        .iter()
        .filter(|(_, action)| due(action))
        .map(|(at, _)| *at)
        .collect();
    times.dedup();
    assert_eq!(times.len(), 4, "{times:?}");
    assert!(times[0] >= at(secs(90)), "at most a tenth earlier");
}

#[test]
fn a_busy_worker_that_is_due_finishes_its_job() {
    let mut crew = Crew::warm(reused(1));
    let request = crew.request().unwrap();
    let busy = crew.place_of(request).unwrap();
    crew.run_for(secs(1));
    crew.outgrown(busy);
    crew.run_for(secs(50));
    assert!(crew.held.contains_key(&busy), "it still works");
    crew.release(busy, true);
    crew.run_for(secs(1));
    assert!(!crew.held.contains_key(&busy));
    assert!(crew.noticed(&PoolNotice::Due {
        worker: busy,
        due: Due::Memory
    }));
}

#[test]
fn workers_are_replaced_even_if_jobs_wait_all_the_time() {
    let mut crew = Crew::warm(PoolPolicy {
        max_age: Some(secs(10)),
        ..full(2)
    });
    crew.works = Some(ms(500));
    for _ in 0..400 {
        while crew.waiting.len() < 4 {
            crew.request().unwrap();
        }
        crew.run_for(ms(250));
    }
    assert!(crew.started_at().len() >= 16, "{:?}", crew.started_at());
    assert!(crew.fewest_ready >= Some(2), "{:?}", crew.fewest_ready);
    assert_eq!(crew.refusals(), []);
}

#[test]
fn a_worker_is_due_once() {
    let mut crew = Crew::warm(full(1));
    crew.starting = secs(5);
    crew.outgrown(worker(0, 0));
    crew.outgrown(worker(0, 0));
    let due = notices(&crew)
        .iter()
        .filter(|notice| matches!(notice, PoolNotice::Due { .. }))
        .count();
    assert_eq!(due, 1);
}

// ---- reload

#[test]
fn a_reload_tries_the_new_program_in_one_worker_first() {
    let mut crew = Crew::warm(reused(4));
    crew.starting = secs(1);
    assert_eq!(crew.reload(), Some(1));
    assert_eq!(programs(&crew).iter().sum::<u64>(), 1);
    crew.run_for(secs(20));
    assert_eq!(programs(&crew), [1; 4]);
    assert_eq!(crew.fewest_ready, Some(4));
    let news: Vec<_> = notices(&crew)
        .into_iter()
        .filter(|notice| !matches!(notice, PoolNotice::Due { .. }))
        .collect();
    let expected = [
        PoolNotice::Warm,
        PoolNotice::ReloadProven { program: 1 },
        PoolNotice::Reloaded { program: 1 },
    ];
    assert_eq!(news, expected);
}

#[test]
fn a_reload_costs_no_place_and_one_worker_more_at_most() {
    for idle in 1..6 {
        let mut crew = Crew::warm(full(idle));
        crew.works = Some(ms(30));
        crew.reload();
        // `Crew` checks that there is never more than one worker too many.
        for _ in 0..300 {
            drop(crew.request());
            crew.run_for(ms(20));
        }
        assert!(
            programs(&crew).iter().all(|program| *program == 1),
            "{:?}",
            programs(&crew)
        );
        assert!(
            crew.fewest_ready >= Some(idle),
            "{:?} of {idle}",
            crew.fewest_ready
        );
        assert_eq!(crew.refusals(), []);
    }
}

#[test]
fn a_program_that_does_not_get_ready_is_given_up_and_nothing_else_changes() {
    let mut crew = Crew::warm(reused(3));
    let before: Vec<_> = crew.held.keys().copied().collect();
    crew.new_starts = Some(Starts::Fail(too_slow()));
    crew.reload();
    crew.run_for(secs(3_600));
    let failed = PoolNotice::ReloadFailed {
        program: 1,
        reason: too_slow(),
        failures: 3,
    };
    assert!(crew.noticed(&failed), "{:?}", notices(&crew));
    assert_eq!(crew.held.keys().copied().collect::<Vec<_>>(), before);
    assert_eq!(crew.pool.degraded(), None);
    assert_eq!(crew.started_at().len(), 3 + 3);
}

#[test]
fn a_program_that_is_not_there_is_given_up_at_once() {
    let mut crew = Crew::warm(reused(1));
    crew.new_starts = Some(Starts::Fail(no_such_file()));
    crew.reload();
    crew.run_for(secs(1));
    let failed = PoolNotice::ReloadFailed {
        program: 1,
        reason: no_such_file(),
        failures: 1,
    };
    assert!(crew.noticed(&failed));
}

#[test]
fn workers_that_are_needed_meanwhile_are_of_the_proven_program() {
    let mut crew = Crew::warm(reused(2));
    crew.new_starts = Some(Starts::Fail(crashed()));
    crew.reload();
    crew.dies(worker(0, 0), &crashed());
    crew.run_for(secs(60));
    assert_eq!(programs(&crew), [0, 0]);
}

#[test]
fn a_second_reload_takes_the_place_of_the_first() {
    let mut crew = Crew::warm(reused(2));
    crew.starting = secs(5);
    crew.reload();
    crew.run_for(secs(1));
    assert_eq!(crew.reload(), Some(2));
    crew.run_for(secs(60));
    assert_eq!(programs(&crew), [2, 2]);
    assert!(crew.noticed(&PoolNotice::ReloadGivenUp { program: 1 }));
    assert!(!crew.noticed(&PoolNotice::ReloadProven { program: 1 }));
}

#[test]
fn a_pool_that_cannot_start_its_program_is_helped_by_a_reload() {
    let mut crew = Crew::with(reused(2), |crew| crew.starts = Starts::Fail(crashed()));
    crew.run_for(secs(120));
    assert!(matches!(crew.request(), Err(Refusal::Unavailable { .. })));
    crew.new_starts = Some(Starts::Ready { slots: 1 });
    crew.reload();
    crew.run_for(secs(1));
    assert_eq!(programs(&crew), [1, 1]);
    assert!(crew.noticed(&PoolNotice::Recovered));
    crew.request().unwrap();
}

#[test]
fn a_pool_without_idle_workers_has_the_new_program_too() {
    let mut crew = Crew::new(reused(0));
    crew.reload();
    crew.run_for(secs(60));
    assert!(crew.noticed(&PoolNotice::Reloaded { program: 1 }));
    crew.request().unwrap();
    crew.run_for(secs(1));
    assert_eq!(programs(&crew), [1]);
}

#[test]
fn a_pool_that_ends_gives_up_its_reload() {
    for drain in [true, false] {
        let mut crew = Crew::warm(reused(2));
        crew.starting = secs(5);
        crew.reload();
        if drain {
            crew.drain();
        } else {
            crew.close();
        }
        assert!(crew.noticed(&PoolNotice::ReloadGivenUp { program: 1 }));
        assert_eq!(crew.reload(), None);
        crew.run_to_end();
    }
}
