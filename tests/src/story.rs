//! A pool's events, as a story that a test reads on and looks back at.

use std::sync::Arc;

use greenroom::{CrashReport, Event, EventKind, Events, WorkerId};

use crate::within;

/// How many seconds an event may take that is sure to come.
const SOON: u64 = 30;

/// A pool's events so far.
#[derive(Debug)]
pub struct Story {
    events: Events,
    seen: Vec<Event>,
}

impl Story {
    /// Of a pool that these events come from.
    pub fn new(events: Events) -> Self {
        Self {
            events,
            seen: Vec::new(),
        }
    }

    /// Everything read so far.
    pub fn seen(&self) -> &[Event] {
        &self.seen
    }

    /// Reads on until an event is one of those, and returns it.
    ///
    /// # Panics
    ///
    /// If the pool ends before that, or nothing of the kind comes for 30 s.
    #[track_caller]
    pub fn until(
        &mut self,
        wanted: impl Fn(&EventKind) -> bool,
    ) -> impl Future<Output = EventKind> {
        within(SOON, async move {
            loop {
                let event = self.events.next().await;
                let event = event.expect("the pool has closed before the event came");
                self.seen.push(event.clone());
                if wanted(&event.kind) {
                    return event.kind;
                }
            }
        })
    }

    /// Reads on until so many events of a kind have come, those before counted.
    ///
    /// # Panics
    ///
    /// As [`until`](Self::until) does.
    #[track_caller]
    pub fn until_count(
        &mut self,
        count: usize,
        wanted: impl Fn(&EventKind) -> bool,
    ) -> impl Future<Output = ()> {
        within(SOON, async move {
            while self.count(&wanted) < count {
                let event = self.events.next().await;
                self.seen
                    .push(event.expect("the pool has closed before the events came"));
            }
        })
    }

    /// Reads to the end of a pool that closes.
    ///
    /// # Panics
    ///
    /// If it has not closed after 30 s.
    #[track_caller]
    pub fn to_the_end(&mut self) -> impl Future<Output = ()> {
        within(SOON, async move {
            while let Some(event) = self.events.next().await {
                self.seen.push(event);
            }
        })
    }

    /// How many events of a kind were read.
    pub fn count(&self, wanted: impl Fn(&EventKind) -> bool) -> usize {
        self.seen.iter().filter(|event| wanted(&event.kind)).count()
    }

    /// The process of each worker that was started, in order.
    pub fn pids(&self) -> Vec<u32> {
        self.select(|kind| match kind {
            EventKind::Started { pid, .. } => Some(*pid),
            _ => None,
        })
    }

    /// The process of a worker.
    ///
    /// # Panics
    ///
    /// If no event has said so yet.
    pub fn pid(&self, wanted: WorkerId) -> u32 {
        let pids = self.select(|kind| match kind {
            EventKind::Started { worker, pid } if *worker == wanted => Some(*pid),
            _ => None,
        });
        *pids.first().expect("the worker was started")
    }

    /// The workers that became ready, in order.
    pub fn ready(&self) -> Vec<WorkerId> {
        self.select(|kind| match kind {
            EventKind::Ready { worker, .. } => Some(*worker),
            _ => None,
        })
    }

    /// How each worker ended that has, in order.
    pub fn reports(&self) -> Vec<Arc<CrashReport>> {
        self.select(|kind| match kind {
            EventKind::Closed { report } => Some(Arc::clone(report)),
            _ => None,
        })
    }

    fn select<T>(&self, of: impl Fn(&EventKind) -> Option<T>) -> Vec<T> {
        self.seen
            .iter()
            .filter_map(|event| of(&event.kind))
            .collect()
    }
}
