//! The restarts of the last while.

use std::collections::VecDeque;
use std::time::Duration;

use super::MAX_RESTARTS;
use crate::Time;

/// When restarts were admitted, oldest first. Only time and a person empty it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window(VecDeque<Time>);

impl Window {
    /// How many there were within `span` before `now`. One that is exactly `span` old is out.
    pub(crate) fn count(&self, now: Time, span: Duration) -> u32 {
        let within = self.0.iter().rev().take_while(|at| now - **at < span);
        u32::try_from(within.count()).unwrap_or(u32::MAX)
    }

    /// Whether one more may follow now.
    pub(crate) fn has_room(&self, now: Time, limit: Option<u32>, span: Duration) -> bool {
        limit.is_none_or(|limit| self.count(now, span) < limit)
    }

    /// From when on one more may follow; `None`: never.
    pub(crate) fn room_from(&self, now: Time, limit: Option<u32>, span: Duration) -> Option<Time> {
        if self.has_room(now, limit, span) {
            return Some(now);
        }
        // The oldest of those that count against the limit must leave.
        let oldest = limit?.checked_sub(1)?;
        self.0
            .iter()
            .rev()
            .nth(oldest as usize)
            .map(|at| *at + span)
    }

    /// Notes a restart, and forgets what no limit counts any more.
    pub(crate) fn admit(&mut self, now: Time, span: Duration) {
        while self.0.front().is_some_and(|at| now - *at >= span)
            || self.0.len() >= MAX_RESTARTS as usize
        {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    fn at(secs: u64) -> Time {
        Time::from_origin(Duration::from_secs(secs))
    }

    #[test]
    fn a_restart_leaves_the_window_when_it_is_as_old_as_it_is_long() {
        let mut window = Window::default();
        window.admit(at(1), SPAN);
        window.admit(at(5), SPAN);
        assert_eq!(window.count(at(10), SPAN), 2);
        assert!(!window.has_room(at(10), Some(2), SPAN));
        assert_eq!(window.count(at(11), SPAN), 1);
        assert!(window.has_room(at(11), Some(2), SPAN));
        assert!(!window.has_room(at(11), Some(0), SPAN));
        assert!(window.has_room(at(11), None, SPAN));
    }

    #[test]
    fn there_is_room_again_when_the_oldest_that_counts_has_left() {
        let mut window = Window::default();
        for secs in [1, 5, 6] {
            window.admit(at(secs), SPAN);
        }
        assert_eq!(window.room_from(at(7), Some(3), SPAN), Some(at(11)));
        assert_eq!(window.room_from(at(7), Some(2), SPAN), Some(at(15)));
        assert_eq!(window.room_from(at(7), Some(4), SPAN), Some(at(7)));
        assert_eq!(window.room_from(at(7), None, SPAN), Some(at(7)));
        assert_eq!(window.room_from(at(7), Some(0), SPAN), None);
    }

    #[test]
    fn without_a_limit_it_is_bounded_all_the_same() {
        let mut window = Window::default();
        for _ in 0..2 * MAX_RESTARTS {
            window.admit(at(1), SPAN);
        }
        assert_eq!(window.count(at(1), SPAN), MAX_RESTARTS);
    }
}
