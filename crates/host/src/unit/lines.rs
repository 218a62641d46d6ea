//! What a unit has printed lately, over all its runs.

use std::collections::VecDeque;
use std::sync::Arc;

use greenroom_supervision::Time;
use tokio::sync::broadcast;

use crate::logs::Line;
use crate::supervisor::OutputLine;

/// Lines that are remembered.
const REMEMBERED: usize = 50;

/// A unit's lines. They belong to its current run, and to the supervisor between two runs.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    last: VecDeque<OutputLine>,
    last_activity: Option<Time>,
    next_sequence: u64,
}

/// Where lines of one run go.
pub(crate) struct Audience {
    pub(crate) unit: Arc<str>,
    pub(crate) generation: u64,
    /// When the supervisor was made.
    pub(crate) origin: Time,
    pub(crate) listeners: broadcast::Sender<OutputLine>,
}

impl Lines {
    pub(crate) fn note_activity(&mut self, now: Time) {
        self.last_activity = Some(now);
    }

    pub(crate) fn add(&mut self, line: Line, now: Time, audience: &Audience) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let dropped = line.dropped;
        let line = OutputLine {
            sequence,
            at: now - audience.origin,
            unit: Arc::clone(&audience.unit),
            generation: audience.generation,
            source: line.source,
            text: line.text.into(),
        };
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        if !dropped {
            // Nobody may be listening.
            let _ = audience.listeners.send(line);
        }
    }

    pub(crate) fn last(&self) -> Vec<OutputLine> {
        self.last.iter().cloned().collect()
    }

    pub(crate) fn last_activity(&self) -> Option<Time> {
        self.last_activity
    }
}
