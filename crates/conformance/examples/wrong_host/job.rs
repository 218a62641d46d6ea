//! A job, from its order to its outcome.

use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom_protocol::JobFinished;
use greenroom_protocol::version::output_cost;
use serde_json::{Value, json};

use crate::order::Asked;
use crate::say;

/// So many bytes of an output are shown; the rest is counted.
const SHOWN: usize = 1_000;

pub(crate) struct Job {
    pub(crate) asked: Asked,
    pub(crate) accepted: bool,
    /// Which attempt is under way or comes next, from 1.
    pub(crate) attempt: u32,
    /// What its output may still cost.
    pub(crate) window: u64,
    /// What it has cost since more was allowed.
    pub(crate) taken: u64,
    /// When it is told to stop.
    pub(crate) deadline: Option<Instant>,
    /// When its worker is killed for it.
    pub(crate) last_chance: Option<Instant>,
    /// How much longer its deadline may become.
    pub(crate) extension: Duration,
    hold: bool,
    held: u64,
    head: Vec<u8>,
    bytes: usize,
}

impl Job {
    pub(crate) fn new(asked: Asked) -> Self {
        Self {
            hold: asked.hold,
            asked,
            accepted: false,
            attempt: 1,
            window: 0,
            taken: 0,
            deadline: None,
            last_chance: None,
            extension: Duration::from_secs(2),
            held: 0,
            head: Vec::new(),
            bytes: 0,
        }
    }

    /// Remembers its beginning, and what it costs.
    pub(crate) fn output(&mut self, data: &Bytes, takes: bool) {
        self.keep(data);
        let cost = output_cost(data.len());
        if self.hold && !takes {
            self.held += cost;
        } else {
            self.taken += cost;
        }
    }

    pub(crate) fn keep(&mut self, data: &[u8]) {
        let room = SHOWN - self.head.len();
        self.head.extend(data.iter().take(room));
        self.bytes += data.len();
    }

    pub(crate) fn has_output(&self) -> bool {
        self.bytes > 0
    }

    /// Takes what was held back, and whatever comes.
    pub(crate) fn take(&mut self) {
        self.hold = false;
        self.taken += std::mem::take(&mut self.held);
    }

    /// Output that is held back hides the outcome.
    pub(crate) fn is_held(&self) -> bool {
        self.hold && self.held > 0
    }

    pub(crate) fn finish(&self, end: &JobFinished) {
        self.say(match &end.failure {
            _ if end.cancelled => json!({"outcome": "cancelled"}),
            Some(failure) => json!({
                "outcome": "failed",
                "kind": failure.kind.0,
                "message": failure.message,
                "retryable": failure.retryable,
            }),
            None => json!({
                "outcome": "ok",
                "output": String::from_utf8_lossy(&self.head),
                "bytes": self.bytes,
            }),
        });
    }

    pub(crate) fn lose(&self, reason: &str) {
        self.say(json!({"outcome": "lost", "reason": reason}));
    }

    pub(crate) fn cancelled(&self) {
        self.say(json!({"outcome": "cancelled"}));
    }

    fn say(&self, mut line: Value) {
        line["key"] = self.asked.key.clone().into();
        say(&line);
    }
}
