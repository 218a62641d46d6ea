//! A supervisor's events, as a story that a test reads on and looks back at.

use std::sync::Arc;

use greenroom::Supervisor;
use greenroom::supervisor::{Notice, SupervisorEvent, SupervisorEvents, UnitNotice, UnitReport};

use crate::within;

/// How many seconds an event may take that is sure to come.
const SOON: u64 = 30;

/// A supervisor's events so far.
#[derive(Debug)]
pub struct UnitStory {
    events: SupervisorEvents,
    seen: Vec<SupervisorEvent>,
}

impl UnitStory {
    /// Of this supervisor, from now on.
    pub fn of(supervisor: &Supervisor) -> Self {
        Self {
            events: supervisor.events(),
            seen: Vec::new(),
        }
    }

    /// The next event; `None` once the supervisor is gone.
    pub async fn next(&mut self) -> Option<SupervisorEvent> {
        let event = self.events.next().await?;
        self.seen.push(event.clone());
        Some(event)
    }

    /// Everything read so far.
    pub fn seen(&self) -> &[SupervisorEvent] {
        &self.seen
    }

    /// Reads on until `choose` takes an event, and returns what it made of it.
    ///
    /// # Panics
    ///
    /// If the supervisor ends before that, or nothing of the kind comes for 30 s.
    #[track_caller]
    pub fn until<T>(
        &mut self,
        choose: impl Fn(&SupervisorEvent) -> Option<T>,
    ) -> impl Future<Output = T> {
        within(SOON, async move {
            loop {
                let event = self.events.next().await;
                let event = event.expect("the supervisor has ended before the event came");
                let chosen = choose(&event);
                self.seen.push(event);
                if let Some(chosen) = chosen {
                    return chosen;
                }
            }
        })
    }

    /// Reads on until something of a unit happens.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does.
    #[track_caller]
    pub fn until_unit<T>(
        &mut self,
        unit: &str,
        choose: impl Fn(&UnitNotice) -> Option<T>,
    ) -> impl Future<Output = T> {
        self.until(move |event| match &event.notice {
            Notice::Unit { name, notice, .. } if name == unit => choose(notice),
            _ => None,
        })
    }

    /// Reads on until a unit runs; its process.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does, or if it has none.
    #[track_caller]
    pub fn until_started(&mut self, unit: &str) -> impl Future<Output = u32> {
        self.until_unit(unit, |notice| match notice {
            UnitNotice::Started { pid } => Some(pid.expect("a daemon has a process")),
            _ => None,
        })
    }

    /// Reads on until a unit is ready.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does.
    #[track_caller]
    pub fn until_ready(&mut self, unit: &str) -> impl Future<Output = ()> {
        self.until_unit(unit, |notice| {
            matches!(notice, UnitNotice::Ready { .. }).then_some(())
        })
    }

    /// Reads on until a run of a unit is over; how it lived and ended.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does.
    #[track_caller]
    pub fn until_exited(&mut self, unit: &str) -> impl Future<Output = Arc<UnitReport>> {
        self.until(move |event| {
            let report = event.report.as_ref()?;
            (report.name == unit).then(|| Arc::clone(report))
        })
    }

    /// Reads on until a unit has failed for good; why.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does.
    #[track_caller]
    pub fn until_failed(&mut self, unit: &str) -> impl Future<Output = String> {
        self.until_unit(unit, |notice| match notice {
            UnitNotice::Failed { why, .. } => Some(why.clone()),
            _ => None,
        })
    }

    /// Reads on until every one of so many runs is over, those read before counted.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does.
    #[track_caller]
    pub fn until_exits(&mut self, count: usize) -> impl Future<Output = ()> {
        within(SOON, async move {
            while self.reports().len() < count {
                let event = self.events.next().await;
                self.seen
                    .push(event.expect("the supervisor has ended before the events came"));
            }
        })
    }

    /// How each run ended that was read, in order.
    pub fn reports(&self) -> Vec<Arc<UnitReport>> {
        let reports = self.seen.iter().filter_map(|event| event.report.clone());
        reports.collect()
    }

    /// The notices of a unit that were read, in order.
    pub fn notices(&self, unit: &str) -> Vec<&UnitNotice> {
        let of_unit = self.seen.iter().filter_map(|event| match &event.notice {
            Notice::Unit { name, notice, .. } if name == unit => Some(notice),
            _ => None,
        });
        of_unit.collect()
    }

    /// How often a unit was started.
    pub fn starts(&self, unit: &str) -> usize {
        let notices = self.notices(unit).into_iter();
        notices
            .filter(|notice| matches!(notice, UnitNotice::Started { .. }))
            .count()
    }
}
