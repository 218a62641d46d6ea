//! Starts in any window never exceed the limit, whatever the children do and people command.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_supervision::restart::{Restart, RestartPolicy};
use greenroom_supervision::supervisor::{Escalation, Group, Strategy, SupervisorPolicy};
use greenroom_supervision::unit::{Condition, Readiness, UnitSpec, UnitState};
use greenroom_supervision::{Backoff, Time};
use hall::{Child, Hall, after, code, daemon, ms, secs, signal, spawn_failure, terminate_within};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The same schedules in every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for others.
fn config(seed: u64) -> Config {
    let given = Config::default();
    Config {
        cases: given.cases.max(5_000),
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(seed),
            fixed => fixed,
        },
        failure_persistence: None,
        ..given
    }
}

fn pick<T: Copy>(from: &[T], by: u16) -> T {
    from[by as usize % from.len()]
}

fn child(by: u16) -> Child {
    let random = ms(u64::from(by) * 3);
    let life = pick(&[ms(10), ms(300), ms(1_200), secs(59), random], by);
    let exit = match by >> 3 & 7 {
        0 => code(0),
        1 => signal(11),
        _ => code(1),
    };
    Child {
        refused: (by >> 6 & 7 == 0).then(|| spawn_failure(false)),
        spawn: Some(ms(u64::from(by >> 9 & 3))),
        yields: match by >> 11 & 3 {
            0 => None,
            1 => Some((ms(700), code(0))),
            _ => Some((Duration::ZERO, signal(15))),
        },
        dies: Some(ms(u64::from(by >> 13 & 1) * 50)),
        ..Child::ends(life, exit)
    }
}

fn policy(by: u16) -> RestartPolicy {
    let retry_after = (by >> 6 & 3 == 0).then_some(secs(600));
    let (window, max) = match (by >> 3 & 3, retry_after) {
        (0, _) => (secs(10), secs(1)),
        (1, _) => (secs(60), secs(10)),
        // Longer than the time after which others of its group are tried again.
        (2, None) => (secs(3_600), secs(30)),
        _ => (secs(600), secs(30)),
    };
    let policy = RestartPolicy {
        restart: pick(&[Restart::OnFailure, Restart::Always], by),
        max_restarts: Some(pick(&[0, 1, 2, 5], by >> 1)),
        window,
        reset_after: pick(&[secs(1), secs(60)], by >> 5),
        backoff: Backoff {
            max,
            ..Backoff::default()
        },
        retry_after,
        ..RestartPolicy::default()
    };
    policy.check().unwrap();
    policy
}

/// What was started, with the moments from which on a person had it begin anew.
struct Count {
    spec: UnitSpec,
    /// The limit that holds: its own, or its group's.
    limit: u32,
    window: Duration,
    /// By how many starts there were before.
    cuts: Vec<usize>,
}

impl Count {
    fn check(&self, starts: &[Time]) {
        let era = |index: usize| self.cuts.iter().filter(|cut| **cut <= index).count();
        let mut eras: BTreeMap<usize, Vec<Time>> = BTreeMap::new();
        for (index, at) in starts.iter().enumerate() {
            eras.entry(era(index)).or_default().push(*at);
        }
        for starts in eras.values() {
            for (first, at) in starts.iter().enumerate() {
                let within = starts[first..].iter().filter(|it| **it - *at < self.window);
                let within = within.count();
                let name = &self.spec.name;
                let limit = self.limit as usize + 1;
                assert!(within <= limit, "{name} {within} > {limit}: {starts:?}");
            }
        }
    }
}

