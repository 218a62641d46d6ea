//! Pings under way and what their answers say.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

/// Pings that may be under way at once. With the defaults a worker is killed at 25.
const MAX_UNDER_WAY: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Pings {
    next: u64,
    under_way: VecDeque<Sent>,
    last_rtt: Option<Duration>,
    warned: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u64,
    at: Time,
    /// A later one was answered. Its answer may still come, but is not waited for.
    overtaken: bool,
}

impl Pings {
    /// The number of a new ping, or `None` while too many are unanswered.
    pub(super) fn send(&mut self, now: Time) -> Option<u64> {
        if self.under_way.len() >= MAX_UNDER_WAY {
            return None;
        }
        let seq = self.next;
        self.next += 1;
        self.under_way.push_back(Sent {
            seq,
            at: now,
            overtaken: false,
        });
        Some(seq)
    }

    /// The round trip of ping `seq`, or `None` if no such ping is under way.
    pub(super) fn answer(&mut self, seq: u64, now: Time) -> Option<Duration> {
        let place = self.under_way.iter().position(|sent| sent.seq == seq)?;
        let answered = self.under_way.remove(place)?;
        for earlier in self.under_way.iter_mut().take(place) {
            earlier.overtaken = true;
        }
        let rtt = now - answered.at;
        self.last_rtt = Some(rtt);
        Some(rtt)
    }

    /// When the oldest ping was sent that is waited for.
    pub(super) fn oldest(&self) -> Option<Time> {
        let mut waited_for = self.under_way.iter().filter(|sent| !sent.overtaken);
        waited_for.next().map(|sent| sent.at)
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
        for sent in &mut self.under_way {
            sent.at = sent.at + lateness;
        }
    }
}
