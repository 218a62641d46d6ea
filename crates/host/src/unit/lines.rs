//! What a unit has printed lately, over all its runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greenroom_supervision::Time;
use tokio::sync::broadcast;

use crate::logs::Line;
use crate::supervisor::OutputLine;

/// Lines that are remembered.
const REMEMBERED: usize = 50;

/// What of a line is handed on at most: thousands of them may wait for a slow reader.
const HANDED_ON: usize = 8 << 10;

/// A unit's lines. They belong to its current run, and to the supervisor between two runs.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    last: VecDeque<OutputLine>,
    last_activity: Option<Time>,
    /// Shared with what stays behind when a run has the rest: numbers never go back.
    next_sequence: Arc<AtomicU64>,
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
    /// Everything, for a run. What stays behind is empty and goes on where the run has stopped, if
    /// that never gives them back.
    pub(crate) fn hand_over(&mut self) -> Self {
        let stays = Self {
            next_sequence: Arc::clone(&self.next_sequence),
            ..Self::default()
        };
        std::mem::replace(self, stays)
    }

    pub(crate) fn note_activity(&mut self, now: Time) {
        self.last_activity = Some(now);
    }

    pub(crate) fn add(&mut self, line: Line, now: Time, audience: &Audience) {
        let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
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
            let text = shortened(line.text);
            // Nobody may be listening.
            let _ = audience.listeners.send(OutputLine { text, ..line });
        }
    }

    pub(crate) fn last(&self) -> Vec<OutputLine> {
        self.last.iter().cloned().collect()
    }

    pub(crate) fn last_activity(&self) -> Option<Time> {
        self.last_activity
    }
}

fn shortened(text: Arc<str>) -> Arc<str> {
    if text.len() <= HANDED_ON {
        return text;
    }
    let kept = &text[..text.floor_char_boundary(HANDED_ON)];
    let left_out = text.len() - kept.len();
    format!("{kept}... [{left_out} bytes left out]").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::OutputSource;

    fn audience(listeners: &broadcast::Sender<OutputLine>) -> Audience {
        Audience {
            unit: "talker".into(),
            generation: 0,
            origin: Time::ZERO,
            listeners: listeners.clone(),
        }
    }

    fn line(text: &str) -> Line {
        Line {
            source: OutputSource::Stdout,
            text: text.into(),
            dropped: false,
        }
    }

    #[test]
    fn numbers_never_go_back_even_if_a_run_keeps_its_lines() {
        let listeners = broadcast::Sender::new(8);
        let audience = audience(&listeners);
        let mut slot = Lines::default();
        let mut lost = slot.hand_over();
        lost.add(line("one"), Time::ZERO, &audience);
        lost.add(line("two"), Time::ZERO, &audience);
        let mut next = slot.hand_over();
        next.add(line("three"), Time::ZERO, &audience);
        assert_eq!(next.last()[0].sequence, 2);
    }

    #[test]
    fn who_listens_gets_a_long_line_shortened_and_a_status_has_it_whole() {
        let listeners = broadcast::Sender::new(8);
        let mut heard = listeners.subscribe();
        let mut lines = Lines::default();
        let text = format!("x{}", "\u{e9}".repeat(HANDED_ON));
        lines.add(line(&text), Time::ZERO, &audience(&listeners));
        assert_eq!(&*lines.last()[0].text, text);
        let heard = heard.try_recv().unwrap();
        let (kept, mark) = heard.text.split_once("...").unwrap();
        assert!(text.starts_with(kept) && kept.len() >= HANDED_ON - 1);
        assert_eq!(
            mark,
            format!(" [{} bytes left out]", text.len() - kept.len())
        );
    }
}