fn schedule(strategy: Option<Strategy>, setup: [u16; 4], lives: &[u16], steps: Vec<(u8, u16)>) {
    let mut hall = Hall::with(SupervisorPolicy {
        seed: u64::from(setup[0]),
        ..SupervisorPolicy::default()
    });
    let mut counts: Vec<Count> = Vec::new();
    let group = strategy.map(|strategy| Group {
        escalation: pick(&[Escalation::Isolate, Escalation::StopGroup], setup[3]),
        max_restarts: Some(pick(&[1, 3, 5], setup[2])),
        window: pick(&[secs(10), secs(60), secs(600)], setup[2] >> 2),
        ..Group::new("team", strategy)
    });
    if let Some(group) = &group {
        hall.supervisor.add_group(group.clone()).unwrap();
    }
    for (index, name) in NAMES.into_iter().enumerate() {
        let mut spec = daemon(name);
        spec.policy.restart = policy(setup[index]);
        spec.policy.stop = terminate_within(ms(500));
        spec.policy.readiness = match setup[index] >> 8 & 3 {
            0 => Readiness::Delay(ms(200)),
            _ => Readiness::Started,
        };
        spec.group = group.as_ref().map(|group| group.name.clone());
        if index > 0 && setup[index] >> 10 & 3 == 0 {
            let condition = pick(
                &[Condition::Started, Condition::Completed],
                setup[index] >> 12,
            );
            spec = after(spec, &[(NAMES[index - 1], condition)]);
        }
        let together = group
            .as_ref()
            .filter(|it| it.strategy != Strategy::OneForOne);
        let (limit, window) = match together {
            Some(group) => (group.max_restarts.unwrap(), group.window),
            None => {
                let restart = &spec.policy.restart;
                (restart.max_restarts.unwrap(), restart.window)
            }
        };
        counts.push(Count {
            spec: spec.clone(),
            limit,
            window,
            cuts: Vec::new(),
        });
        let lives = lives.to_vec();
        hall.add_script(spec, move |generation| {
            let at = (generation as usize * NAMES.len() + index) % lives.len();
            child(lives[at])
        });
    }
    hall.start();
    for (kind, by) in steps {
        let index = usize::from(by) % NAMES.len();
        let name = NAMES[index];
        let state = hall.state(name);
        let is_to_end = hall.why(name).starts_with("is to end");
        let before = NAMES.map(|name| hall.starts_of(name).len());
        let begins = match kind % 8 {
            0 => {
                hall.start_unit(name);
                !state.is_running() || state == UnitState::Stopping || is_to_end
            }
            1 => {
                hall.restart_unit(name);
                true
            }
            2 => {
                hall.stop_unit(name);
                false
            }
            _ => {
                hall.advance(ms(u64::from(by)));
                false
            }
        };
        if begins {
            // A person's command also empties the group's window.
            for (other, count) in counts.iter_mut().enumerate() {
                if other == index || strategy.is_some_and(|it| it != Strategy::OneForOne) {
                    count.cuts.push(before[other]);
                }
            }
        }
    }
    hall.advance(secs(2_600));
    for count in counts {
        count.check(&hall.starts_of(&count.spec.name));
    }
}

fn lives() -> impl proptest::strategy::Strategy<Value = Vec<u16>> {
    proptest::collection::vec(any::<u16>(), 4..24)
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<(u8, u16)>> {
    proptest::collection::vec(any::<(u8, u16)>(), 0..24)
}

proptest! {
    #![proptest_config(config(1))]
    #[test]
    fn units_on_their_own(setup: [u16; 4], lives in lives(), steps in steps()) {
        schedule(None, setup, &lives, steps);
    }
}

proptest! {
    #![proptest_config(config(2))]
    #[test]
    fn one_for_one(setup: [u16; 4], lives in lives(), steps in steps()) {
        schedule(Some(Strategy::OneForOne), setup, &lives, steps);
    }
}

proptest! {
    #![proptest_config(config(3))]
    #[test]
    fn one_for_all(setup: [u16; 4], lives in lives(), steps in steps()) {
        schedule(Some(Strategy::OneForAll), setup, &lives, steps);
    }
}

proptest! {
    #![proptest_config(config(4))]
    #[test]
    fn rest_for_one(setup: [u16; 4], lives in lives(), steps in steps()) {
        schedule(Some(Strategy::RestForOne), setup, &lives, steps);
    }
}
