//! How often units were started, held against their own bound.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use greenroom::supervisor::{Notice, SupervisorEvents, UnitNotice};
use tokio::sync::{mpsc, oneshot};

/// The bound of every unit of the stage, within its window.
pub(super) const MAX_RESTARTS: u32 = 4;

/// The shortest row of starts that breaks it: the first one is no restart.
const TOO_MANY: usize = MAX_RESTARTS as usize + 2;

/// What the events of a supervisor have told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    next: u64,
    missed: u64,
    units: BTreeMap<String, Unit>,
    /// Starts beyond the bound, in words.
    pub(super) faults: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Unit {
    /// When it was last started, oldest first; no more than needed.
    last: VecDeque<Duration>,
    starts: u64,
    given_up: u64,
}

/// Follows the events in a task of its own.
pub(super) struct Restarts {
    asks: mpsc::Sender<oneshot::Sender<Told>>,
}

impl Restarts {
    /// `window` is that of the unit of a name.
    pub(super) fn watch(mut events: SupervisorEvents, window: fn(&str) -> Duration) -> Self {
        let (asks, mut asked) = mpsc::channel::<oneshot::Sender<Told>>(1);
        tokio::spawn(async move {
            let mut told = Told::default();
            loop {
                tokio::select! {
                    biased;
                    Some(event) = events.next() => {
                        told.missed(event.sequence);
                        if let Notice::Unit { name, notice, .. } = &event.notice {
                            told.hear(event.at, name, notice, window(name));
                        }
                    }
                    Some(reply) = asked.recv() => {
                        let _ = reply.send(told.clone());
                        told.faults.clear();
                    }
                    else => return,
                }
            }
        });
        Self { asks }
    }

    /// Everything up to now.
    pub(super) async fn tell(&self) -> Told {
        let (reply, told) = oneshot::channel();
        let _ = self.asks.send(reply).await;
        told.await.unwrap_or_default()
    }
}

impl Told {
    /// What was not seen can only make the rest look better: rows of starts begin anew.
    fn missed(&mut self, sequence: u64) {
        if sequence != self.next {
            self.missed += sequence - self.next;
            self.units.values_mut().for_each(|unit| unit.last.clear());
        }
        self.next = sequence + 1;
    }

    fn hear(&mut self, at: Duration, name: &str, notice: &UnitNotice, window: Duration) {
        let unit = self.units.entry(name.to_owned()).or_default();
        match notice {
            // The order to start it: also of those whose process could not be made.
            UnitNotice::Starting { .. } => {
                unit.starts += 1;
                unit.last.push_back(at);
                if unit.last.len() > TOO_MANY {
                    unit.last.pop_front();
                }
                let span = at.saturating_sub(unit.last[0]);
                if unit.last.len() == TOO_MANY && span < window {
                    self.faults.push(format!(
                        "unit {name} was started {TOO_MANY} times within {span:?}: at most \
                         {MAX_RESTARTS} restarts in {window:?} are allowed"
                    ));
                }
            }
            UnitNotice::Failed { .. } => unit.given_up += 1,
            _ => {}
        }
    }

    pub(super) fn given_up(&self, unit: &str) -> u64 {
        self.units.get(unit).map_or(0, |unit| unit.given_up)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starts: u64 = self.units.values().map(|unit| unit.starts).sum();
        let given_up: u64 = self.units.values().map(|unit| unit.given_up).sum();
        write!(
            f,
            "{starts} starts of {} units, given up {given_up} times ({} events, {} missed)",
            self.units.len(),
            self.next,
            self.missed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(at_ms: &[u64]) -> Told {
        let mut told = Told::default();
        for at in at_ms {
            let starting = UnitNotice::Starting { generation: 0 };
            told.hear(
                Duration::from_millis(*at),
                "one",
                &starting,
                Duration::from_secs(3),
            );
        }
        told
    }

    #[test]
    fn the_bound_is_a_start_and_four_restarts_in_any_window() {
        assert!(starts(&[0, 1, 2, 3, 4, 3_000]).faults.is_empty());
        assert_eq!(starts(&[0, 1, 2, 3, 4, 2_999]).faults.len(), 1);
        assert_eq!(
            starts(&[0, 2_000, 2_001, 2_002, 2_003, 3_500, 3_501])
                .faults
                .len(),
            1
        );
    }
}
