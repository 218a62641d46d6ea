//! Bytes cut into lines, and how many lines may pass.

use greenroom_supervision::Time;

/// Longer lines are cut, as bytes and as text: what is no UTF-8 grows when it is replaced.
const LINE: usize = 64 << 10;
/// Lines handed on a second, after a burst of as many. More are counted and dropped: a flood costs
/// the one who floods, not the host.
const LINES_A_SECOND: f64 = 1_000.0;

/// What is not a whole line yet.
#[derive(Default)]
pub(super) struct Cutter {
    partial: Vec<u8>,
    /// The rest of an over-long line is skipped.
    skipping: bool,
}

impl Cutter {
    /// A last line that nothing ends.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let rest = std::mem::take(&mut self.partial);
        let rest = (!rest.is_empty()).then(|| readable(&rest));
        rest.into_iter().collect()
    }

    pub(super) fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, complete) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if !self.skipping {
                let room = LINE - self.partial.len();
                self.partial
                    .extend_from_slice(&text[..text.len().min(room)]);
            }
            if complete || (self.partial.len() == LINE && !self.skipping) {
                if !self.skipping {
                    lines.push(readable(&self.partial));
                }
                self.partial = Vec::new();
                self.skipping = !complete;
            }
        }
        lines
    }
}

fn readable(line: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    text.truncate(text.floor_char_boundary(LINE));
    text
}

/// A token bucket over lines.
pub(super) struct Budget {
    tokens: f64,
    at: Option<Time>,
    dropped: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            tokens: LINES_A_SECOND,
            at: None,
            dropped: 0,
        }
    }
}

impl Budget {
    pub(super) fn take(&mut self, now: Time) -> bool {
        let elapsed = self.at.map_or(0.0, |at| (now - at).as_secs_f64());
        self.at = Some(now);
        self.tokens = (self.tokens + elapsed * LINES_A_SECOND).min(LINES_A_SECOND);
        if self.tokens < 1.0 {
            self.dropped += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}
