//! Pings under way and what their answers say.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

/// Pings that may be under way at once. With the defaults a worker is killed at 24.
const MAX_UNDER_WAY: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Pings {
    next: u64,
    under_way: VecDeque<(u64, Time)>,
    last_rtt: Option<Duration>,
    warned: bool,
}

impl Pings {
    /// The number of a new ping, or `None` while too many are unanswered.
    pub(super) fn send(&mut self, now: Time) -> Option<u64> {
        if self.under_way.len() >= MAX_UNDER_WAY {
            return None;
        }
        let seq = self.next;
        self.next += 1;
        self.under_way.push_back((seq, now));
        Some(seq)
    }

    /// The round trip of ping `seq`, or `None` if no such ping is under way.
    pub(super) fn answer(&mut self, seq: u64, now: Time) -> Option<Duration> {
        let at = self.under_way.iter().position(|(sent, _)| *sent == seq)?;
        let (_, sent_at) = self.under_way.remove(at)?;
        let rtt = now - sent_at;
        self.last_rtt = Some(rtt);
        Some(rtt)
    }

    pub(super) fn oldest(&self) -> Option<Time> {
        self.under_way.front().map(|(_, sent_at)| *sent_at)
    }

    pub(super) fn last_rtt(&self) -> Option<Duration> {
        self.last_rtt
    }

    /// Whether to warn now: once until an answer comes in time again.
    pub(super) fn warn_once(&mut self) -> bool {
        !std::mem::replace(&mut self.warned, true)
    }

    pub(super) fn has_warned(&self) -> bool {
        self.warned
    }

    pub(super) fn calm(&mut self) {
        self.warned = false;
    }

    /// The host's own delay is not the worker's.
    pub(super) fn postpone(&mut self, lateness: Duration) {
        for (_, sent_at) in &mut self.under_way {
            *sent_at = *sent_at + lateness;
        }
    }
}
